// The order of things: invoices as the file has them, and before each invoice the shipping of what
// is old enough by the file's own clock. Pure, so that every run asks for the same.

/// One thing to do.
package enum Step: Hashable, Sendable {
    case place(OrderPart)
    /// Ships what is left of an order part.
    case ship(String)
    case credit(Invoice)
    case adjust(Sale)
}

/// A step, the lane that keeps its order, and the time of the file.
package struct ScheduledStep: Hashable, Sendable {
    package var lane: String
    package var step: Step
    package var time: Int64
}

/// Gives the steps of one invoice after the other.
package struct Schedule {
    private struct Due {
        var at: Int64
        var lane: String
        var part: String
    }

    private let shipAfter: Int64
    private var clock = Int64.min
    private var due: [Due] = []
    private var shipped = 0

    /// - Parameter shipAfter: seconds of the file's clock.
    package init(shipAfter: Int64) {
        self.shipAfter = shipAfter
    }

    /// What to do when the file comes to an invoice.
    package mutating func steps(for invoice: Invoice) -> [ScheduledStep] {
        clock = max(clock, invoice.time)
        var steps = dueSteps()
        let customer = invoice.sales.first?.customer ?? ""
        let lane = customer.isEmpty ? "invoice \(invoice.number)" : "customer \(customer)"
        if invoice.isCredit {
            steps.append(ScheduledStep(lane: lane, step: .credit(invoice), time: clock))
            return steps
        }
        for part in invoice.parts {
            steps.append(ScheduledStep(lane: lane, step: .place(part), time: clock))
            due.append(Due(at: clock + shipAfter, lane: lane, part: part.name))
        }
        for sale in invoice.adjustments {
            let lane = "stock \(sale.sku)"
            steps.append(ScheduledStep(lane: lane, step: .adjust(sale), time: clock))
        }
        return steps
    }

    /// What is old enough to be shipped by now.
    package mutating func dueSteps() -> [ScheduledStep] {
        var steps: [ScheduledStep] = []
        while shipped < due.count, due[shipped].at <= clock {
            let next = due[shipped]
            steps.append(ScheduledStep(lane: next.lane, step: .ship(next.part), time: clock))
            shipped += 1
        }
        return steps
    }
}
