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
        let pause = Duration.milliseconds(intervalMs)
        task = loop.start {
            while !Task.isCancelled {
                // Where some were due, more may be: the next sweep follows at once.
                let found = await bound.value.sweep()
                if found == 0 { try? await Task.sleep(for: pause) }
            }
        }
    }

    /// Stops after the sweep that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    /// One sweep; returns how many holds it gave back.
    private func sweep() async -> Int {
        do throws(Failure) {
            let sweep = try await ledger.expireDue(limit: batchMax)
            if !sweep.isBusy { lagMs = sweep.lagMs }
            if sweep.found > 0 {
                expired += sweep.found
                gate.post(sweep.settlement, ending: [])
            }
            return sweep.found
        } catch {
            logger.warning("cannot sweep expired holds", metadata: ["error": "\(error)"])
            return 0
        }
    }
}
