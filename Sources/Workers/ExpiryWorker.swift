// Gives expired holds back: often enough that every hold is visible as free at most a second after
// it is due, and never before. The database's clock alone says what is due.

internal import Base
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Sweeps expired holds, on one loop.
package final class ExpiryWorker<Ledger: ExpiryPort, Gate: GatePort> {
    private let loop: Loop
    private let ledger: Ledger
    private let gate: Gate
    private let intervalMs: Int64
    private let batchMax: Int
    private let logger: Logger
    /// The pause when all that is left is in the hands of other servers.
    private let busyMs: Int64 = 50
    private var task: Task<Void, Never>?

    /// Holds given back since the start.
    package private(set) var expired = 0
    /// For how long the oldest hold of the last sweep had been due, in milliseconds.
    package private(set) var lagMs: Int64 = 0

    /// `intervalMs` is the pause between sweeps that found little, `batchMax` the holds that one
    /// transaction gives back.
    package init(
        loop: Loop,
        ledger: Ledger,
        gate: Gate,
        intervalMs: Int64,
        batchMax: Int,
        logger: Logger,
    ) {
        self.loop = loop
        self.ledger = ledger
        self.gate = gate
        self.intervalMs = intervalMs
        self.batchMax = batchMax
        self.logger = logger
    }

    /// Begins to sweep; once.
    package func start() {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        task = loop.start {
            while !Task.isCancelled {
                let pauseMs = await bound.value.sweep()
                if pauseMs > 0 { try? await Task.sleep(for: .milliseconds(pauseMs)) }
            }
        }
    }

    /// Stops after the sweep that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    /// One sweep; returns the pause after it, in milliseconds.
    private func sweep() async -> Int64 {
        if ProtocolStep.expiry.isLeftOut { return intervalMs }
        do throws(Failure) {
            let sweep = try await ledger.expireDue(limit: batchMax)
            if sweep.found > 0 || !sweep.isBusy { lagMs = sweep.lagMs }
            // Others are at work: there may be a part for this server soon.
            if sweep.found == 0 { return sweep.isBusy ? min(intervalMs, busyMs) : intervalMs }
            expired += sweep.found
            gate.post(sweep.settlement, ending: [])
            // Where some were due, more may be: the next sweep follows at once.
            return 0
        } catch {
            logger.warning("cannot sweep expired holds", metadata: ["error": "\(error)"])
            return intervalMs
        }
    }
}
