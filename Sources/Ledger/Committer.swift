// Merges the admitted requests of all loops of a process into batches, one transaction each. While
// one is in flight the next one fills: no timer, no waiting at low load, large batches at high load.
// One that is worth it is sent after the one before without waiting for its answer, so that Postgres
// goes on at once: on the way there and back it had nothing to do.

internal import Base
internal import DequeModule
package import Logging
package import Postgres
internal import Promising
internal import Synchronization

/// Counters of the committer.
package struct CommitterCounters: Sendable {
    package var batches = 0
    package var requests = 0
    package var retries = 0
    /// Requests that were taken out of a batch, because their callers' time was over.
    package var late = 0
}

/// The one writer of reservations of a process.
///
/// The lock is taken once per turn of a loop and once per batch, never per request.
package final class Committer: Sendable {
    /// Requests of one turn of one loop, which belong to one epoch.
    struct Chunk: Sendable {
        var requests: [CommitRequest]
        /// Called with the places of requests whose callers' time was over before they were sent,
        /// or sent again; they are no longer part of the chunk.
        let late: @Sendable ([Int], PostgresError) -> Void
        /// Called once, on the thread of Postgres, with what became of the others.
        let reply: @Sendable (Result<CommitReply, PostgresError>) -> Void
    }

    private struct State {
        var waiting = Deque<Chunk>()
        /// Requests that wait.
        var waitingCount = 0
        /// Batches that are in flight, or about to be.
        var underWay = 0
        var counters = CommitterCounters()
    }

    private let postgres: PostgresClient
    private let requestsMax: Int
    /// How often a batch whose outcome is unknown, or that lost a race, is sent again: together
    /// about as long as the longest deadline.
    private let attemptsMax = 6
    /// Lines of one batch: bounds how long it holds its positions.
    static let linesMax = 2_000
    /// Batches in flight at once: one at work, one behind it.
    private static let underWayMax = 2
    /// Requests that are worth a batch of their own while another one is in flight: what a batch costs
    /// beside its requests is as much as some thirty of them.
    private static let followerMin = 64
    private let state = Mutex(State())
    private let logger: Logger

    package init(postgres: PostgresClient, requestsMax: Int, logger: Logger) {
        self.postgres = postgres
        self.requestsMax = requestsMax
        self.logger = logger
    }

    package var counters: CommitterCounters { state.withLock(\.counters) }

    /// Adds a turn's requests; they leave at once if nothing is in flight.
    func submit(_ chunk: Chunk) {
        let batch = state.withLock { state -> [Chunk] in
            state.waiting.append(chunk)
            state.waitingCount += chunk.requests.count
            return begin(&state)
        }
        if !batch.isEmpty { send(batch, attempt: 1) }
    }

    /// Takes the batch that may leave now; empty when none may.
    private func begin(_ state: inout State) -> [Chunk] {
        let isWorth = state.underWay == 0 || state.waitingCount >= Self.followerMin
        if !isWorth || state.underWay == Self.underWayMax { return [] }
        let batch = next(&state)
        state.underWay += batch.isEmpty ? 0 : 1
        return batch
    }

    /// Takes chunks of one epoch, without a key twice, up to the size of a batch.
    private func next(_ state: inout State) -> [Chunk] {
        var batch: [Chunk] = []
        // Keys are distinct within a chunk: they matter only where two of them meet.
        var keys: Set<ID> = []
        var count = 0
        var lines = 0
        while let chunk = state.waiting.first {
            lines += chunk.requests.reduce(0) { $0 + $1.lines.count }
            if let first = batch.first {
                if lines > Self.linesMax { break }
                if chunk.requests[0].epoch != first.requests[0].epoch { break }
                if count + chunk.requests.count > requestsMax { break }
                if batch.count == 1 { keys.formUnion(first.requests.lazy.map(\.key)) }
                if chunk.requests.contains(where: { keys.contains($0.key) }) { break }
                keys.formUnion(chunk.requests.lazy.map(\.key))
            }
            count += chunk.requests.count
            batch.append(state.waiting.removeFirst())
        }
        state.waitingCount -= count
        state.counters.batches += batch.isEmpty ? 0 : 1
        state.counters.requests += count
        return batch
    }

    /// Takes out the requests whose callers' time is over; returns the chunks with what is left.
    ///
    /// `isUnknown`: an attempt before may have committed them.
    private func withoutLate(_ chunks: [Chunk], isUnknown: Bool) -> [Chunk] {
        let now = Deadline.now
        var count = 0
        let error = PostgresError(.late, "", outcomeUnknown: isUnknown)
        let kept = chunks.map { chunk in
            let places = chunk.requests.indices
                .filter { chunk.requests[$0].deadline.hasPassed(at: now) }
            if places.isEmpty { return chunk }
            count += places.count
            chunk.late(places, error)
            var rest = chunk
            for place in places.reversed() { rest.requests.remove(at: place) }
            return rest
        }
        if count == 0 { return chunks }
        state.withLock { state in
            state.counters.late += count
            if !isUnknown { state.counters.requests -= count }
        }
        return kept.filter { !$0.requests.isEmpty }
    }

    /// Sends a batch without its late requests; goes on to the next one when none is left.
    private func send(_ chunks: [Chunk], attempt: Int, isUnknown: Bool = false) {
        let rest = withoutLate(chunks, isUnknown: isUnknown)
        if rest.isEmpty {
            goOn()
        } else {
            commit(rest, attempt: attempt, isUnknown: isUnknown)
        }
    }

    private func commit(_ chunks: [Chunk], attempt: Int, isUnknown: Bool) {
        let batch = CommitBatch(requests: chunks.flatMap(\.requests))
        // While it waits for its connection the first of its requests may become late.
        let deadline = batch.requests.lazy.map(\.deadline).min() ?? .never
        postgres.submit(
            batch.statement,
            batch.parameters(),
            lane: .writer(0),
            deadline: deadline,
        ) { result in
            switch result {
            case .success(let rows):
                self.deliver(chunks, batch.reply(rows))
                self.goOn()
            case .failure(let error) where error.kind == .late:
                self.send(chunks, attempt: attempt, isUnknown: isUnknown)
            case .failure(let error):
                self.failed(
                    chunks,
                    error,
                    attempt: attempt,
                    isUnknown: isUnknown || error.outcomeUnknown
                )
            }
        }
    }

    /// `isUnknown`: this attempt or one before it may have committed.
    private func failed(
        _ chunks: [Chunk],
        _ error: PostgresError,
        attempt: Int,
        isUnknown: Bool,
    ) {
        // What was never sent need not be repeated, unless an attempt before it may have committed:
        // its callers come again with their keys when Postgres is back.
        let mayRepeat = isUnknown || (error.isRetryable && !error.sqlstate.isEmpty)
        if mayRepeat && attempt < attemptsMax && error.kind != .shutDown {
            // Unknown or lost a race: the same batch again, its keys make that harmless.
            state.withLock { $0.counters.retries += 1 }
            send(chunks, attempt: attempt + 1, isUnknown: isUnknown)
            return
        }
        logger.error("a batch failed", metadata: ["error": "\(error)"])
        if chunks.count > 1 && !mayRepeat && !isUnknown {
            // One bad request never fails its neighbours: every chunk by itself.
            state.withLock { state in
                for chunk in chunks.dropFirst().reversed() {
                    state.waiting.prepend(chunk)
                    state.waitingCount += chunk.requests.count
                }
            }
            send([chunks[0]], attempt: 1)
            return
        }
        let last = PostgresError(error.kind, error.message, outcomeUnknown: isUnknown)
        for chunk in chunks { chunk.reply(.failure(last)) }
        goOn()
    }

    private func deliver(_ chunks: [Chunk], _ reply: CommitReply) {
        var from = 0
        for chunk in chunks {
            let end = from + chunk.requests.count
            let outcomes = Array(reply.outcomes[from..<end])
            chunk.reply(
                .success(CommitReply(outcomes: outcomes, settlement: reply.settlement))
            )
            from = end
        }
    }

    /// A batch is done: sends what may leave now.
    private func goOn() {
        state.withLock { $0.underWay -= 1 }
        while true {
            let batch = state.withLock { begin(&$0) }
            if batch.isEmpty { return }
            let rest = withoutLate(batch, isUnknown: false)
            if rest.isEmpty {
                state.withLock { $0.underWay -= 1 }
            } else {
                commit(rest, attempt: 1, isUnknown: false)
            }
        }
    }
}
