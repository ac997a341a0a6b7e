// `holdfast-load replay`: flags in, progress on standard error, the report on standard output.

internal import ArgumentParser
internal import Foundation
internal import LoadKit

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Plays the invoices of a sales file and reconciles every unit.",
        discussion: """
            Ends with 0 only when every row and every unit is accounted for, with 1 when not or when \
            the replay could not be finished, and with 64 when the flags are wrong.
            """,
    )

    @Argument(help: "The sales file, .csv or .csv.gz.")
    var file: String

    @Option(help: "The server; without it HOLDFAST_SERVER, or this one.")
    var server = ProcessInfo.processInfo.environment["HOLDFAST_SERVER"] ?? "127.0.0.1:50051"

    @Option(
        name: .customLong("run"),
        help: "Names the run; the same name again gets the same answers (default: the time)."
    )
    var runName: String?

    @Option(help: "Steps under way at once.")
    var inFlight = 64

    @Option(help: "Connections that the calls are spread over.")
    var connections = 4

    @Option(help: "Percent of the stock that suffices: less makes refusals.")
    var scarce = 100

    @Option(help: "Hours of the file's clock after which an order is shipped.")
    var shipAfter = 24.0

    @Option(help: "Seconds of the file for each second (default: as fast as it goes).")
    var speed: Double?

    @Option(help: "Only so many invoices.")
    var limit: Int?

    @Option(help: "Gives up after so many seconds.")
    var timeout: Int64 = 900

    @Flag(help: "The report as JSON.")
    var json = false

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
        guard shipAfter >= 0, shipAfter < 1_000_000 else {
            throw ValidationError("--ship-after takes hours, 0 or more")
        }
        if let problem = try options().problem { throw ValidationError(problem) }
    }

    func run() async throws {
        let options = try options()
        let status = StatusLine(isQuiet: quiet)
        status.say("run \(options.run) against \(server)")
        do throws(ReplayFailure) {
            let report = try await Replay.run(options) { status.show($0) }
            status.end()
            print(json ? try Self.json(report) : report.text)
            if !report.isBalanced { Self.exit(withError: ExitCode(1)) }
        } catch {
            status.end()
            FileHandle.standardError.write(Data("holdfast-load: \(error)\n".utf8))
            Self.exit(withError: ExitCode(1))
        }
    }

    private static func json(_ report: ReplayReport) throws(ReplayFailure) -> String {
        do {
            return try report.json()
        } catch {
            throw ReplayFailure(description: "the report cannot be written: \(error)")
        }
    }

    private func options() throws -> ReplayOptions {
        let address = try serverAddress(server)
        var options = ReplayOptions(file: file, run: runName ?? Self.runOfNow)
        options.host = address.host
        options.port = address.port
        options.inFlight = inFlight
        options.connections = connections
        options.scarcePercent = scarce
        options.shipAfterSeconds = Int64(shipAfter * 3_600)
        options.speed = speed
        options.invoicesMax = limit
        options.timeoutSeconds = timeout
        return options
    }

    private static let runOfNow = "r\(Int(Date().timeIntervalSince1970))"
}
