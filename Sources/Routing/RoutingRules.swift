// A rule set, worked out for one version of the network: which rule speaks of which node.

package import Domain

/// A rule set laid out for the planner.
///
/// Made once for each pair of versions and shared.
package final class RoutingRules: Sendable {
    /// What it was made from.
    package let set: RuleSet

    /// A rule that forbids nodes for some destinations.
    struct Ban: Sendable {
        /// Its place in the rule set.
        var rule: Int
        /// Nil: all.
        var destinations: Set<String>?
        /// By node.
        var forbids: [Bool]
    }

    let bans: [Ban]
    /// Units of each SKU that a node keeps, by node: of several rules the one that keeps most.
    let keeps: [Int64]
    /// Nil: as many as there are nodes.
    let shipmentsMax: Int?
    let linesWhole: Bool
    /// Nil: whenever.
    let daysMax: Int64?
    /// Weights, none below zero.
    package let goals: Goals

    /// Lays the rules out for the nodes of an index.
    package init(_ set: RuleSet, for index: RoutingIndex) {
        self.set = set
        let nodes = index.network.nodes
        var bans: [Ban] = []
        var keeps = [Int64](repeating: 0, count: nodes.count)
        var shipmentsMax: Int?
        var linesWhole = false
        var daysMax: Int64?
        for (place, rule) in set.rules.enumerated() {
            switch rule {
            case .notFrom(let filter, let destinations):
                bans.append(
                    Ban(
                        rule: place,
                        destinations: destinations.isEmpty ? nil : destinations,
                        forbids: nodes.map { filter.matches($0) },
                    )
                )
            case .onlyFrom(let filter, let destinations):
                bans.append(
                    Ban(
                        rule: place,
                        destinations: destinations.isEmpty ? nil : destinations,
                        forbids: nodes.map { !filter.matches($0) },
                    )
                )
            case .shipmentsAtMost(let count):
                shipmentsMax = min(shipmentsMax ?? .max, max(0, count))
            case .linesWhole:
                linesWhole = true
            case .arrivesWithin(let days):
                daysMax = min(daysMax ?? .max, Int64(days))
            case .keepsLast(let units, let filter):
                for (node, facts) in nodes.enumerated() where filter.matches(facts) {
                    keeps[node] = max(keeps[node], units)
                }
            }
        }
        self.bans = bans
        self.keeps = keeps
        self.shipmentsMax = shipmentsMax
        self.linesWhole = linesWhole
        self.daysMax = daysMax
        goals = set.goals.clamped
    }
}

extension Goals {
    /// The same with 0 for what is below it.
    fileprivate var clamped: Goals {
        var goals = self
        goals.cost = max(0, cost)
        goals.distance = max(0, distance)
        goals.shipments = max(0, shipments)
        goals.promise = max(0, promise)
        goals.balance = max(0, balance)
        goals.priority = max(0, priority)
        goals.scarcity = max(0, scarcity)
        goals.scarceBelow = max(0, scarceBelow)
        return goals
    }
}
