// Route: from a question to a stored decision, without taking anything.

package import Base
package import Domain
internal import Routing

/// A cart to be routed, checked already.
package struct RouteRequest: Sendable {
    package var question: RouteQuestion
    /// The rules that count in the place of the channel's; nil: the channel's.
    package var rules: RuleSet?
    /// How many plans are wanted at most.
    package var plansMax: Int

    package init(question: RouteQuestion, rules: RuleSet?, plansMax: Int = 1) {
        self.question = question
        self.rules = rules
        self.plansMax = plansMax
    }
}

/// Plans for a cart.
package struct Routed: Sendable {
    /// Names the stored decision.
    package var decision: ID
    /// The winner, then runner-ups.
    package var plans: [RoutedPlan]
    package var isOptimal: Bool
    /// No plan scores less.
    package var bound: Int64
    package var plannedAt: Instant
    package var network: Int64
    package var rules: RuleSetName
    /// The weights of those rules.
    package var goals: Goals
    package var currency: String
}

/// What became of a question.
package enum RouteOutcome: Sendable {
    case routed(Routed)
    /// There is no plan, proven by Postgres; the decision says why (nil: it was not made).
    case refused(Refusal, decision: ID?)
}

/// A cart on its way to a plan: what it is planned on, and where its units lie.
package struct RouteDraft: Sendable {
    package var question: RouteQuestion
    package var context: RouteContext
    package var view: RouteView
    /// By line, then by node; 0: none.
    package var positions: [PositionID]
}

/// The use cases of planning, on one loop.
package final class RoutePlanning<Gate: PeekPort, Ledger: RouteLedgerPort> {
    package let desk: RouteDesk
    let stock: RouteStock<Gate, Ledger>
    let ledger: Ledger
    let clock: any Clock
    private var generator = SystemRandomNumberGenerator()

    package init(
        desk: RouteDesk,
        stock: RouteStock<Gate, Ledger>,
        ledger: Ledger,
        clock: any Clock = SystemClock(),
    ) {
        self.desk = desk
        self.stock = stock
        self.ledger = ledger
        self.clock = clock
    }

    /// Plans a cart on what is free now, and stores the decision.
    package func route(_ request: RouteRequest) async throws(Failure) -> RouteOutcome {
        var draft = try await draft(request.question, request.rules)
        var answer = await desk.plan(
            request.question,
            draft.context,
            draft.view,
            plansMax: request.plansMax,
        )
        if answer.plans.isEmpty {
            // Nothing is refused on a view.
            let proof = try await prove(draft, key: nil)
            if let unknown = proof.unknown { return .refused(unknown, decision: nil) }
            draft = proof.draft
            answer = await desk.plan(
                request.question,
                draft.context,
                draft.view,
                plansMax: request.plansMax,
            )
        }
        let result = try result(answer)
        let id = try await note(answer, result, draft)
        if case .refused(let reason) = result {
            return .refused(refusal(reason, answer, draft), decision: id)
        }
        return .routed(
            Routed(
                decision: id,
                plans: answer.plans.map {
                    RoutedPlan(
                        $0,
                        question: request.question,
                        network: draft.context.network,
                    )
                },
                isOptimal: answer.isOptimal,
                bound: answer.bound,
                plannedAt: draft.view.now,
                network: draft.context.network.version,
                rules: draft.context.rules.set.fullName,
                goals: draft.context.rules.set.goals,
                currency: draft.context.network.currency,
            )
        )
    }

    // MARK: Steps

    /// A cart with what the hot view has free for it.
    package func draft(
        _ question: RouteQuestion,
        _ rules: RuleSet?,
    ) async throws(Failure) -> RouteDraft {
        let context = try desk.context(channel: question.channel, rules: rules)
        let (view, positions) = try await stock.view(question, context.network, now: clock.now())
        return RouteDraft(
            question: question,
            context: context,
            view: view,
            positions: positions,
        )
    }

    /// The same cart with what Postgres has committed, asked after the call; pending holds of others are
    /// not taken away.
    ///
    /// `unknown`: a SKU that was never anywhere.
    package func prove(
        _ draft: RouteDraft,
        key: ID?,
    ) async throws(Failure) -> (draft: RouteDraft, proof: RouteProof, unknown: Refusal?) {
        var draft = draft
        let network = draft.context.network
        let now = clock.now()
        let capacity = network.capacityPositions(after: now)
        let proof = try await ledger.prove(
            RouteProofQuestion(
                key: key,
                skus: draft.question.lines.map(\.sku),
                positions: capacity,
            )
        )
        var unknown: Refusal?
        draft.positions = []
        draft.view.units = []
        for (line, positions) in proof.skus.enumerated() {
            if positions.isEmpty, unknown == nil {
                let key = PositionKey(sku: draft.question.lines[line].sku, node: "")
                unknown = .unknownPosition(line: line, key: key, unknown: .sku)
            }
            for id in network.ids(of: positions) {
                draft.positions.append(id)
                let free = proof.positions[id].map { $0.free(for: draft.question.channel) } ?? 0
                draft.view.units.append(max(0, free))
            }
        }
        draft.view.now = now
        draft.view.slots = network.rooms(
            capacity.map { proof.positions[$0]?.free ?? 0 },
            after: now,
        )
        return (draft, proof, unknown)
    }

    /// What came of a search; one that ended before it found anything refuses nothing.
    func result(_ answer: RouteAnswer) throws(Failure) -> RouteResult {
        guard let result = RouteResult(answer) else {
            throw .unavailable(what: "a plan within the time of the call", retryAfterMs: 200)
        }
        return result
    }

    /// Stores a decision that nothing is reserved by; returns its id.
    func note(
        _ answer: RouteAnswer,
        _ result: RouteResult,
        _ draft: RouteDraft,
    ) async throws(Failure) -> ID {
        let id = newID(draft.view.now)
        let decision = decision(id, draft, answer, result)
        try await ledger.note(RouteCodec.record(decision, network: draft.context.network))
        return id
    }

    func decision(
        _ id: ID,
        _ draft: RouteDraft,
        _ answer: RouteAnswer,
        _ result: RouteResult,
    ) -> RouteDecision {
        RouteDecision(
            id: id,
            question: draft.question,
            network: draft.context.network.version,
            rules: draft.context.rules.set.fullName,
            view: draft.view,
            steps: answer.budget.steps,
            result: result,
        )
    }

    /// What a caller is told about a question without a plan.
    func refusal(_ reason: NoPlan, _ answer: RouteAnswer, _ draft: RouteDraft) -> Refusal {
        switch reason {
        case .capacity: return .noRoute(.capacityFull)
        case .units:
            guard let missing = answer.refusal?.missing.first else {
                return .noRoute(.other(.units))
            }
            let line = draft.question.lines[missing.line]
            return .noRoute(
                .soldOut(
                    line: missing.line,
                    sku: line.sku,
                    requested: line.quantity,
                    available: max(0, line.quantity - missing.units),
                )
            )
        default: return .noRoute(.other(reason))
        }
    }

    private func newID(_ now: Instant) -> ID {
        .timeOrdered(now: now, using: &generator)
    }
}

extension LoadedPosition {
    /// What is free for a channel; it may be below zero.
    func free(for channel: String) -> Int64 {
        free - (channelSafety.first { $0.channel == channel }?.quantity ?? 0)
    }
}
