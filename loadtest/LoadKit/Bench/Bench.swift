// A benchmark from end to end: own stock, warm-up, measurement, drain, and the verdict of the books.

internal import Base
internal import Loop
internal import Messages
internal import NIOCore
internal import NIOPosix
internal import RPC
internal import SwiftProtobuf

package enum Bench {
    /// Units of each position: more than any run can take.
    private static let unitsMax: Int64 = 1_000_000
    /// Lines of one Receive.
    private static let linesMax = 500
    /// What `soldout` sells before it measures.
    private static let soldoutUnits: Int64 = 100

    /// Runs a scenario.
    ///
    /// - Parameters:
    ///   - say: hears what is being done.
    ///   - second: hears of each second of the measurement.
    /// - Throws: `BenchFailure` when it could not be run or judged; bad books are no failure, the
    ///   report says so.
    package static func run(
        _ options: BenchOptions,
        say: @escaping @Sendable (String) -> Void = { _ in },
        second: @escaping @Sendable (Double, BenchSecond) -> Void = { _, _ in },
    ) async throws(BenchFailure) -> BenchReport {
        if let problem = options.problem { throw BenchFailure(description: problem) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = Loop(group.next())
        let outcome: Result<BenchReport, BenchFailure>
        do throws(BenchFailure) {
            outcome = .success(try await run(options, loop, say, second))
        } catch {
            outcome = .failure(error)
        }
        // It fails only when it was shut down before.
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    private static func run(
        _ options: BenchOptions,
        _ loop: Loop,
        _ say: @escaping @Sendable (String) -> Void,
        _ second: @escaping @Sendable (Double, BenchSecond) -> Void,
    ) async throws(BenchFailure) -> BenchReport {
        switch options.scenario {
        case .replay: return try await replay(options, say)
        case .overload: return try await overload(options, say)
        default: break
        }
        guard options.scenario.hasBooks else {
            let run = try await measure(options, loop, Acknowledged(), say, second)
            return run.report
        }
        guard let postgres = options.postgres, let redis = options.redis else {
            throw BenchFailure(
                description: "a run is judged by Postgres and Redis: give --postgres and --redis,"
                    + " or HOLDFAST_POSTGRES and HOLDFAST_REDIS"
            )
        }
        let judge = try await Judge(postgres: postgres, redis: redis, loop: loop)
        let outcome: Result<BenchReport, BenchFailure>
        do throws(BenchFailure) {
            say("receiving stock of \(options.scenario.skus) SKUs")
            let (received, before) = try await receiveStock(options, loop)
            var run = try await measure(options, loop, before, say, second)
            say("reading the books")
            run.report.books = try await judge.books(
                of: BenchNames(run: options.run),
                run.acknowledged,
                received: received,
            )
            outcome = .success(run.report)
        } catch {
            outcome = .failure(error)
        }
        await judge.close()
        return try outcome.get()
    }

    // MARK: Stock

    /// Receives the stock of a run, and for `soldout` sells it; returns the units received and what
    /// was acknowledged.
    private static func receiveStock(
        _ options: BenchOptions,
        _ loop: Loop,
    ) async throws(BenchFailure) -> (received: Int, Acknowledged) {
        let names = BenchNames(run: options.run)
        var acknowledged = Acknowledged()
        var received = 0
        do {
            let client = try await RPCClient.connect(
                host: options.host,
                port: options.port,
                loop: loop,
            )
            if options.scenario.nodes > 0 {
                try await BenchNetwork.lay(names, options.scenario, client)
            }
            for (number, request) in stockRequests(options, names).enumerated() {
                var request = request
                request.idempotencyKey = "bench-\(options.run)-stock-\(number)"
                received += request.lines.reduce(0) { $0 + Int($1.quantity) }
                _ = try await client.unary(
                    "/holdfast.v1.InventoryService/Receive",
                    try request.serializedBytes(),
                    timeoutMilliseconds: 30_000,
                )
            }
            if options.scenario == .soldout {
                acknowledged = try await sellOut(options, names, client)
            }
            await client.close()
        } catch {
            throw BenchFailure(description: "no stock for the run: \(error)")
        }
        return (received, acknowledged)
    }

    private static func stockRequests(
        _ options: BenchOptions,
        _ names: BenchNames,
    ) -> [Holdfast_V1_ReceiveRequest] {
        let nodes = BenchNetwork.nodes(names, options.scenario)
        let skus: [Int]
        switch options.scenario {
        // A line has a limit, and lines of one SKU are summed.
        case .flash: skus = Array(repeating: 0, count: linesMax)
        default:
            skus = Array(0..<options.scenario.skus * nodes.count)
        }
        return stride(from: 0, to: skus.count, by: linesMax)
            .map { start in
                var request = Holdfast_V1_ReceiveRequest()
                request.reference = names.owner
                request.lines = skus[start..<min(start + linesMax, skus.count)]
                    .map { sku in
                        var line = Holdfast_V1_StockLine()
                        line.sku = names.sku(sku / nodes.count)
                        line.node = nodes[sku % nodes.count]
                        line.quantity = options.scenario == .soldout ? soldoutUnits : unitsMax
                        return line
                    }
                return request
            }
    }

    private static func sellOut(
        _ options: BenchOptions,
        _ names: BenchNames,
        _ client: RPCClient,
    ) async throws -> Acknowledged {
        var request = BenchPlan.reserveRequest(
            names,
            key: "bench-\(options.run)-all",
            marks: ["00000"],
        )
        request.lines[0].quantity = soldoutUnits
        let answer = try await client.unary(
            BenchCall.reserve.path,
            try request.serializedBytes(),
            timeoutMilliseconds: 30_000,
        )
        var acknowledged = Acknowledged()
        let reservation = try Holdfast_V1_Reservation(serializedBytes: answer.message)
        if let id = ID(reservation.id) {
            acknowledged.ids = [id]
            acknowledged.units = Int(soldoutUnits)
        }
        return acknowledged
    }
}
