// ReserveAndRoute: one call plans, takes goods and the nodes' capacity in one admission, and commits
// them with the decision. When somebody was faster it plans again with what it learnt, until the time of
// the call is over. Reads top to bottom, never leaves its loop.

package import Base
package import Domain
internal import Routing

/// A cart to be routed and held, checked already.
package struct RoutedRequest: Sendable {
    package var key: ID
    package var body: RequestBody
    package var question: RouteQuestion
    /// The rules that count in the place of the channel's; nil: the channel's.
    package var rules: RuleSet?
    package var ttlMs: Int64
    package var owner: String
    package var origin: Origin

    package init(
        key: ID,
        body: RequestBody,
        question: RouteQuestion,
        rules: RuleSet?,
        ttlMs: Int64,
        owner: String,
        origin: Origin,
    ) {
        self.key = key
        self.body = body
        self.question = question
        self.rules = rules
        self.ttlMs = ttlMs
        self.owner = owner
        self.origin = origin
    }
}

/// A reservation with the plan that it holds; the decision has its id.
package struct RoutedReservation: Hashable, Sendable {
    /// As it was answered first: a hold, whatever became of it since.
    package var reservation: Reservation
    package var plan: RoutedPlan
    package var isOptimal: Bool
    package var bound: Int64
    package var network: Int64
    package var rules: RuleSetName
    package var currency: String
}

/// What became of a request to route and hold.
package enum RoutedOutcome: Sendable {
    /// Committed: now, or by an earlier attempt with the same key.
    case held(RoutedReservation)
    /// Nothing is held; the decision, if there is one, says why.
    case refused(Refusal, decision: ID?)
}

