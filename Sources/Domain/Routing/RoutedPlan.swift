// A plan that was chosen, in names: it can be read without the network that it was made on.

package import Base

/// Units of a line of the cart in a shipment.
package struct ShippedLine: Hashable, Sendable {
    /// The line's place in the cart.
    package var line: Int
    package var sku: String
    package var quantity: Int64

    package init(line: Int, sku: String, quantity: Int64) {
        self.line = line
        self.sku = sku
        self.quantity = quantity
    }
}

/// What goes from one node in one parcel.
package struct RoutedShipment: Hashable, Sendable {
    package var node: String
    package var service: String
    package var carrier: String
    /// The node's local day on which it leaves.
    package var slotDay: Day
    /// The window of that day.
    package var slotWindow: Int16
    package var arrives: Day
    package var lines: [ShippedLine]
    package var amounts: RouteAmounts

    package init(
        node: String,
        service: String,
        carrier: String,
        slotDay: Day,
        slotWindow: Int16,
        arrives: Day,
        lines: [ShippedLine],
        amounts: RouteAmounts,
    ) {
        self.node = node
        self.service = service
        self.carrier = carrier
        self.slotDay = slotDay
        self.slotWindow = slotWindow
        self.arrives = arrives
        self.lines = lines
        self.amounts = amounts
    }
}

/// One way to serve a whole cart.
package struct RoutedPlan: Hashable, Sendable {
    /// By node.
    package var shipments: [RoutedShipment]
    package var amounts: RouteAmounts
    package var score: Int64

    package init(shipments: [RoutedShipment], amounts: RouteAmounts, score: Int64) {
        self.shipments = shipments
        self.amounts = amounts
        self.score = score
    }

    /// Names what `plan` means on the network that it was made on.
    package init(_ plan: RoutePlan, question: RouteQuestion, network: Network) {
        shipments = plan.shipments.map { shipment in
            let node = network.nodes[shipment.node]
            let service = network.services[shipment.service]
            let slot = node.slots[shipment.slot]
            return RoutedShipment(
                node: node.name,
                service: service.name,
                carrier: service.carrier,
                slotDay: slot.day,
                slotWindow: slot.window,
                arrives: shipment.arrives,
                lines: shipment.lines.map { line in
                    ShippedLine(
                        line: line.line,
                        sku: question.lines[line.line].sku,
                        quantity: line.quantity,
                    )
                },
                amounts: shipment.amounts,
            )
        }
        amounts = plan.amounts
        score = plan.score
    }

    /// When the last shipment arrives.
    package var arrives: Day { shipments.map(\.arrives).max() ?? 0 }
}

/// Which version of which rule set.
package struct RuleSetName: Hashable, Sendable {
    package var name: String
    package var version: Int32

    package init(name: String, version: Int32) {
        self.name = name
        self.version = version
    }
}

/// Why a question has no plan.
///
/// The numbers are stored.
package enum NoPlan: Int16, CaseIterable, Sendable {
    /// All nodes together have too few free units.
    case units = 1
    /// With room in every slot there would be a plan.
    case capacity = 2
    /// If it might arrive later there would be a plan.
    case promiseDate = 3
    /// Without the rules there would be a plan: the rule set's, and nodes that rejected a SKU.
    case rules = 4
    /// Several of capacity, date and rules together stand in the way.
    case severalObstacles = 5
    /// No node that has it may send it there.
    case network = 6

    /// As callers read it.
    package var name: String {
        switch self {
        case .units: "UNITS"
        case .capacity: "CAPACITY"
        case .promiseDate: "PROMISE_DATE"
        case .rules: "RULES"
        case .severalObstacles: "SEVERAL_OBSTACLES"
        case .network: "NETWORK"
        }
    }
}

/// What came of a question.
package enum RouteResult: Hashable, Sendable {
    /// The winner; no plan scores less than `bound`.
    case planned(RoutePlan, isOptimal: Bool, bound: Int64)
    case refused(NoPlan)
}

/// A decision and all that it was made from: enough to make it again.
package struct RouteDecision: Hashable, Sendable {
    /// Of a reservation that was routed: its own id.
    package var id: ID
    package var question: RouteQuestion
    /// The network's version.
    package var network: Int64
    package var rules: RuleSetName
    package var view: RouteView
    /// Steps that the search was allowed.
    package var steps: Int
    package var result: RouteResult

    package init(
        id: ID,
        question: RouteQuestion,
        network: Int64,
        rules: RuleSetName,
        view: RouteView,
        steps: Int,
        result: RouteResult,
    ) {
        self.id = id
        self.question = question
        self.network = network
        self.rules = rules
        self.view = view
        self.steps = steps
        self.result = result
    }
}
