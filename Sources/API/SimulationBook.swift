// Adds a simulation up: in all, by node, by days until arrival. Pure.

internal import Base
package import Domain
package import Messages
package import Promising

/// The sums of a simulation.
package struct SimulationBook {
    private let rules: RuleSetName
    private var summary = Holdfast_V1_SimulationSummary()
    private var nodes: [String: Holdfast_V1_NodeComparison] = [:]
    private var promises: [Int64: (before: Int64, after: Int64)] = [:]
    private var currencies: Set<String> = []

    package init(rules: RuleSetName) {
        self.rules = rules
    }

    package mutating func add(_ comparison: RouteComparison) {
        summary.decisions += 1
        if comparison.isDifferent { summary.changed += 1 }
        currencies.insert(comparison.currency)
        summary.before.add(comparison.before)
        summary.after.add(comparison.after)
        if let plan = comparison.before.plan {
            promises[plan.amounts.promiseDays, default: (0, 0)].before += 1
            for shipment in plan.shipments {
                let node = shipment.node
                nodes[node, default: Holdfast_V1_NodeComparison()].shipmentsBefore += 1
                nodes[node]?.unitsBefore += shipment.lines.reduce(0) { $0 + $1.quantity }
                nodes[node]?.costMinorBefore += shipment.amounts.costMinor
            }
        }
        if let plan = comparison.after.plan {
            promises[plan.amounts.promiseDays, default: (0, 0)].after += 1
            for shipment in plan.shipments {
                let node = shipment.node
                nodes[node, default: Holdfast_V1_NodeComparison()].shipmentsAfter += 1
                nodes[node]?.unitsAfter += shipment.lines.reduce(0) { $0 + $1.quantity }
                nodes[node]?.costMinorAfter += shipment.amounts.costMinor
            }
        }
    }

    /// The sums as a message; nodes by name, promises by days.
    package var message: Holdfast_V1_SimulationSummary {
        var message = summary
        message.currency = currencies.count == 1 ? currencies.first ?? "" : ""
        message.ruleSet = Holdfast_V1_RuleSetRef(rules)
        message.nodes = nodes.sorted { $0.key < $1.key }
            .map { name, sums in
                var node = sums
                node.node = name
                return node
            }
        message.promises = promises.sorted { $0.key < $1.key }
            .map { days, counts in
                var count = Holdfast_V1_PromiseCount()
                count.days = Int32(clamping: days)
                count.before = counts.before
                count.after = counts.after
                return count
            }
        return message
    }
}

extension Holdfast_V1_SimulationSums {
    fileprivate mutating func add(_ side: RouteSide) {
        guard let plan = side.plan else {
            unplanned += 1
            return
        }
        planned += 1
        costMinor += plan.amounts.costMinor
        shipments += plan.amounts.shipments
        splits += plan.amounts.shipments > 1 ? 1 : 0
        promiseDays += plan.amounts.promiseDays
        distanceKm += plan.amounts.distanceKm
        score += side.score
    }
}

extension Holdfast_V1_RouteDifference {
    /// - Parameter cart: its place among the carts, where it was not a decision.
    init(_ comparison: RouteComparison, cart: Int, goals: Goals) {
        self.init()
        if let id = comparison.id {
            decisionID = id.description
        } else {
            self.cart = Int32(clamping: cart)
        }
        if let plan = comparison.before.plan { before = Holdfast_V1_RoutePlan(plan, goals: goals) }
        if let plan = comparison.after.plan { after = Holdfast_V1_RoutePlan(plan, goals: goals) }
        noPlanBefore = comparison.before.noPlan?.name ?? ""
        noPlanAfter = comparison.after.noPlan?.name ?? ""
    }
}
