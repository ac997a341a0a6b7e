// Reserve: from a checked request to a committed hold or a proven refusal. Redis admits, Postgres
// decides (PROTOCOL.md, "Reserve, in micro-batches"). Reads top to bottom, never leaves its loop.

package import Base
package import Domain

/// A request to hold units; its bounds are checked already.
///
/// An object, since it goes through many hands: to hand it on copies nothing.
package final class ReserveRequest: Sendable {
    package let key: ID
    package let body: RequestBody
    package var fingerprint: ID { body.fingerprint }
    /// As the caller wrote them; repeated positions are summed here.
    package let lines: [Demand]
    package let ttlMs: Int64
    package let owner: String
    package let channel: String
    package let origin: Origin

    package init(
        key: ID,
        body: RequestBody,
        lines: [Demand],
        ttlMs: Int64,
        owner: String,
        channel: String,
        origin: Origin,
    ) {
        self.key = key
        self.body = body
        self.lines = lines
        self.ttlMs = ttlMs
        self.owner = owner
        self.channel = channel
        self.origin = origin
    }

    /// The same under another key.
    fileprivate func with(key: ID) -> ReserveRequest {
        ReserveRequest(
            key: key,
            body: body,
            lines: lines,
            ttlMs: ttlMs,
            owner: owner,
            channel: channel,
            origin: origin,
        )
    }
}

