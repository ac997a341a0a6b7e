// What the planner answers: plans in their order, how sure it is of them, or what forbids every plan.

package import Base
package import Domain

/// How long a search may go on, in steps.
///
/// Steps and not time: the same question with the same budget has the same answer on any machine, so
/// that a stored decision can be played again. A step is a look at one line at one node.
package struct SearchBudget: Hashable, Sendable {
    package var steps: Int
    /// How many of them a search may take before it is counted as a hard one, in which more is done to
    /// leave out more.
    package var easySteps = 20_000

    package init(steps: Int) {
        self.steps = max(0, steps)
    }

    /// As many steps as surely fit between `now` and `deadline`, and not more than `ordinary`.
    package init(until deadline: Deadline, at now: Deadline) {
        guard deadline != .never else {
            self = .ordinary
            return
        }
        let left = max(0, deadline.nanoseconds - now.nanoseconds)
        self.steps = min(Self.ordinary.steps, Int(left / Self.nanosecondsOfStep))
    }

    /// What a caller without a deadline gets.
    package static let ordinary = SearchBudget(steps: 20_000_000)

    /// More than a step takes in a release build.
    private static let nanosecondsOfStep: Int64 = 20
}

/// The plans for a question.
package struct RouteAnswer: Hashable, Sendable {
    /// The winner first, then the runner-ups; empty when there is no plan.
    ///
    /// Plans are ordered by score; equal scores by fewer shipments, then by the earlier last arrival,
    /// then by the lower cost. What is equal in all of that is ordered by its shipments, one by one by
    /// the node's place in the network (which is by name): the node, the earlier arrival, the service's
    /// place, the earlier slot. Of plans that differ in quantities alone, the one that takes more of the
    /// first line at the first node comes first, and so on by line, then by node.
    ///
    /// A runner-up is the best plan that leaves out at least one node of each plan before it.
    package var plans: [RoutePlan]
    /// Whether the winner is proven to be the best plan, or the refusal to be right.
    package var isOptimal: Bool
    /// No plan scores less; the winner's score when it is optimal.
    package var bound: Int64
    /// Steps that the search took.
    package var explored: Int
    /// The steps that it was allowed: with them the question is answered alike again.
    package var budget: SearchBudget
    /// Why there is no plan; nil when there is one.
    package var refusal: RouteRefusal?

    package init(
        plans: [RoutePlan],
        isOptimal: Bool,
        bound: Int64,
        explored: Int,
        budget: SearchBudget,
        refusal: RouteRefusal?,
    ) {
        self.plans = plans
        self.isOptimal = isOptimal
        self.bound = bound
        self.explored = explored
        self.budget = budget
        self.refusal = refusal
    }

    /// By how much the winner may miss the best plan at most, in points; 0 when it is optimal.
    package var gap: Int64 { plans.first.map { $0.score - bound } ?? 0 }
}

/// Why there is no plan.
package struct RouteRefusal: Hashable, Sendable {
    /// What stands in the way.
    package enum Reason: Int16, CaseIterable, Sendable {
        /// All nodes together have too few free units.
        case units = 1
        /// With room in every slot there would be a plan.
        case capacity = 2
        /// If it might arrive later there would be a plan.
        case promiseDate = 3
        /// Without the rules there would be a plan: the rule set's, and nodes that rejected a SKU.
        case rules = 4
        /// Several of capacity, date and rules together stand in the way, none alone.
        case severalObstacles = 5
        /// No node that has it may send it there: status, abilities, countries, services.
        case network = 6
        /// The budget ended before a plan was found; there may be one.
        case searchCut = 7
    }

    package var reason: Reason
    /// Lines that cannot be served in full by all nodes that may serve them, with the units that are
    /// missing; empty when each line can be served, but not all of them together.
    package var missing: [MissingUnits]

    package init(reason: Reason, missing: [MissingUnits]) {
        self.reason = reason
        self.missing = missing
    }
}

/// Units of a line that nobody can send.
package struct MissingUnits: Hashable, Sendable {
    /// The line's place in the cart.
    package var line: Int
    package var units: Int64

    package init(line: Int, units: Int64) {
        self.line = line
        self.units = units
    }
}
