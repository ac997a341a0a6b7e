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
        var clients: [RPCClient] = []
        let outcome: Result<OverloadReport, OverloadFailure>
        do throws(OverloadFailure) {
            do throws(Status) {
                for _ in 0..<options.connections {
                    clients.append(
                        try await RPCClient.connect(
                            host: options.host,
                            port: options.port,
                            loop: loop
                        )
                    )
                }
            } catch {
                throw OverloadFailure(
                    description: "no server at \(options.host):\(options.port): \(error)"
                )
            }
            outcome = .success(try await run(options, clients, loop, watch))
        } catch {
            outcome = .failure(error)
        }
        for client in clients { await client.close() }
        // It fails only when it was shut down before.
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    private static func run(
        _ options: OverloadOptions,
        _ clients: [RPCClient],
        _ loop: Loop,
        _ watch: @Sendable (String) -> Void,
    ) async throws(OverloadFailure) -> OverloadReport {
        try await receiveStock(options, clients[0])
        let book =
            await loop.start {
                NIOLoopBound(
                    OverloadBook(options),
                    eventLoop: loop.eventLoop,
                )
            }
            .value
        let calls = OverloadCalls(
            clients: clients,
            book: book,
            run: options.run,
            deadlineMilliseconds: options.deadlineMilliseconds,
        )
        var report = OverloadReport()
        report.run = options.run
        report.connections = options.connections
        report.deadlineMilliseconds = options.deadlineMilliseconds
        watch("looking for the capacity, \(options.capacitySeconds) s")
        let closed = ClosedLoop(calls: calls, loop: loop, callers: options.callers)
        report.capacity = await closed.run(seconds: options.capacitySeconds)
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
                await closed.hold(Int(rate * Double(options.levelSeconds) / 10))
            }
            watch("offering \(Int(rate)) calls/s, \(options.levelSeconds) s")
            let level = OpenLoop(calls: calls, loop: loop, openMax: options.openMax)
            var figures = await level.run(rate: rate, seconds: options.levelSeconds)
            figures.multiple = multiple
            report.levels.append(figures)
        }
        (report.reservedEver, report.confirmedEver) =
            await loop.start { (book.value.reservedEver, book.value.confirmedEver) }.value
        return report
    }

    private static func receiveStock(
        _ options: OverloadOptions,
        _ client: RPCClient,
    ) async throws(OverloadFailure) {
        let names = OverloadBook(options)
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
        do {
            _ = try await client.unary(
                "/holdfast.v1.InventoryService/Receive",
                try request.serializedBytes(),
                timeoutMilliseconds: 10_000,
            )
        } catch {
            throw OverloadFailure(description: "no stock for the run: \(error)")
        }
    }
}