/// The use cases of reservations, on one loop.
///
/// Not generic over its ports: the compiler does not specialise what is async for other modules, and
/// unspecialised it would ask the runtime for types at every step of a call.
package final class Reserving {
    let gate: any ViewPort
    let ledger: any ReservationLedgerPort
    let healing: Healing
    private let soldOut = SoldOut()

    /// How often a request may be sent back (epoch moved, position missing, key unknown after all)
    /// before the caller is asked to come again.
    let roundsMax = 12

    package init(gate: any ViewPort, ledger: any ReservationLedgerPort, healing: Healing) {
        self.gate = gate
        self.ledger = ledger
        self.healing = healing
    }

    /// Holds all lines or none.
    ///
    /// `isOver` says whether the caller has gone before its deadline: no step begins after that, nor
    /// after the deadline of the task. A hold that was committed before is found by its key.
    package func reserve(
        _ request: ReserveRequest,
        isOver hasGone: () -> Bool,
    ) async throws(Failure) -> ReserveOutcome {
        let deadline = Deadline.current
        let request = ProtocolStep.oneKey.isLeftOut ? request.with(key: .random()) : request
        func isOver() -> Bool { hasGone() || deadline.hasPassed }
        let demand = Demand.summed(request.lines)
        let lines: [(position: PositionID, quantity: Int64)]
        if let known = ledger.knownLines(demand) {
            lines = known
        } else {
            switch try await positions(of: demand, in: request) {
            case .found(let found): lines = found
            case .refused(let refusal): return .refused(refusal)
            }
        }
        var admission = Admission(key: request.key, lines: lines, channel: request.channel)
        admission.deadline = deadline
        if let line = soldOut.firstLine(of: lines),
            let outcome = try await refuseSoldOut(request, demand, line, lines[line].position)
        {
            return outcome
        }
        var wasBehind = false
        for _ in 0..<roundsMax {
            if isOver() { throw .deadlineExceeded }
            let admitted: AdmissionAnswer
            do throws(Failure) {
                admitted = try await gate.admit(admission)
            } catch {
                if isOver() { throw .deadlineExceeded }
                return try await answerWithoutGate(request, demand, error)
            }
            switch admitted {
            case .missing(let epoch):
                let loaded = try await ledger.load(lines.map(\.position))
                if isOver() { throw .deadlineExceeded }
                try await gate.load(loaded, epoch: epoch)

            case .known:
                let answer = try await ledger.barrier(request.key, nil)
                if let known = answer.known { return self.answer(request, demand, known) }
                admission.isChecked = true

            case .refused(let epoch, let line, let free, let pending):
                let view = (line: line, free: free, pending: pending)
                if let outcome = try await prove(
                    request,
                    demand,
                    lines,
                    epoch,
                    view,
                    &wasBehind,
                ) {
                    return outcome
                }

            case .admitted(let epoch, let isShared):
                if isOver() {
                    giveBack(request.key, epoch, isShared: isShared)
                    throw .deadlineExceeded
                }
                if let outcome = try await commit(request, demand, lines, epoch, isShared) {
                    return outcome
                }
            }
        }
        throw .unavailable(what: "gate", retryAfterMs: 100)
    }

    /// Carries out a command for one reservation, and settles the gate before it answers.
    package func carryOut(
        _ command: ReservationCommand
    ) async throws(Failure) -> ReserveOutcome {
        switch try await ledger.carryOut(command) {
        case .refused(let refusal): return .refused(refusal)
        case .done(let reservation, let settlement):
            await gate.settle(settlement, ending: [])
            return .held(reservation)
        }
    }

    /// A reservation as it is now; nil when there is none.
    package func reservation(_ id: ID) async throws(Failure) -> Reservation? {
        try await ledger.reservation(id)
    }

    // MARK: Steps

    /// Without the gate nothing new is promised, but a promise given stays an answer.
    private func answerWithoutGate(
        _ request: ReserveRequest,
        _ demand: [Demand],
        _ failure: Failure,
    ) async throws(Failure) -> ReserveOutcome {
        if failure == .deadlineExceeded { throw failure }
        guard let known = try await ledger.barrier(request.key, nil).known else { throw failure }
        return answer(request, demand, known)
    }

    /// Proves a refusal of the gate: it is a statement about the truth, like an acceptance.
    ///
    /// Nil: it was not true, or not of the open epoch; admit again.
    private func prove(
        _ request: ReserveRequest,
        _ demand: [Demand],
        _ lines: [(position: PositionID, quantity: Int64)],
        _ epoch: Int64,
        _ view: (line: Int, free: Int64, pending: Int64),
        _ wasBehind: inout Bool,
    ) async throws(Failure) -> ReserveOutcome? {
        let (wanted, position) = (demand[view.line], lines[view.line].position)
        if ProtocolStep.barrier.isLeftOut {
            return .refused(refusal(request, wanted, free: view.free, pending: view.pending))
        }
        let answer = try await ledger.barrier(request.key, position)
        if answer.epoch != epoch {
            gate.epochMoved(to: answer.epoch)
            return nil
        }
        if let known = answer.known, !ProtocolStep.ownKey.isLeftOut {
            return self.answer(request, demand, known)
        }
        if isBehind(answer, wanted, pending: view.pending, channel: request.channel) {
            // The view lacks a settlement that is on its way, or was lost with a server. If nothing is
            // missing, and still not the next time, it is wrong.
            if wasBehind {
                try await healing.mend(position)
            } else {
                try await healing.heal([position])
            }
            wasBehind = true
            return nil
        }
        let room = room(answer, request.channel) ?? view.free
        if room <= 0 { soldOut.insert(position) }
        // What the view does not have yet is free, too: only pending holds stand before it.
        let free = max(view.free, room)
        return .refused(refusal(request, wanted, free: free, pending: view.pending))
    }

    /// Ends a pending hold that nobody will commit.
    func giveBack(_ key: ID, _ epoch: Int64, isShared: Bool) {
        // A hold that another attempt shares is that attempt's to end.
        if isShared { return }
        gate.post(Settlement(epoch: epoch, rows: []), ending: [(key, .dropped)])
    }

    private indirect enum Positions {
        case found([(position: PositionID, quantity: Int64)])
        case refused(Refusal)
    }

    private func positions(
        of demand: [Demand],
        in request: ReserveRequest,
    ) async throws(Failure) -> Positions {
        let resolved = try await ledger.positions(demand.map(\.key))
        var lines: [(position: PositionID, quantity: Int64)] = []
        lines.reserveCapacity(demand.count)
        for (wanted, position) in zip(demand, resolved) {
            switch position {
            case .known(let id): lines.append((id, wanted.quantity))
            case .unknown(let part):
                let line = firstLine(request, wanted.key)
                return .refused(.unknownPosition(line: line, key: wanted.key, unknown: part))
            }
        }
        return .found(lines)
    }

    /// Nil: the epoch has moved, admit again.
    private func commit(
        _ request: ReserveRequest,
        _ demand: [Demand],
        _ lines: [(position: PositionID, quantity: Int64)],
        _ epoch: Int64,
        _ sharesHold: Bool,
    ) async throws(Failure) -> ReserveOutcome? {
        let outcome = try await ledger.commit(
            CommitRequest(
                key: request.key,
                fingerprint: request.fingerprint,
                lines: lines,
                ttlMs: Int32(request.ttlMs),
                owner: request.owner,
                channel: request.channel,
                origin: request.origin,
                epoch: epoch,
                sharesHold: sharesHold,
                deadline: .current,
            )
        )
        switch outcome {
        case .committed(let times), .repeated(let times):
            return .held(held(request, demand, times))
        case .keyReused: return .refused(.keyReused)
        case .refused(let position, let free):
            // The view let through what Postgres has not: it is behind, or wrong. The refusal stands,
            // whether the view can be mended now or not.
            try? await healing.mend(position)
            let line = lines.firstIndex { $0.position == position } ?? 0
            return .refused(refusal(request, demand[line], free: free, pending: 0))
        case .epochMoved(let epoch):
            gate.epochMoved(to: epoch)
            if ProtocolStep.epochCheck.isLeftOut {
                return try await commit(request, demand, lines, epoch, sharesHold)
            }
            return nil
        }
    }

    /// True when Postgres has room where the view has none.
    private func isBehind(
        _ barrier: Barrier,
        _ wanted: Demand,
        pending: Int64,
        channel: String,
    ) -> Bool {
        guard let room = room(barrier, channel), !ProtocolStep.behindCheck.isLeftOut else {
            return false
        }
        return room - pending >= wanted.quantity
    }

    /// What Postgres has free for a channel at the position that it was asked about, pending holds
    /// not counted; nil when it was asked about none.
    private func room(_ barrier: Barrier, _ channel: String) -> Int64? {
        guard let position = barrier.position else { return nil }
        let withheld = position.channelSafety.first { $0.channel == channel }?.quantity ?? 0
        return position.free - withheld
    }

    /// The answer to a request for what was sold out lately, proven by Postgres alone.
    ///
    /// That is: the key is not committed, and too little is free even if all pending holds fail. Nil: it
    /// may have room, ask the gate.
    private func refuseSoldOut(
        _ request: ReserveRequest,
        _ demand: [Demand],
        _ line: Int,
        _ position: PositionID,
    ) async throws(Failure) -> ReserveOutcome? {
        let answer = try await ledger.barrier(request.key, position)
        if let known = answer.known, !ProtocolStep.ownKey.isLeftOut {
            return self.answer(request, demand, known)
        }
        guard let room = room(answer, request.channel), room < demand[line].quantity else {
            soldOut.remove(position)
            return nil
        }
        return .refused(refusal(request, demand[line], free: room, pending: 0))
    }

    private func answer(
        _ request: ReserveRequest,
        _ demand: [Demand],
        _ known: KnownReservation,
    ) -> ReserveOutcome {
        if known.fingerprint != request.fingerprint { return .refused(.keyReused) }
        return .held(held(request, demand, known.times))
    }

    /// The answer as it was given first: a hold, whatever became of it since.
    private func held(
        _ request: ReserveRequest,
        _ demand: [Demand],
        _ times: HoldTimes,
    ) -> Reservation {
        Reservation(
            id: request.key,
            state: .held,
            lines: demand.map { line in
                ReservationLine(
                    key: line.key,
                    quantity: line.quantity,
                    held: line.quantity,
                    confirmed: 0,
                )
            },
            owner: request.owner,
            channel: request.channel,
            createdAt: times.createdAt,
            expiresAt: times.expiresAt,
        )
    }

    private func refusal(
        _ request: ReserveRequest,
        _ wanted: Demand,
        free: Int64,
        pending: Int64,
    ) -> Refusal {
        let line = firstLine(request, wanted.key)
        let available = max(0, free - pending)
        if free >= wanted.quantity {
            return .contended(
                line: line,
                key: wanted.key,
                requested: wanted.quantity,
                available: available,
            )
        }
        return .soldOut(
            line: line,
            key: wanted.key,
            requested: wanted.quantity,
            available: available,
        )
    }

    /// Where the caller first named the position.
    private func firstLine(_ request: ReserveRequest, _ key: PositionKey) -> Int {
        request.lines.firstIndex { $0.key == key } ?? 0
    }
}
