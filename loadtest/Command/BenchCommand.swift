// `holdfast-load bench SCENARIO`: flags in, a live line on standard error, the report on standard output.

internal import ArgumentParser
internal import Foundation
internal import LoadKit

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures a running server, and judges the run by Postgres and Redis.",
        discussion: """
            SCENARIOS
            \(scenarios)

            Without --rate every caller waits for its answer before the next call. With --rate calls \
            are made at that rate whatever becomes of those before, and latencies count from the \
            moment that a call was meant to be made. Accepted and refused calls are never added up.

            Each run has SKUs, a node and an owner of its own, receives its stock first, and ends with \
            a verdict: every acknowledged reservation is in Postgres, every accepted unit is accounted \
            for, nothing is oversold, Redis shows what the ledger says. Ends with 0 when the verdict is \
            good, with 1 when it is not or the run could not be made, with 64 when flags are wrong. The \
            generator uses one core at most; its share of the processor is in the report.

            EXAMPLES
              holdfast-load bench flash
              holdfast-load bench flash --rate 20000 --seconds 30 --html flash.html
              holdfast-load bench mixed --connections 4 --streams 32 --json
            """,
    )

    private static var scenarios: String {
        BenchScenario.allCases
            .map {
                "  " + $0.rawValue.padding(toLength: 10, withPad: " ", startingAt: 0) + $0.summary
            }
            .joined(separator: "\n")
    }

    @Argument(
        help: "What to measure: \(BenchScenario.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var scenario: String

    @Option(help: "The server; without it HOLDFAST_SERVER, or this one.")
    var server = ProcessInfo.processInfo.environment["HOLDFAST_SERVER"] ?? "127.0.0.1:50051"

    @Option(name: .customLong("run"), help: "Names the run (default: the time).")
    var runName: String?

    @Option(help: "Connections that the calls are spread over.")
    var connections = 8

    @Option(help: "Callers on each connection, or carts on each stream.")
    var streams = 64

    @Option(help: "Open loop: so many calls each second.")
    var rate: Double?

    @Option(help: "Seconds before the measurement, which are not counted.")
    var warmup = 2.0

    @Option(help: "Seconds that are measured, 600 at most.")
    var seconds = 10.0

    @Option(help: "Ends the measurement after so many calls.")
    var count: Int?

    @Option(help: "Milliseconds that the server may take for a call.")
    var timeout: Int64 = 10_000

    @Option(help: "Postgres as libpq names it; without it HOLDFAST_POSTGRES, or that of ops/run.")
    var postgres: String?

    @Option(help: "Redis as unix:PATH or HOST:PORT; without it HOLDFAST_REDIS, or that of ops/run.")
    var redis: String?

    @Option(help: "The server's process, if it is not whoever listens on its port.")
    var serverPid: Int?

    @Option(help: "The process of Redis, if it is not whoever listens there.")
    var redisPid: Int?

    @Option(help: "The first process of Postgres, if it is not whoever listens there.")
    var postgresPid: Int?

    @Option(help: "The sales file of replay, .csv or .csv.gz.")
    var file: String?

    @Flag(help: "The report as JSON.")
    var json = false

    @Option(help: "Writes a page with curves and the table, too.")
    var html: String?

    @Flag(help: "No progress.")
    var quiet = false

    @Flag(help: "Lets the server be another machine than this one.")
    var allowRemote = false

    func validate() throws {
        let address = try serverAddress(server)
        guard isThisMachine(address.host) || allowRemote else {
            throw ValidationError(
                "\(address.host) is not this machine: add --allow-remote if meant"
            )
        }
        if let problem = try options().problem { throw ValidationError(problem) }
    }

    func run() async throws {
        let options = try options()
        let status = StatusLine(isQuiet: quiet)
        do throws(BenchFailure) {
            let report = try await Bench.run(
                options,
                say: { status.say($0) },
                second: { status.show(elapsed: $0, $1) },
            )
            status.end()
            if !report.cpu.missing.isEmpty {
                status.say(
                    "WARNING: not found, so not counted: "
                        + report.cpu.missing.joined(separator: ", ")
                )
            }
            if let html { try write(report.html, to: html) }
            print(json ? try report.json() : report.text)
            if !report.isGood { Self.exit(withError: ExitCode(1)) }
        } catch {
            status.end()
            FileHandle.standardError.write(Data("holdfast-load: \(error)\n".utf8))
            Self.exit(withError: ExitCode(1))
        }
    }

    private func write(_ page: String, to path: String) throws(BenchFailure) {
        do {
            try page.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw BenchFailure(description: "the page cannot be written to \(path): \(error)")
        }
    }

    private func options() throws -> BenchOptions {
        guard let scenario = BenchScenario(rawValue: scenario) else {
            let names = BenchScenario.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("no scenario is called '\(scenario)'; there are \(names)")
        }
        let address = try serverAddress(server)
        var options = BenchOptions(scenario: scenario, run: runName ?? Self.runOfNow)
        options.host = address.host
        options.port = address.port
        options.connections = connections
        options.streams = streams
        options.rate = rate
        options.warmupSeconds = warmup
        options.seconds = seconds
        options.count = count
        options.timeoutMilliseconds = timeout
        let sockets = Self.socketsOfRun
        let environment = ProcessInfo.processInfo.environment
        options.postgres =
            postgres ?? environment["HOLDFAST_POSTGRES"]
            ?? sockets.map { "host='\($0)' port=5432 user=postgres dbname=holdfast" }
        options.redis =
            redis ?? environment["HOLDFAST_REDIS"] ?? sockets.map { "unix:\($0)/redis.sock" }
        options.serverPID = serverPid
        options.redisPID = redisPid
        options.postgresPID = postgresPid
        options.file = file
        return options
    }

    /// Where ops/run, started in this folder without --data, has its sockets.
    static var socketsOfRun: String? {
        let text = try? String(contentsOfFile: ".holdfast/sockets", encoding: .utf8)
        return text?.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static let runOfNow = "b\(Int(Date().timeIntervalSince1970))"
}
