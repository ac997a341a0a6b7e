// Deletes decisions that nobody reserved by when they are old, a little at a time. Every server does it:
// what another one has just deleted is gone, and that is all.

internal import Base
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Forgets old decisions, on one loop.
package final class RouteRetentionWorker<Store: RouteRetentionPort> {
    /// Deleted in one go.
    private static var batch: Int32 { 1_000 }
    /// Between two looks when nothing is old, and between two goes when something is, milliseconds.
    private static var idleMs: Int64 { 60_000 }
    private static var busyMs: Int64 { 200 }

    private let loop: Loop
    private let store: Store
    private let days: Int32
    private let logger: Logger
    private var task: Task<Void, Never>?

    /// - Parameter days: how long a decision is kept.
    package init(loop: Loop, store: Store, days: Int32, logger: Logger) {
        self.loop = loop
        self.store = store
        self.days = days
        self.logger = logger
    }

    /// Begins; once.
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

    /// Stops after what is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    /// Returns how long to rest, in milliseconds.
    private func turn() async -> Int64 {
        do throws(Failure) {
            let count = try await store.forget(olderThan: days, count: Self.batch)
            return count < Int64(Self.batch) ? Self.idleMs : Self.busyMs
        } catch {
            logger.warning("cannot delete old decisions", metadata: ["error": "\(error)"])
            return Self.idleMs
        }
    }
}
