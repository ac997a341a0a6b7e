// Decisions that were made: why they came out as they did, made again from what is stored, and what they
// would be by other rules. Changes nothing.

package import Base
package import Domain
package import Routing

/// A decision made again.
package struct RouteExplained: Sendable {
    package var stored: StoredRoute
    package var decision: RouteDecision
    package var context: RouteContext
    package var explanation: RouteExplanation
    /// Whether what comes out is what was stored.
    package var isSame: Bool
}

/// What explains decisions, on one loop.
package final class RouteHistory<Ledger: RouteLedgerPort, Networks: NetworkPort> {
    package let ledger: Ledger
    package let networks: Networks
    private let desk: RouteDesk
    /// Plans of an explanation: the winner and runner-ups.
    private let plansMax = 5

    package init(ledger: Ledger, networks: Networks, desk: RouteDesk) {
        self.ledger = ledger
        self.networks = networks
        self.desk = desk
    }

    /// Makes a decision again, with the network and the rules as they were; nil when there is none with
    /// that id, or reservation.
    package func explain(_ id: ID) async throws(Failure) -> RouteExplained? {
        guard let stored = try await ledger.decisions([id])[0] else { return nil }
        let network = try await network(stored.record.network)
        let name = stored.record.rules
        guard let rules = try await networks.ruleSet(name: name.name, version: name.version) else {
            throw .broken("rule set \(name.name) has no version \(name.version) any more")
        }
        guard let decision = RouteCodec.decision(stored.record, network: network) else {
            throw .broken("decision \(stored.record.id) cannot be read")
        }
        let context = desk.context(network, rules)
        let plansMax = self.plansMax
        let explanation = await elsewhere {
            RoutePlanner.explain(
                question: decision.question,
                index: context.index,
                rules: context.rules,
                view: decision.view,
                budget: SearchBudget(steps: decision.steps),
                plansMax: plansMax,
            )
        }
        return RouteExplained(
            stored: stored,
            decision: decision,
            context: context,
            explanation: explanation,
            isSame: RouteResult(explanation.answer) == decision.result,
        )
    }

    /// A network at a version; the latest ones are kept.
    package func network(_ version: Int64) async throws(Failure) -> Network {
        if let kept = desk.keptNetwork(version) { return kept }
        guard let network = try await networks.network(version: version) else {
            throw .broken("the network has no version \(version)")
        }
        _ = desk.index(network)
        return network
    }
}

extension RouteResult {
    /// What came of a search; nil when it was ended before it found anything.
    package init?(_ answer: RouteAnswer) {
        if let plan = answer.plans.first {
            self = .planned(plan, isOptimal: answer.isOptimal, bound: answer.bound)
        } else if let reason = answer.refusal.flatMap({ NoPlan(rawValue: $0.reason.rawValue) }) {
            self = .refused(reason)
        } else {
            return nil
        }
    }
}
