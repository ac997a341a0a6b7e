// The authority as one loop sees it: what is asked for in a turn travels together, and what a batch
// decided comes back to the loop that asked. It settles the gate itself, so that a hold is settled
// even when its caller has long gone.

package import Base
package import Domain
package import Loop
internal import NIOCore
package import Postgres
package import Promising

/// The ledger of one loop.
package final class LoopLedger: ReservationLedgerPort {
    private struct WaitingCommit {
        let request: CommitRequest
        let continuation: CheckedContinuation<Result<CommitOutcome, Failure>, Never>
    }

    private let loop: Loop
    private let postgres: PostgresClient
    private let committer: Committer
    private let requestsMax: Int
    /// Tells the gate of this loop what was committed.
    private let settle: (Settlement, [(key: ID, end: PendingEnd)]) -> Void

    /// Ids never change, so what was found once stays true.
    private var directory: [PositionKey: PositionID] = [:]
    private var commits: [WaitingCommit] = []
    private let resolving: TurnBatch<[PositionKey], Result<[ResolvedPosition], Failure>>
    private let loading: TurnBatch<[PositionID], Result<[LoadedPosition], Failure>>
    private let barriers: TurnBatch<BarrierQuestion, Result<Barrier, Failure>>
    private let releasing: TurnBatch<ReservationCommand, Result<CommandReply, Failure>>
    private let confirming: TurnBatch<ReservationCommand, Result<CommandReply, Failure>>
    private let reading: TurnBatch<ID, Result<Reservation?, Failure>>

    package init(
        loop: Loop,
        postgres: PostgresClient,
        committer: Committer,
        requestsMax: Int,
        settle: @escaping (Settlement, [(key: ID, end: PendingEnd)]) -> Void,
    ) {
        self.loop = loop
        self.postgres = postgres
        self.committer = committer
        self.requestsMax = requestsMax
        self.settle = settle
        let queries = ReservationQueries(postgres: postgres)
        resolving = TurnBatch(loop: loop, itemsMax: 100, late: .failure(.deadlineExceeded)) {
            await queries.resolve($0)
        }
        loading = TurnBatch(loop: loop, itemsMax: 100, late: .failure(.deadlineExceeded)) {
            await queries.load($0)
        }
        barriers = TurnBatch(loop: loop, itemsMax: 2_000, late: .failure(.deadlineExceeded)) {
            await queries.barrier($0)
        }
        releasing = TurnBatch(loop: loop, itemsMax: 200, late: .failure(.deadlineExceeded)) {
            await queries.carryOut($0)
        }
        confirming = TurnBatch(loop: loop, itemsMax: 200, late: .failure(.deadlineExceeded)) {
            await queries.carryOut($0)
        }
        reading = TurnBatch(loop: loop, itemsMax: 200, late: .failure(.deadlineExceeded)) {
            await queries.reservations($0)
        }
    }

    // MARK: Positions

    package func knownLines(_ demand: [Demand]) -> [(position: PositionID, quantity: Int64)]? {
        loop.eventLoop.preconditionInEventLoop()
        var lines: [(position: PositionID, quantity: Int64)] = []
        lines.reserveCapacity(demand.count)
        for wanted in demand {
            guard let id = directory[wanted.key] else { return nil }
            lines.append((id, wanted.quantity))
        }
        return lines
    }

    package func positions(
        _ keys: [PositionKey]
    ) async throws(Failure) -> [ResolvedPosition] {
        loop.eventLoop.preconditionInEventLoop()
        let unseen = keys.filter { directory[$0] == nil }
        var found: [PositionKey: ResolvedPosition] = [:]
        if !unseen.isEmpty {
            let positions = try await resolving.answer(unseen).get()
            for (key, position) in zip(unseen, positions) {
                if case .known(let id) = position { directory[key] = id }
                found[key] = position
            }
        }
        return keys.map { key in
            if let id = directory[key] { return .known(id) }
            guard let position = found[key] else { invariantBroken("a name without an answer") }
            return position
        }
    }

    package func load(_ ids: [PositionID]) async throws(Failure) -> [LoadedPosition] {
        try await loading.answer(ids).get()
    }

    package func barrier(
        _ key: ID,
        _ position: PositionID?,
    ) async throws(Failure) -> Barrier {
        try await barriers.answer(BarrierQuestion(key: key, position: position)).get()
    }

    // MARK: Commit

    package func commit(_ request: CommitRequest) async throws(Failure) -> CommitOutcome {
        loop.eventLoop.preconditionInEventLoop()
        if ProtocolStep.commitBeforeAnswer.isLeftOut {
            let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.start { _ = try? await bound.value.commitInTurn(request) }
            return presumed(request)
        }
        return try await commitInTurn(request)
    }

    /// Calls a request committed that perhaps is not: what a debug build does without a step.
    private func presumed(_ request: CommitRequest) -> CommitOutcome {
        let now = SystemClock().now()
        let end = now.advanced(milliseconds: Int64(request.ttlMs))
        return .committed(HoldTimes(createdAt: now, expiresAt: end))
    }

    private func commitInTurn(_ request: CommitRequest) async throws(Failure) -> CommitOutcome {
        let outcome = await withCheckedContinuation { continuation in
            if commits.isEmpty {
                loop.atTurnEnd(.gather) { self.submit() }
            }
            commits.append(WaitingCommit(request: request, continuation: continuation))
        }
        return try outcome.get()
    }

    /// Hands this turn's requests over, in chunks of one epoch without a key twice.
    private func submit() {
        var rest = commits[...]
        commits = []
        while let first = rest.first {
            var chunk: [WaitingCommit] = []
            var keys: Set<ID> = []
            var lines = 0
            while let next = rest.first, chunk.count < requestsMax,
                lines < Committer.linesMax,
                next.request.epoch == first.request.epoch,
                keys.insert(next.request.key).inserted
            {
                chunk.append(next)
                lines += next.request.lines.count
                rest = rest.dropFirst()
            }
            submit(chunk)
        }
    }

    private func submit(_ chunk: [WaitingCommit]) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let waiting = NIOLoopBoundBox(chunk, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        committer.submit(
            Committer.Chunk(
                requests: chunk.map(\.request),
                late: { places, error in
                    eventLoop.execute {
                        let late = places.map { waiting.value[$0] }
                        for place in places.reversed() { waiting.value.remove(at: place) }
                        bound.value.failed(late, error)
                    }
                },
                reply: { result in
                    eventLoop.execute { bound.value.committed(waiting.value, result) }
                },
            )
        )
    }

    /// Ends the holds of requests that were certainly not committed.
    ///
    /// Where nobody knows, the hold stays until it is overdue: it may be covered by a row.
    private func failed(_ requests: [WaitingCommit], _ error: PostgresError) {
        if !error.outcomeUnknown, let epoch = requests.first?.request.epoch {
            settle(
                Settlement(epoch: epoch, rows: []),
                requests.filter { !$0.request.sharesHold }.map { ($0.request.holdKey, .dropped) },
            )
        }
        for waiting in requests {
            if error.outcomeUnknown, ProtocolStep.unknownStaysOpen.isLeftOut {
                waiting.continuation.resume(returning: .success(presumed(waiting.request)))
                continue
            }
            waiting.continuation.resume(returning: .failure(error.failure))
        }
    }

    private func committed(
        _ chunk: [WaitingCommit],
        _ result: Result<CommitReply, PostgresError>,
    ) {
        switch result {
        case .failure(let error): failed(chunk, error)
        case .success(let reply):
            settle(chunk, reply)
            for (waiting, outcome) in zip(chunk, reply.outcomes) {
                waiting.continuation.resume(returning: .success(outcome))
            }
        }
    }

    /// The rows of this loop's own positions, with the ends of its own holds: a hold must not end
    /// in the view before the rows that cover it.
    private func settle(_ chunk: [WaitingCommit], _ reply: CommitReply) {
        var touched: Set<PositionID> = []
        var ending: [(key: ID, end: PendingEnd)] = []
        for (waiting, outcome) in zip(chunk, reply.outcomes) {
            switch outcome {
            case .committed, .repeated:
                for line in waiting.request.lines { touched.insert(line.position) }
                ending.append((waiting.request.holdKey, .committed))
            case .keyReused, .refused:
                if !waiting.request.sharesHold {
                    ending.append((waiting.request.holdKey, .dropped))
                }
            case .epochMoved: continue
            }
        }
        let rows = reply.settlement.rows.filter { touched.contains($0.position) }
        settle(Settlement(epoch: reply.settlement.epoch, rows: rows), ending)
    }

    // MARK: Commands and reads

    package func carryOut(
        _ command: ReservationCommand
    ) async throws(Failure) -> ReservationCommandOutcome {
        var ids: [PositionID] = []
        var command = command
        command.deadline = .current
        let resolved = try await positions(command.lines.map(\.key))
        for (line, position) in zip(command.lines.indices, resolved) {
            switch position {
            case .known(let id): ids.append(id)
            case .unknown(let part):
                return .refused(
                    .unknownPosition(line: line, key: command.lines[line].key, unknown: part)
                )
            }
        }
        let reply: CommandReply
        switch command.kind {
        case .release:
            reply = try await releasing.answer(command).get()
        case .confirm where ids.isEmpty:
            // Each by itself would hold its positions for a whole commit, one after the other, and
            // hold the reservations of everybody else up with them.
            reply = try await confirming.answer(command).get()
        default:
            reply = try await ReservationQueries(postgres: postgres).carryOut(command, ids).get()
        }
        return reply.outcome(of: command, positions: ids)
    }

    package func reservation(_ id: ID) async throws(Failure) -> Reservation? {
        try await reading.answer(id).get()
    }
}
