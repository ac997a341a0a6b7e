// Seals committed batches, away from the commit path: each server does it, one at a time. It takes
// its share of the database and no more: after each seal it rests many times as long as that took,
// fewer times when it has fallen behind. A sale that lasts minutes is sealed after it.

internal import Base
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Seals the ledger, on one loop.
package final class SealWorker<Sealer: SealPort> {
    private let loop: Loop
    private let sealer: Sealer
    private let intervalMs: Int64
    private let logger: Logger
    private var task: Task<Void, Never>?
    /// When everything was sealed that was committed then, by the clock that never jumps.
    private var completeAt = Deadline.now
    private var isLogged = false

    /// Rows that this server sealed since the start.
    package private(set) var rows: Int64 = 0

    /// How many times as long as a turn took it rests, by how far it is behind.
    private var restFactor: Int64 {
        switch lagMs {
        case ..<60_000: 19
        case ..<900_000: 9
        default: 3
        }
    }

    /// `intervalMs` is the pause between turns that sealed everything.
    package init(
        loop: Loop,
        sealer: Sealer,
        intervalMs: Int64,
        logger: Logger,
    ) {
        self.loop = loop
        self.sealer = sealer
        self.intervalMs = intervalMs
        self.logger = logger
    }

    /// For how long something has been committed and not sealed, at most, in milliseconds.
    ///
    /// While another server seals, this is as old as what that one has left.
    package var lagMs: Int64 { Deadline.now.milliseconds(from: completeAt) }

    /// Begins to seal; once.
    package func start() {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        task = loop.start {
            while !Task.isCancelled {
                let pauseMs = await bound.value.turn()
                try? await Task.sleep(for: .milliseconds(pauseMs))
            }
        }
    }

    /// Stops after the turn that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    /// One turn; returns how long to rest, in milliseconds.
    private func turn() async -> Int64 {
        let begin = Deadline.now
        do throws(Failure) {
            let turn = try await sealer.seal()
            isLogged = false
            rows += turn.rows
            // A server that finds another one at work looks again: the lag is that of both.
            if turn.isBusy { return intervalMs }
            if !turn.hasMore, !turn.isWaiting { completeAt = begin }
            let took = Deadline.now.milliseconds(from: begin)
            if turn.rows == 0 { return intervalMs }
            if !turn.hasMore { return max(intervalMs, took * restFactor) }
            return max(1, took * restFactor)
        } catch {
            if !isLogged {
                logger.warning("cannot seal the ledger", metadata: ["error": "\(error)"])
                isLogged = true
            }
            return intervalMs
        }
    }
}
