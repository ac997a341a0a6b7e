// `holdfast-load compare SCENARIO`: flags in, progress on standard error, the ratio on standard output.

internal import ArgumentParser
internal import Foundation
internal import LoadKit

struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measures a running server and its peers in turns, and prints the ratio.",
        discussion: """
            SCENARIOS
              flash     one hot SKU; the peer is one Postgres transaction for each request
              wide      10,000 SKUs; the same peer
              soldout   a SKU whose stock is gone; the peer is one UPDATE that finds no row
              rpc       grpc.health.v1.Health/Check; the peer is a C++ gRPC server, and nghttpd with a \
            small file is the floor

            Ours, peer, ours, peer: whatever else the machine does falls on both. The ratio is made for \
            each pair of turns; its middle, least and greatest are told. The naive peer works in a \
            database `naive_peer` of the same Postgres, which is made and dropped, with as many clients \
            as serve it best. loadtest/peers/build makes the peers first; one whose packages are missing \
            is left out, and the report says so.

            Ends with 0 when something was compared and every verdict is good, with 1 when not, with 64 \
            when flags are wrong.

            EXAMPLES
              holdfast-load compare flash
              holdfast-load compare rpc --rounds 5 --seconds 10 --html rpc.html
              holdfast-load compare soldout --json
            """,
    )

    @Argument(help: "What to compare: flash, wide, soldout, rpc.")
    var scenario: String

    @Option(help: "The server, on this machine; without it HOLDFAST_SERVER, or this one.")
    var server = ProcessInfo.processInfo.environment["HOLDFAST_SERVER"] ?? "127.0.0.1:50051"

    @Option(help: "Turns of each side.")
    var rounds = 3

    @Option(help: "Seconds that each turn is measured.")
    var seconds = 5.0

    @Option(help: "Seconds before each measurement, which are not counted.")
    var warmup = 1.0

    @Option(help: "Connections to ours, and to the peers of rpc.")
    var connections = 8

    @Option(help: "Callers on each connection.")
    var streams = 64

    @Option(help: "Numbers of clients that the naive peer is tried with.")
    var clients = "1,2,4,8,16,32"

    @Option(help: "Seconds that it is tried with each.")
    var trySeconds = 1.0

    @Option(help: "Postgres as libpq names it; without it HOLDFAST_POSTGRES, or that of ops/run.")
    var postgres: String?

    @Option(help: "Redis as unix:PATH or HOST:PORT; without it HOLDFAST_REDIS, or that of ops/run.")
    var redis: String?

    @Option(help: "The first of two ports for the peers of rpc.")
    var peerPort = 50_151

    @Option(help: "The folder of the built peers (default: .build/peers of the project).")
    var peers: String?

    @Flag(help: "The report as JSON.")
    var json = false

    @Option(help: "Writes a page with bars and the table, too.")
    var html: String?

    @Flag(help: "No progress; warnings are printed all the same.")
    var quiet = false

    func validate() throws {
        let address = try serverAddress(server)
        guard isThisMachine(address.host) else {
            throw ValidationError(
                "\(address.host) is not this machine, and the peers are: nothing to compare"
            )
        }
        if let problem = try options().problem { throw ValidationError(problem) }
        if let problem = try benchOptions().problem { throw ValidationError(problem) }
    }

    func run() async throws {
        let options = try options()
        let bench = try benchOptions()
        let status = StatusLine(isQuiet: quiet)
        let warnings = StatusLine(isQuiet: false)
        do {
            let report = try await Compare.run(options, bench: bench) { text in
                (text.contains("WARNING") ? warnings : status).say(text)
            }
            if let html { try Data(report.html.utf8).write(to: URL(fileURLWithPath: html)) }
            print(json ? try report.json() : report.text)
            if !report.isGood { Self.exit(withError: ExitCode(1)) }
        } catch {
            FileHandle.standardError.write(Data("holdfast-load: \(error)\n".utf8))
            Self.exit(withError: ExitCode(1))
        }
    }

    private func options() throws -> CompareOptions {
        guard let scenario = CompareScenario(rawValue: scenario) else {
            let names = CompareScenario.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("no comparison is called '\(scenario)'; there are \(names)")
        }
        var options = CompareOptions(scenario: scenario)
        options.rounds = rounds
        options.seconds = seconds
        options.warmupSeconds = warmup
        options.trySeconds = trySeconds
        options.peerPort = peerPort
        if let peers { options.peersFolder = peers }
        options.clientsTried = try clients.split(separator: ",")
            .map { text in
                guard let count = Int(text) else {
                    throw ValidationError("--clients takes numbers like 1,8,32, not '\(text)'")
                }
                return count
            }
        return options
    }

    private func benchOptions() throws -> BenchOptions {
        let address = try serverAddress(server)
        var bench = BenchOptions(scenario: .rpc, run: "c\(Int(Date().timeIntervalSince1970))")
        bench.host = address.host
        bench.port = address.port
        bench.connections = connections
        bench.streams = streams
        let sockets = BenchCommand.socketsOfRun
        let environment = ProcessInfo.processInfo.environment
        bench.postgres =
            postgres ?? environment["HOLDFAST_POSTGRES"]
            ?? sockets.map { "host='\($0)' port=5432 user=postgres dbname=holdfast" }
        bench.redis =
            redis ?? environment["HOLDFAST_REDIS"] ?? sockets.map { "unix:\($0)/redis.sock" }
        return bench
    }
}
