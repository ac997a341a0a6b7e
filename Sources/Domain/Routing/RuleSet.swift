// How a channel wants its orders routed: what may not be, and what is wanted how much. A version of a
// rule set never changes.

/// Some nodes: those that every list that is not empty names.
package struct NodeFilter: Hashable, Sendable {
    package var nodes: Set<String> = []
    package var kinds: Set<NodeKind> = []
    /// The countries that the nodes are in.
    package var countries: Set<String> = []

    package init() {}

    package func matches(_ node: Node) -> Bool {
        (nodes.isEmpty || nodes.contains(node.name))
            && (kinds.isEmpty || kinds.contains(node.kind))
            && (countries.isEmpty || countries.contains(node.country))
    }
}

/// What a plan must keep to.
package enum HardRule: Hashable, Sendable {
    /// These nodes may not ship there (to any destination, when `destinations` is empty).
    case notFrom(NodeFilter, destinations: Set<String>)
    /// No other node may ship there.
    case onlyFrom(NodeFilter, destinations: Set<String>)
    /// At most so many shipments; 1: no split.
    case shipmentsAtMost(Int)
    /// The units of one line come from one node.
    case linesWhole
    /// It arrives within so many days of the day it is planned on (UTC).
    case arrivesWithin(days: Int32)
    /// The last units of each SKU at these nodes are for their own customers.
    case keepsLast(units: Int64, NodeFilter)
}

/// How much a point of each amount counts.
///
/// A plan's score is the sum of weight times amount over all of them; the smallest score wins. No weight
/// is below zero.
package struct Goals: Hashable, Sendable {
    /// For each minor unit of cost: handling and carriage.
    package var cost: Int64 = 0
    /// For each kilometre between node and destination, shipment by shipment.
    package var distance: Int64 = 0
    /// For each shipment.
    package var shipments: Int64 = 0
    /// For each day from the day it is planned on (UTC) to the day the last shipment arrives.
    package var promise: Int64 = 0
    /// For each thousandth of its slot's orders that is taken already, shipment by shipment.
    package var balance: Int64 = 0
    /// For each step of the node's priority, shipment by shipment.
    package var priority: Int64 = 0
    /// For each unit that is taken of the last `scarceBelow` of a SKU at a node.
    package var scarcity: Int64 = 0
    /// Below how many free units a SKU is scarce at a node.
    package var scarceBelow: Int64 = 0

    package init() {}
}

/// A rule set at one version.
package struct RuleSet: Hashable, Sendable {
    package var name: String
    /// Counts from 1.
    package var version: Int32
    package var rules: [HardRule]
    package var goals: Goals

    package init(name: String, version: Int32, rules: [HardRule], goals: Goals) {
        self.name = name
        self.version = version
        self.rules = rules
        self.goals = goals
    }

    /// What names it for ever.
    package var fullName: RuleSetName { RuleSetName(name: name, version: version) }
}

extension RuleSet {
    /// For channels that chose none: cheapest, then soonest, then in few shipments.
    package static let standard: RuleSet = {
        var goals = Goals()
        goals.cost = 100
        goals.promise = 20_000
        goals.shipments = 10_000
        goals.distance = 1
        return RuleSet(name: "standard", version: 1, rules: [], goals: goals)
    }()
}
