// Loads the view of a new epoch ahead of the requests: first the positions in use, then all others. Only
// a server that took part in the opening does it. Serving never waits for it: what it has not reached is
// loaded by the first request, and what it loads is written only where it is missing.

internal import Base
internal import Domain
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Warms the view, on one loop.
package final class WarmWorker<View: WarmView, Store: WarmPort> {
    /// What it has done.
    package struct Figures: Sendable {
        /// Positions loaded since the start.
        package var positions = 0
        /// How long the latest epoch took, or has taken so far, in milliseconds.
        package var lastMs: Int64 = 0
        /// True while it loads.
        package var isWarming = false
    }

    /// Positions of one script call: bounds the time that it holds Redis up.
    private static var callMax: Int { 500 }
    /// Positions of one question to Postgres.
    private static var pageMax: Int { 2_000 }
    /// Of the positions in use so many are looked for.
    private static var hotMax: Int { 20_000 }
    /// The part of the cache's memory that may be in use when more is loaded: the rest is for requests.
    private static var memoryMax: Double { 0.6 }
    /// Failures in a row after which it leaves the rest to the requests, and the pause after each.
    private static var failuresMax: Int { 100 }
    private static var pauseMs: Int64 { 100 }
    /// How long it waits for the gate of its loop to find the epoch, in milliseconds.
    private static var patienceMs: Int64 { 10_000 }

    private let loop: Loop
    private let view: View
    private let store: Store
    private let openings: AsyncStream<Int64>
    private let positionsMax: Int
    private let logger: Logger
    private var task: Task<Void, Never>?
    private var began: Deadline?
    private var figuresSoFar = Figures()

    /// `openings` names the epochs that this server opened; `positionsMax` bounds what is loaded of
    /// each, 0 loads nothing.
    package init(
        loop: Loop,
        view: View,
        store: Store,
        openings: AsyncStream<Int64>,
        positionsMax: Int,
        logger: Logger,
    ) {
        self.loop = loop
        self.view = view
        self.store = store
        self.openings = openings
        self.positionsMax = positionsMax
        self.logger = logger
    }

    /// What it has done so far.
    package var figures: Figures {
        loop.eventLoop.preconditionInEventLoop()
        var figures = figuresSoFar
        if let began { figures.lastMs = Deadline.now.milliseconds(from: began) }
        return figures
    }

    /// Begins to wait for openings; once.
    package func start() {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let openings = self.openings
        task = loop.start {
            for await epoch in openings { await bound.value.warm(epoch) }
        }
    }

    /// Stops after the call that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    private func warm(_ epoch: Int64) async {
        if positionsMax == 0 { return }
        began = .now
        figuresSoFar.isWarming = true
        let before = figuresSoFar.positions
        var end = "failed"
        do throws(Failure) {
            end = try await loadAll(epoch)
        } catch {
            logger.debug("cannot warm the view", metadata: ["error": "\(error)"])
        }
        figuresSoFar = figures
        figuresSoFar.isWarming = false
        began = nil
        logger.notice(
            "warmed the view",
            metadata: [
                "epoch": "\(epoch)", "positions": "\(figuresSoFar.positions - before)",
                "ms": "\(figuresSoFar.lastMs)", "end": "\(end)",
            ],
        )
    }

    /// Loads until all is loaded, or something says that it is enough; returns which.
    private func loadAll(_ epoch: Int64) async throws(Failure) -> String {
        guard await isServing(epoch) else { return "another epoch" }
        var left = positionsMax
        let hot = try await store.hotPositions(limit: min(Self.hotMax, left))
        for start in stride(from: 0, to: hot.count, by: Self.callMax) {
            let ids = Array(hot[start..<min(start + Self.callMax, hot.count)])
            let positions = try await store.positions(ids)
            guard try await load(positions, epoch) else { return "another epoch" }
            left -= positions.count
        }
        var last: PositionID = 0
        var failures = 0
        while left > 0 {
            let page: [LoadedPosition]
            do throws(Failure) {
                if try await view.memoryUse() > Self.memoryMax { return "memory" }
                page = try await store.positions(after: last, limit: min(Self.pageMax, left))
            } catch {
                // Redis or Postgres is away for a moment, or overrun.
                failures += 1
                if failures > Self.failuresMax || Task.isCancelled { throw error }
                try? await Task.sleep(for: .milliseconds(Self.pauseMs))
                continue
            }
            failures = 0
            guard let end = page.last else { return "all" }
            last = end.position
            guard try await load(page, epoch) else { return "another epoch" }
            left -= page.count
        }
        return "limit"
    }

    /// False when the epoch is over.
    private func load(_ positions: [LoadedPosition], _ epoch: Int64) async throws(Failure) -> Bool {
        for start in stride(from: 0, to: positions.count, by: Self.callMax) {
            guard await isServing(epoch) else { return false }
            let part = positions[start..<min(start + Self.callMax, positions.count)]
            try await view.load(Array(part), epoch: epoch)
            figuresSoFar.positions += part.count
        }
        return true
    }

    /// Waits until the gate of this loop is open in the epoch; false when another is, or none in time.
    private func isServing(_ epoch: Int64) async -> Bool {
        let patience = Deadline.now.advanced(milliseconds: Self.patienceMs)
        while !Task.isCancelled {
            if view.isOpen, let open = view.openEpoch, open >= epoch { return open == epoch }
            if patience.hasPassed { return false }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
