// Why the winner won: every node with all published numbers, and what the best plan through it lost by.

package import Domain

/// A goal of a rule set, as something to lose points by.
package enum Goal: Int16, CaseIterable, Sendable {
    case cost = 1
    case distance = 2
    case shipments = 3
    case promise = 4
    case balance = 5
    case priority = 6
    case scarcity = 7

    /// What a plan has of it.
    package func amount(of amounts: RouteAmounts) -> Int64 {
        switch self {
        case .cost: amounts.costMinor
        case .distance: amounts.distanceKm
        case .shipments: amounts.shipments
        case .promise: amounts.promiseDays
        case .balance: amounts.loadPermille
        case .priority: amounts.priority
        case .scarcity: amounts.scarceUnits
        }
    }

    /// What one of it counts.
    package func weight(in goals: Goals) -> Int64 {
        switch self {
        case .cost: goals.cost
        case .distance: goals.distance
        case .shipments: goals.shipments
        case .promise: goals.promise
        case .balance: goals.balance
        case .priority: goals.priority
        case .scarcity: goals.scarcity
        }
    }
}

/// What two plans differ by in one goal.
package struct GoalDifference: Hashable, Sendable {
    package var goal: Goal
    /// More than the winner has, in the goal's own unit; below zero: less.
    package var amount: Int64
    /// Times the weight.
    package var points: Int64

    package init(goal: Goal, amount: Int64, points: Int64) {
        self.goal = goal
        self.amount = amount
        self.points = points
    }
}

/// One way for a node to send something: a service and a slot, with what it costs.
package struct RouteOffer: Hashable, Sendable {
    /// Its place in `Network.services`.
    package var service: Int
    /// Its place in the node's slots.
    package var slot: Int
    /// When it arrives.
    package var arrives: Day
    /// How many units it takes at most; nil: as many as one likes.
    package var unitsRoom: Int64?
    /// Of the shipment, whatever is in it: handling, carriage, distance, the shipment itself, load,
    /// priority, and the days until it arrives.
    package var perShipment: RouteAmounts
    /// Of each unit, by line of the cart: handling and carriage.
    package var perUnit: [RouteAmounts]
    /// Whether it may carry the line, by line of the cart.
    package var carries: [Bool]
}

/// What is to be said of one node.
package struct NodeExplanation: Hashable, Sendable {
    /// Its place in `Network.nodes`.
    package var node: Int
    /// Why it is in no plan; nil when it might be.
    package var exclusion: Exclusion?
    /// Units that it could give, by line of the cart: free, less what rules keep, none where it may not.
    package var units: [Int64]
    /// How many of them before the last `scarceBelow` are touched, by line.
    package var unitsBeforeScarce: [Int64]
    /// Everything that it could send, by service, then by slot.
    package var offers: [RouteOffer]
    /// Services of it that go with no slot, and why.
    package var servicesOut: [ServiceExclusion]
    /// The best plan in which it serves at least one unit; nil when there is none.
    package var bestPlan: RoutePlan?
    /// Whether that plan is proven to be the best through this node.
    package var bestPlanIsOptimal: Bool
    /// By what that plan lost, goal by goal; the points add up to what it scores more than the winner.
    ///
    /// Empty when it is the winner. All 0: it lost by the order of ties.
    package var lostBy: [GoalDifference]
}

/// Why a service of a node is of no use.
package struct ServiceExclusion: Hashable, Sendable {
    /// Its place in `Network.services`.
    package var service: Int
    package var exclusion: Exclusion
}

/// A question answered, with everything that the answer rests on.
package struct RouteExplanation: Hashable, Sendable {
    package var answer: RouteAnswer
    /// The day that the question is planned on (UTC), from which promise days count.
    package var today: Day
    /// The last day on which it may arrive; nil: whenever.
    package var arriveBy: Day?
    /// Most shipments that a plan may have; nil: no rule says.
    package var shipmentsMax: Int?
    /// Whether units of one line come from one node.
    package var linesWhole: Bool
    /// By place in `Network.nodes`.
    package var nodes: [NodeExplanation]
}
