// Ends pending holds that nobody ended, so that no unit stays unsellable when a server dies between
// admission and settlement, and closes gaps that a settlement showed. Every server does it; it is
// harmless when several do.

internal import Base
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Heals the view, on one loop.
package final class HealWorker {
    private let loop: Loop
    private let healing: Healing
    private let intervalMs: Int64
    private let looksForOverdue: Bool
    private let logger: Logger
    private var task: Task<Void, Never>?

    /// Pending holds ended since the start.
    package private(set) var healed = 0

    /// Overdue holds are those of the whole shard: one worker of a server looks for them.
    package init(
        loop: Loop,
        healing: Healing,
        intervalMs: Int64,
        looksForOverdue: Bool,
        logger: Logger,
    ) {
        self.loop = loop
        self.healing = healing
        self.intervalMs = intervalMs
        self.looksForOverdue = looksForOverdue
        self.logger = logger
    }

    /// Begins to look; once.
    package func start() {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let pause = Duration.milliseconds(intervalMs)
        task = loop.start {
            while !Task.isCancelled {
                await bound.value.look()
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Stops after the look that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    private func look() async {
        do throws(Failure) {
            let replayed = try await healing.healGaps()
            if replayed > 0 {
                logger.debug("closed gaps of the view", metadata: ["rows": "\(replayed)"])
            }
            let dropped = try await healing.healMiscounted()
            if dropped > 0 {
                logger.warning(
                    "dropped views that counted holds of which there is no trace",
                    metadata: ["positions": "\(dropped)"],
                )
            }
            if !looksForOverdue || ProtocolStep.heal.isLeftOut { return }
            if ProtocolStep.settleAndHeal.isLeftOut { return }
            let ended = try await healing.healOverdue()
            healed += ended
            if ended > 0 {
                logger.warning("ended overdue holds", metadata: ["count": "\(ended)"])
            }
        } catch {
            // The gate is closed or away: the next epoch has no pending holds.
            logger.debug("cannot look for overdue holds", metadata: ["error": "\(error)"])
        }
    }
}