/// Routes and reserves, on one loop.
package final class RoutedReserving<Peek: PeekPort, Routes: RouteLedgerPort> {
    private let reserving: Reserving
    private let routing: RoutePlanning<Peek, Routes>
    /// Plans that are tried before the caller is asked to come again.
    private let plansMax = 24
    /// How often, and how long, it waits for holds of others to be decided.
    private let waitsMax = 3
    private let waitMs: Int64 = 3

    package init(reserving: Reserving, routing: RoutePlanning<Peek, Routes>) {
        self.reserving = reserving
        self.routing = routing
    }

    /// Holds the best plan that can be had, goods and capacity, or nothing.
    ///
    /// `isOver` says whether the caller has gone before its deadline: no step begins after that, nor
    /// after the deadline of the task. Refused is only what Postgres proves: that there was no plan even
    /// if all pending holds failed, or (contended) that there is one if some of them do.
    package func reserve(
        _ request: RoutedRequest,
        isOver hasGone: () -> Bool,
    ) async throws(Failure) -> RoutedOutcome {
        let deadline = Deadline.current
        func isOver() -> Bool { hasGone() || deadline.hasPassed }
        let fingerprint = request.body.fingerprint
        do throws(Failure) {
            return try await search(request, fingerprint, isOver)
        } catch .unavailable(let what, let retryAfterMs) {
            // Without the gate nothing new is promised, but a promise given stays an answer.
            guard !isOver(), let known = try await reserving.known(request.key) else {
                throw .unavailable(what: what, retryAfterMs: retryAfterMs)
            }
            return try await stored(request, known.fingerprint == fingerprint, known.times)
        }
    }

    // MARK: Steps

    private func search(
        _ request: RoutedRequest,
        _ fingerprint: ID,
        _ isOver: () -> Bool,
    ) async throws(Failure) -> RoutedOutcome {
        var trial = Trial(draft: try await routing.draft(request.question, request.rules))
        for _ in 0..<plansMax {
            if isOver() { throw .deadlineExceeded }
            let answer = await routing.desk.plan(
                request.question,
                trial.draft.context,
                trial.draft.view,
            )
            guard let plan = answer.plans.first else {
                let result = try routing.result(answer)
                if trial.isProven, trial.pending.isEmpty, case .refused(let reason) = result {
                    let decision = try await routing.note(answer, result, trial.draft)
                    return .refused(
                        routing.refusal(reason, answer, trial.draft),
                        decision: decision,
                    )
                }
                if trial.isProven, trial.waits >= waitsMax { return Self.contended }
                // What is pending is decided within moments.
                if trial.isProven { try? await Task.sleep(for: .milliseconds(waitMs)) }
                if let outcome = try await prove(request, fingerprint, &trial) { return outcome }
                continue
            }
            let claim = Claim(plan, trial.draft)
            let commit = commitRequest(request, fingerprint, claim, trial.draft, answer)
            switch try await reserving.attempt(commit, isOver: isOver) {
            case .committed(let times):
                routing.stock.took(plan, request.question, trial.draft.context.network)
                return .held(held(request, claim, trial.draft, answer, times))
            case .repeated(let times): return try await stored(request, true, times)
            case .keyReused: return Self.keyReused
            case .noRoom(let line, let free, let pending):
                trial.note(claim.places[line], free: free, pending: pending)
                routing.stock.learnt(
                    max(0, free - pending),
                    at: claim.places[line],
                    request.question,
                    trial.draft.context.network,
                )
                if trial.isProven,
                    let outcome = try await doubt(request, fingerprint, claim, line, &trial)
                {
                    return outcome
                }
            }
        }
        return Self.contended
    }

    /// Asks Postgres for everything that a plan could use; from then on plans are made on that.
    ///
    /// Returns the answer when the key turns out to be committed, or a SKU to be unknown.
    private func prove(
        _ request: RoutedRequest,
        _ fingerprint: ID,
        _ trial: inout Trial,
    ) async throws(Failure) -> RoutedOutcome? {
        let (draft, proof, unknown) = try await routing.prove(trial.draft, key: request.key)
        reserving.gate.epochMoved(to: proof.epoch)
        if let known = proof.known {
            return try await stored(request, known.fingerprint == fingerprint, known.times)
        }
        if let unknown { return .refused(unknown, decision: nil) }
        // What was learnt from the view is forgotten: a plan that it forbids may be one after all.
        var proven = Trial(draft: draft)
        proven.isProven = true
        proven.waits = trial.waits + (trial.isProven && trial.pending.isEmpty ? 0 : 1)
        trial = proven
        return nil
    }

    /// The gate has no room where Postgres had: it is behind, or wrong, or others were faster, or they
    /// are about to be decided.
    private func doubt(
        _ request: RoutedRequest,
        _ fingerprint: ID,
        _ claim: Claim,
        _ line: Int,
        _ trial: inout Trial,
    ) async throws(Failure) -> RoutedOutcome? {
        let before = trial
        if let outcome = try await prove(request, fingerprint, &trial) { return outcome }
        let (place, position) = (claim.places[line], claim.lines[line].position)
        let pending = before.pending[place] ?? 0
        let room = trial.draft.room(at: place)
        trial.wasBehind = before.wasBehind
        if room - pending >= claim.lines[line].quantity {
            // The view lacks a settlement that is on its way, or was lost with a server. If nothing is
            // missing, and still not the next time, it is wrong.
            if trial.wasBehind.contains(position) {
                try await reserving.healing.mend(position)
            } else {
                try await reserving.healing.heal([position])
            }
            trial.wasBehind.insert(position)
        }
        // Others that are pending still stand before us.
        for (place, units) in before.pending where units > 0 { trial.holdBack(units, at: place) }
        return nil
    }

    private func commitRequest(
        _ request: RoutedRequest,
        _ fingerprint: ID,
        _ claim: Claim,
        _ draft: RouteDraft,
        _ answer: RouteAnswer,
    ) -> CommitRequest {
        let decision = routing.decision(
            request.key,
            draft,
            answer,
            .planned(claim.plan, isOptimal: answer.isOptimal, bound: answer.bound),
        )
        return CommitRequest(
            key: request.key,
            fingerprint: fingerprint,
            lines: claim.lines,
            ttlMs: Int32(request.ttlMs),
            owner: request.owner,
            channel: request.question.channel,
            origin: request.origin,
            epoch: 0,
            // Attempts with one key may have other plans: a hold of the one is not that of the other.
            holdKey: claim.holdKey(request.key),
            route: RouteCodec.record(decision, network: draft.context.network),
        )
    }

    // MARK: Answers

    private static var contended: RoutedOutcome { .refused(.noRoute(.contended), decision: nil) }
    private static var keyReused: RoutedOutcome { .refused(.keyReused, decision: nil) }

    private func held(
        _ request: RoutedRequest,
        _ claim: Claim,
        _ draft: RouteDraft,
        _ answer: RouteAnswer,
        _ times: HoldTimes,
    ) -> RoutedReservation {
        RoutedReservation(
            reservation: Reservation(
                id: request.key,
                state: .held,
                lines: claim.goods,
                capacity: claim.capacity,
                decision: request.key,
                owner: request.owner,
                channel: request.question.channel,
                createdAt: times.createdAt,
                expiresAt: times.expiresAt,
            ),
            plan: RoutedPlan(
                claim.plan,
                question: request.question,
                network: draft.context.network,
            ),
            isOptimal: answer.isOptimal,
            bound: answer.bound,
            network: draft.context.network.version,
            rules: draft.context.rules.set.fullName,
            currency: draft.context.network.currency,
        )
    }

    /// The answer as it was given first, from what was stored with the reservation.
    private func stored(
        _ request: RoutedRequest,
        _ isSame: Bool,
        _ times: HoldTimes,
    ) async throws(Failure) -> RoutedOutcome {
        guard isSame else { return Self.keyReused }
        let route = try await routing.ledger.decisions([request.key])[0]
        guard let route, let summary = RouteCodec.summary(route.record), let plan = summary.plan,
            case .planned(_, let isOptimal, let bound) = summary.result,
            let now = try await reserving.reservation(request.key)
        else { throw .broken("reservation \(request.key) has no decision that can be read") }
        func first(_ lines: [ReservationLine]) -> [ReservationLine] {
            lines.map {
                ReservationLine(key: $0.key, quantity: $0.quantity, held: $0.quantity, confirmed: 0)
            }
        }
        return .held(
            RoutedReservation(
                reservation: Reservation(
                    id: request.key,
                    state: .held,
                    lines: first(now.lines),
                    capacity: first(now.capacity),
                    decision: request.key,
                    owner: request.owner,
                    channel: now.channel,
                    createdAt: times.createdAt,
                    expiresAt: times.expiresAt,
                ),
                plan: plan,
                isOptimal: isOptimal,
                bound: bound,
                network: route.record.network,
                rules: route.record.rules,
                currency: summary.currency,
            )
        )
    }
}
