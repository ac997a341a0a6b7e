// An overload run from end to end: own stock, the capacity in a closed loop, then more than that in an
// open loop at a constant rate, whatever becomes of the calls before.

internal import Foundation
internal import Loop
internal import Messages
internal import NIOCore
internal import NIOPosix
internal import RPC
internal import SwiftProtobuf

package enum Overload {
    /// Finds the capacity of a server and offers multiples of it.
    ///
    /// - Parameter watch: hears what is being done.
    /// - Throws: `OverloadFailure` when it could not be finished; a server that does not stand it is
    ///   no failure, the report says so.
    package static func run(
        _ options: OverloadOptions,
        watch: @escaping @Sendable (String) -> Void = { _ in },
    ) async throws(OverloadFailure) -> OverloadReport {
        if let problem = options.problem { throw OverloadFailure(description: problem) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = Loop(group.next())
        let outcome: Result<OverloadReport, OverloadFailure>
        do throws(OverloadFailure) {
            try await receiveStock(options, loop)
            outcome = .success(try await run(options, loop, watch))
        } catch {
            outcome = .failure(error)
        }
        // It fails only when it was shut down before.
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    private static func run(
        _ options: OverloadOptions,
        _ loop: Loop,
        _ watch: @Sendable (String) -> Void,
    ) async throws(OverloadFailure) -> OverloadReport {
        let driver =
            await loop.start {
                NIOLoopBound(OverloadDriver(options, loop: loop), eventLoop: loop.eventLoop)
            }
            .value
        let clients = try await connect(options, loop, driver)
        await loop.start { driver.value.use(clients) }.value
        let outcome: Result<OverloadReport, OverloadFailure>
        do throws(OverloadFailure) {
            outcome = .success(
                try await play(options, OverloadPhases(driver: driver, loop: loop), watch)
            )
        } catch {
            outcome = .failure(error)
        }
        for client in clients { await client.close() }
        return try outcome.get()
    }

    private static func connect(
        _ options: OverloadOptions,
        _ loop: Loop,
        _ driver: NIOLoopBound<OverloadDriver>,
    ) async throws(OverloadFailure) -> [ClientDirect] {
        let heads = OverloadPlan(options).heads
        var clients: [ClientDirect] = []
        do throws(Status) {
            for _ in 0..<options.connections {
                clients.append(
                    try await ClientDirect.connect(
                        host: options.host,
                        port: options.port,
                        loop: loop,
                        heads: heads,
                    ) { tag, answer in driver.value.answered(tag, answer) }
                )
            }
        } catch {
            for client in clients { await client.close() }
            throw OverloadFailure(
                description: "no server at \(options.host):\(options.port): \(error)"
            )
        }
        return clients
    }

    private static func play(
        _ options: OverloadOptions,
        _ phases: OverloadPhases,
        _ watch: @Sendable (String) -> Void,
    ) async throws(OverloadFailure) -> OverloadReport {
        var report = OverloadReport()
        report.run = options.run
        report.connections = options.connections
        report.deadlineMilliseconds = options.deadlineMilliseconds
        watch("looking for the capacity, \(options.capacitySeconds) s")
        report.capacity = await phases.closed(
            callers: options.callers,
            seconds: options.capacitySeconds,
        )
        let capacity = report.capacity.acceptedPerSecond
        guard capacity > 0 else {
            throw OverloadFailure(
                description: "the server accepted nothing: \(report.capacity.refusals)"
                    + " \(report.capacity.errors)"
            )
        }
        for multiple in options.multiples {
            let rate = min(capacity * multiple, Double(options.ratePerSecondMax))
            // As many holds as the confirmations of the level may need, so that each is a real one.
            if !options.isReserveOnly {
                await phases.hold(
                    Int(rate * Double(options.levelSeconds) / 10),
                    callers: options.callers,
                )
            }
            watch("offering \(Int(rate)) calls/s, \(options.levelSeconds) s")
            var figures = await phases.open(rate: rate, seconds: options.levelSeconds)
            figures.multiple = multiple
            report.levels.append(figures)
        }
        (report.reservedEver, report.confirmedEver) = await phases.ever()
        return report
    }

    private static func receiveStock(
        _ options: OverloadOptions,
        _ loop: Loop,
    ) async throws(OverloadFailure) {
        let names = OverloadNames(run: options.run)
        var request = Holdfast_V1_ReceiveRequest()
        request.idempotencyKey = "overload-\(options.run)-stock"
        request.lines = (0..<options.skus)
            .map { number in
                var line = Holdfast_V1_StockLine()
                line.sku = names.sku(number)
                line.node = names.node
                line.quantity = 1_000_000
                return line
            }
        let client: RPCClient
        do throws(Status) {
            client = try await RPCClient.connect(
                host: options.host,
                port: options.port,
                loop: loop,
            )
        } catch {
            throw OverloadFailure(
                description: "no server at \(options.host):\(options.port): \(error)"
            )
        }
        let problem: String?
        do {
            _ = try await client.unary(
                "/holdfast.v1.InventoryService/Receive",
                try request.serializedBytes(),
                timeoutMilliseconds: 10_000,
            )
            problem = nil
        } catch {
            problem = "no stock for the run: \(error)"
        }
        await client.close()
        if let problem { throw OverloadFailure(description: problem) }
    }
}
