// What if: decisions that were made, or carts, planned by another rule set on what was free then. Reads
// what is stored and writes nothing.

package import Base
package import Domain
internal import Routing

/// One decision by two rule sets.
package struct RouteComparison: Hashable, Sendable {
    /// Nil: a cart that was not decided about.
    package var id: ID?
    package var at: Instant
    package var channel: String
    package var currency: String
    package var before: RouteSide
    package var after: RouteSide

    /// Whether another plan comes out, or none, or one where there was none.
    package var isDifferent: Bool { before.plan?.shipments != after.plan?.shipments }
}

/// What one rule set makes of a question.
package struct RouteSide: Hashable, Sendable {
    /// Nil: there is none.
    package var plan: RoutedPlan?
    package var noPlan: NoPlan?
    /// What the new rules score it, whichever rules made it; 0 without a plan.
    package var score: Int64
}

/// A cart of a simulation.
package struct SimulatedCart: Sendable {
    package var question: RouteQuestion

    package init(question: RouteQuestion) {
        self.question = question
    }
}

/// Plays decisions under other rules, on one loop.
package struct RouteSimulation<Gate: PeekPort, Ledger: RouteLedgerPort, Networks: NetworkPort> {
    private let history: RouteHistory<Ledger, Networks>
    private let planning: RoutePlanning<Gate, Ledger>

    package init(
        history: RouteHistory<Ledger, Networks>,
        planning: RoutePlanning<Gate, Ledger>,
    ) {
        self.history = history
        self.planning = planning
    }

    /// Plays stored decisions, on the network and the figures that they were made on.
    ///
    /// A network is worked out once for all decisions that follow each other on it.
    package func play(
        _ routes: [StoredRoute],
        under rules: RuleSet,
    ) async throws(Failure) -> [RouteComparison] {
        var networks: [Int64: Network] = [:]
        for version in Set(routes.map(\.record.network)) {
            networks[version] = try await history.network(version)
        }
        let desk = planning.desk
        let indices = networks.mapValues { desk.index($0) }
        let played = await elsewhere { () -> [RouteComparison?] in
            let laidOut = indices.mapValues { RoutingRules(rules, for: $0) }
            return routes.map { route in
                guard let index = indices[route.record.network],
                    let rules = laidOut[route.record.network],
                    let decision = RouteCodec.decision(route.record, network: index.network)
                else { return nil }
                let answer = RoutePlanner.plan(
                    question: decision.question,
                    index: index,
                    rules: rules,
                    view: decision.view,
                    budget: SearchBudget(steps: decision.steps),
                )
                return RouteComparison(
                    id: route.record.id,
                    at: route.at,
                    channel: route.record.channel,
                    currency: index.network.currency,
                    before: RouteSide(decision.result, decision.question, index, rules.goals),
                    after: RouteSide(answer, decision.question, index, rules.goals),
                )
            }
        }
        let comparisons = played.compactMap { $0 }
        guard comparisons.count == routes.count else {
            throw .broken("a stored decision cannot be read")
        }
        return comparisons
    }

    /// Plans a cart by the rules that count for its channel and by others, on what is free now.
    package func play(
        _ cart: SimulatedCart,
        under rules: RuleSet,
    ) async throws(Failure) -> RouteComparison {
        let draft = try await planning.draft(cart.question, nil)
        let index = draft.context.index
        let other = RoutingRules(rules, for: index)
        let (question, view, now) = (draft.question, draft.view, draft.context.rules)
        let answers = await elsewhere {
            [now, other]
                .map {
                    RoutePlanner.plan(question: question, index: index, rules: $0, view: view)
                }
        }
        return RouteComparison(
            id: nil,
            at: draft.view.now,
            channel: question.channel,
            currency: index.network.currency,
            before: RouteSide(answers[0], question, index, other.goals),
            after: RouteSide(answers[1], question, index, other.goals),
        )
    }
}

extension RouteSide {
    fileprivate init(
        _ result: RouteResult?,
        _ question: RouteQuestion,
        _ index: RoutingIndex,
        _ goals: Goals,
    ) {
        switch result {
        case .planned(let plan, _, _):
            self.plan = RoutedPlan(plan, question: question, network: index.network)
            score = plan.amounts.score(goals)
        case .refused(let reason):
            noPlan = reason
            score = 0
        case nil: score = 0
        }
    }

    fileprivate init(
        _ answer: RouteAnswer,
        _ question: RouteQuestion,
        _ index: RoutingIndex,
        _ goals: Goals,
    ) {
        self.init(RouteResult(answer), question, index, goals)
    }
}
