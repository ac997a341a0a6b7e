// A replay from end to end: read, open, play, ask the server, compare.

internal import Loop
internal import NIOCore
internal import NIOPosix
internal import RPC

/// How to play a file.
package struct ReplayOptions: Hashable, Sendable {
    /// A `.csv` or `.csv.gz` file.
    package var file: String
    package var host = "127.0.0.1"
    package var port = 50_051
    /// Names the run in its nodes, channel and keys; 1 to 32 letters, digits, `-` or `_`.
    package var run: String
    /// Steps under way at once, 1 to 1,024.
    package var inFlight = 64
    package var connections = 4
    /// Percent of the stock that suffices, 0 to 100.
    package var scarcePercent = 100
    /// Seconds of the file's clock after which an order is shipped.
    package var shipAfterSeconds: Int64 = 86_400
    /// Seconds of the file for each second; nil: as fast as it goes.
    package var speed: Double?
    /// Only so many invoices.
    package var invoicesMax: Int?
    /// When to give up, in seconds.
    package var timeoutSeconds: Int64 = 900

    package init(file: String, run: String) {
        self.file = file
        self.run = run
    }

    /// What is wrong with the options, or nil.
    package var problem: String? {
        let isPlain = run.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || Character(UnicodeScalar(byte)).isLetter
                || Character(UnicodeScalar(byte)).isNumber
        }
        guard (1...32).contains(run.utf8.count), isPlain else {
            return "a run is named with 1 to 32 letters, digits, '-' or '_', not '\(run)'"
        }
        guard (1...1_024).contains(inFlight) else { return "in flight: 1 to 1024" }
        guard (1...16).contains(connections) else { return "connections: 1 to 16" }
        guard (0...100).contains(scarcePercent) else { return "scarce: 0 to 100 percent" }
        guard shipAfterSeconds >= 0 else { return "orders cannot ship before they are placed" }
        guard speed.map({ $0 > 0 }) ?? true else { return "the speed must be more than 0" }
        guard timeoutSeconds > 0 else { return "the timeout must be more than 0" }
        guard invoicesMax.map({ $0 > 0 }) ?? true else { return "the limit must be more than 0" }
        return nil
    }
}

package enum Replay {
    /// Plays a file against a server and compares what both say.
    ///
    /// - Parameter watch: hears of the progress twice a second.
    /// - Throws: `ReplayFailure` when it could not be finished; a run that does not balance is no
    ///   failure, the report says so.
    package static func run(
        _ options: ReplayOptions,
        watch: @escaping @Sendable (ReplayProgress) -> Void = { _ in },
    ) async throws(ReplayFailure) -> ReplayReport {
        if let problem = options.problem { throw ReplayFailure(description: problem) }
        let file: SalesFile
        do throws(InputFailure) {
            file = try SalesFile.load(options.file, invoicesMax: options.invoicesMax)
        } catch {
            throw ReplayFailure(description: error.description)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = Loop(group.next())
        var clients: [RPCClient] = []
        let outcome: Result<ReplayReport, ReplayFailure>
        do throws(ReplayFailure) {
            for _ in 0..<options.connections {
                clients.append(try await connect(options, loop))
            }
            outcome = .success(try await play(file, options, clients, watch))
        } catch {
            outcome = .failure(error)
        }
        for client in clients { await client.close() }
        // It fails only when it was shut down before.
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    private static func connect(
        _ options: ReplayOptions,
        _ loop: Loop,
    ) async throws(ReplayFailure) -> RPCClient {
        do throws(Status) {
            return try await RPCClient.connect(host: options.host, port: options.port, loop: loop)
        } catch {
            throw ReplayFailure(
                description: "no server at \(options.host):\(options.port): \(error)"
            )
        }
    }

    private static func play(
        _ file: SalesFile,
        _ options: ReplayOptions,
        _ clients: [RPCClient],
        _ watch: @escaping @Sendable (ReplayProgress) -> Void,
    ) async throws(ReplayFailure) -> ReplayReport {
        let nodes = Nodes(run: options.run)
        let opening = OpeningStock.derive(
            from: file.sales,
            nodes: nodes,
            percent: options.scarcePercent,
        )
        let calls = Calls(
            clients: clients,
            deadline: .now + .seconds(options.timeoutSeconds),
        )
        let player = Player(
            settings: Player.Settings(
                run: options.run,
                nodes: nodes,
                channel: "online-retail/\(options.run)",
                inFlightMax: options.inFlight,
                shipAfter: options.shipAfterSeconds,
                speed: options.speed,
            ),
            calls: calls,
        )
        let invoices = Invoice.grouped(file.sales)
        try await player.open(opening)
        let start = ContinuousClock.now
        let watcher = Task {
            while !Task.isCancelled {
                watch(await player.progressNow())
                do {
                    try await Task.sleep(for: .milliseconds(500))
                } catch {
                    return
                }
            }
        }
        defer { watcher.cancel() }
        let played = try await player.play(invoices)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        watch(await player.progressNow())
        let state = try await ServerState.read(
            calls,
            nodes: nodes,
            channel: "online-retail/\(options.run)",
        )
        var report = reconcile(file, options, played, state)
        report.invoices = invoices.count
        report.seconds = seconds
        return report
    }

    /// Holds the three counts against each other.
    private static func reconcile(
        _ file: SalesFile,
        _ options: ReplayOptions,
        _ played: Played,
        _ state: ServerState,
    ) -> ReplayReport {
        var premises = IndependentCount.Premises(nodes: Nodes(run: options.run))
        premises.percent = options.scarcePercent
        premises.shipAfter = options.shipAfterSeconds
        // With enough stock nothing may be refused: the file alone must explain everything.
        if options.scarcePercent < 100 { premises.refused = played.refused }
        let count = IndependentCount(file.sales, premises)
        var report = ReplayReport()
        report.run = options.run
        report.scarcePercent = options.scarcePercent
        report.rows = file.rows
        report.malformed = file.malformed
        for rowClass in played.classes.values {
            report.rowsByClass[rowClass.name, default: 0] += 1
        }
        report.rowsCounted = count.rows
        if !file.malformed.isEmpty {
            let name = RowClass.refused("MALFORMED").name
            report.rowsByClass[name, default: 0] += file.malformed.count
            report.rowsCounted["refused", default: 0] += file.malformed.count
        }
        report.ordersPlaced = played.orders
        report.ordersListed = state.orders
        report.positions = state.stock.count
        report.file = Comparison.total(count.stock)
        report.answers = Comparison.total(played.stock)
        report.server = Comparison.total(state.stock)
        report.differences =
            Comparison.differences("file", count.stock, server: state.stock)
            + Comparison.differences("answers", played.stock, server: state.stock)
        report.oddities = played.oddities + state.oddities
        report.retries = played.retries
        report.refusals = played.refusals
        report.slowest = played.slowest
        report.calls = played.calls
        report.acceptedCalls = played.latencies.count
        report.refusedCalls = played.refusedCalls
        report.latency = played.latencies.figures
        report.curve = played.latencies.curve
        return report
    }
}
