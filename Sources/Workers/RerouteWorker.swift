// Finds units another place that their node gave up, that lost it when a node was closed, or that never
// had one. Every server does it; a job is handed to one of them for a while, and to the next when that
// has died.

internal import Base
internal import Domain
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// Drives re-routes, on one loop.
package final class RerouteWorker<
    Ledger: ReroutePort & FulfilmentPort,
    Gate: GatePort,
    Holds: HoldPort,
    Places: Rerouting
> {
    package typealias Driver = Rerouter<Ledger, Gate, Holds, Places>

    /// Jobs of one turn, and orders of closed nodes.
    private static var jobsMax: Int { 16 }
    /// For how long a job is one server's, milliseconds.
    private static var leaseMs: Int { 5_000 }

    private let loop: Loop
    private let ledger: Ledger
    private let driver: Driver
    private let attemptsMax: Int
    private let intervalMs: Int64
    private let logger: Logger
    private var task: Task<Void, Never>?
    private var isLogged = false

    /// What it did since the start.
    package private(set) var figures = Driver.Figures()

    /// `intervalMs` is the pause after a turn that found nothing.
    package init(
        loop: Loop,
        ledger: Ledger,
        driver: Driver,
        attemptsMax: Int,
        intervalMs: Int64,
        logger: Logger,
    ) {
        self.loop = loop
        self.ledger = ledger
        self.driver = driver
        self.attemptsMax = attemptsMax
        self.intervalMs = intervalMs
        self.logger = logger
    }

    /// Begins to look for work; once.
    package func start() {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let pause = Duration.milliseconds(intervalMs)
        task = loop.start {
            while !Task.isCancelled {
                if await !bound.value.turn() { try? await Task.sleep(for: pause) }
            }
        }
    }

    /// Stops after the turn that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    /// One turn; returns whether there may be more to do at once.
    private func turn() async -> Bool {
        do throws(Failure) {
            try await withdrawClosed()
            let jobs = try await ledger.claim(
                limit: Self.jobsMax,
                leaseMs: Self.leaseMs,
                attemptsMax: attemptsMax,
            )
            for job in jobs { figures += try await driver.drive(job) }
            isLogged = false
            return !jobs.isEmpty
        } catch {
            if !isLogged {
                logger.warning("cannot re-route", metadata: ["error": "\(error)"])
                isLogged = true
            }
            return false
        }
    }

    private func withdrawClosed() async throws(Failure) {
        for work in try await ledger.closedWork(limit: Self.jobsMax) {
            // Whoever is later than another server finds nothing left to withdraw.
            let key = ID.random()
            _ = try await ledger.withdraw(
                WithdrawCommand(
                    header: CommandHeader(
                        key: key,
                        fingerprint: key,
                        origin: Origin(principal: "system:reroute", requestID: "", traceID: ""),
                    ),
                    order: work.order,
                    shipments: work.shipments,
                    cause: .closed,
                    note: "the node is closed",
                )
            )
        }
    }
}
