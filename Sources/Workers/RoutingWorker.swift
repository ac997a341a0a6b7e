// Keeps what routing needs to know fresh: the snapshot of network and rule sets that a process plans on,
// and the slots of the days that come within the horizon.

internal import Base
internal import Domain
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Renews a process's snapshot, and lays slots, on one event loop.
///
/// The snapshot is looked at every `refreshMs`, 500 unless set otherwise, so that a change counts in every
/// process within a second.
/// Slots are laid by whichever server comes first; all of them try once a minute.
package final class RoutingWorker<Ledger: NetworkLedgerPort, Gate: GatePort> {
    /// How often slots that are missing are looked for, milliseconds.
    private static var extendMs: Int64 { 60_000 }

    private let loop: Loop
    private let keeping: NetworkKeeping<Ledger, Gate>
    private let data: RoutingData
    private let server: String
    /// How often the versions are asked for, milliseconds.
    private let refreshMs: Int64
    private let logger: Logger
    private var extendAt = Deadline.now
    private var isLogged = false
    private var task: Task<Void, Never>?

    package init(
        loop: Loop,
        keeping: NetworkKeeping<Ledger, Gate>,
        data: RoutingData,
        server: String,
        refreshMs: Int64,
        logger: Logger,
    ) {
        self.loop = loop
        self.keeping = keeping
        self.data = data
        self.server = server
        self.refreshMs = refreshMs
        self.logger = logger
    }

    /// Begins, once, and returns when the first snapshot was read or could not be.
    package func start() async {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        await turn()
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let pauseMs = refreshMs
        task = loop.start {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(pauseMs))
                await bound.value.turn()
            }
        }
    }

    /// Stops after the turn that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    private func turn() async {
        do throws(Failure) {
            if extendAt.hasPassed {
                extendAt = .now.advanced(milliseconds: Self.extendMs)
                if let result = try await keeping.extendSlots(server: server), result.changes > 0 {
                    logger.info(
                        "slots were laid",
                        metadata: [
                            "slots": "\(result.changes)", "version": "\(result.version)",
                        ],
                    )
                }
            }
            try await data.refresh(keeping.ledger)
            isLogged = false
        } catch {
            if !isLogged {
                logger.warning("cannot read the network", metadata: ["error": "\(error)"])
                isLogged = true
            }
        }
    }
}
