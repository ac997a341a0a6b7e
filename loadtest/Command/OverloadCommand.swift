// `holdfast-load overload`: flags in, progress on standard error, the table on standard output.

internal import ArgumentParser
internal import Foundation
internal import LoadKit

struct OverloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overload",
        abstract: "Offers a server more than it can serve, and shows what it makes of it.",
        discussion: """
            First finds the capacity with callers who wait for their answers, then offers multiples \
            of it at a constant rate that waits for nobody: of every ten calls five Reserve, four \
            GetReservation and one Confirm, on stock of its own. Ends with 0 only when the highest \
            level still gets 90 % of the peak and every refusal says when to come again, with 1 when \
            not or when the run could not be finished, and with 64 when the flags are wrong. A call \
            that is due while the server allows no more streams waits for one, and fails as \
            NO_STREAM_IN_TIME when its deadline passes before that.

            EXAMPLES
              holdfast-load overload
              holdfast-load overload --server 127.0.0.1:50051 --level-seconds 10 --json
              holdfast-load overload --multiples 1,2,5,10 --deadline 500
            """,
    )

    @Option(help: "The server, on this machine; without it HOLDFAST_SERVER, or this one.")
    var server = ProcessInfo.processInfo.environment["HOLDFAST_SERVER"] ?? "127.0.0.1:50051"

    @Option(name: .customLong("run"), help: "Names the run and its SKUs (default: the time).")
    var runName: String?

    @Option(help: "Connections that the calls are spread over.")
    var connections = 8

    @Option(help: "Callers that find the capacity, each with one call at a time.")
    var callers = 512

    @Option(help: "Seconds that the capacity is looked for.")
    var capacitySeconds = 5

    @Option(help: "Seconds that each level lasts.")
    var levelSeconds = 5

    @Option(help: "What to offer, as multiples of the capacity.")
    var multiples = "1,2,5"

    @Option(help: "Milliseconds that a call may take from when it was meant to be made.")
    var deadline: Int64 = 1_000

    @Option(help: "Calls per second that are never exceeded.")
    var rateMax = 200_000

    @Flag(help: "Only Reserve: every call costs the same.")
    var reserveOnly = false

    @Flag(help: "The report as JSON.")
    var json = false

    @Flag(help: "No progress.")
    var quiet = false

    func validate() throws {
        if let problem = try options().problem { throw ValidationError(problem) }
    }

    func run() async throws {
        let status = StatusLine(isQuiet: quiet)
        do {
            let report = try await Overload.run(try options()) { status.say($0) }
            print(json ? try report.json() : report.text)
            if !report.isGood { Self.exit(withError: ExitCode(1)) }
        } catch let failure as OverloadFailure {
            FileHandle.standardError.write(Data("holdfast-load: \(failure)\n".utf8))
            Self.exit(withError: ExitCode(1))
        }
    }

    private func options() throws -> OverloadOptions {
        let address = try serverAddress(server)
        guard isThisMachine(address.host) else {
            throw ValidationError(
                "\(address.host) is not this machine, and only that is overloaded"
            )
        }
        var options = OverloadOptions(run: runName ?? Self.runOfNow)
        options.host = address.host
        options.port = address.port
        options.connections = connections
        options.callers = callers
        options.capacitySeconds = capacitySeconds
        options.levelSeconds = levelSeconds
        options.multiples = try multiples.split(separator: ",")
            .map { text in
                guard let multiple = Double(text) else {
                    throw ValidationError("--multiples takes numbers like 1,2,5, not '\(text)'")
                }
                return multiple
            }
        options.deadlineMilliseconds = deadline
        options.isReserveOnly = reserveOnly
        options.ratePerSecondMax = rateMax
        return options
    }

    private static let runOfNow = "o\(Int(Date().timeIntervalSince1970))"
}
