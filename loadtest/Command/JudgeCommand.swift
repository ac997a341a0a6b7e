// `holdfast-load judge MODE`: flags in, progress on standard error, the verdict on standard output.

internal import ArgumentParser
internal import Foundation
internal import LoadKit

struct JudgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "judge",
        abstract: "Tries to break Holdfast, and holds what callers heard against Postgres.",
        discussion: """
            MODES
            \(modes)

            Starts servers of its own in folders of its own: two Holdfast, Redis with a replica and \
            Postgres, with a bad wire between them. In each round callers reserve, confirm, release, \
            order and let holds expire, and ask again with the same key when they do not know; \
            meanwhile things go wrong at moments that follow from the seed. Then everything comes to \
            rest and is judged: every acknowledged hold is in Postgres as it was answered, no key is \
            there twice, nothing is oversold, expired holds are free, every refusal was true at some \
            moment of its attempt, Redis shows what the ledger says, nothing is pending, and all that \
            Postgres calls free can be reserved to the last unit.

            Ends with 0 when nothing was found, with 1 when there was a violation (the seed, the round, \
            the faults and the history of calls are in a file then) or too little happened to judge by, \
            with 2 when the trial could not be held, and with 64 when flags are wrong.

            EXAMPLES
              holdfast-load judge kill --rounds 20
              holdfast-load judge all --rounds 1000 --seed 7 --json
              holdfast-load judge net --seed 7 --first-round 31 --rounds 1
            """,
    )

    private static var modes: String {
        JudgeMode.allCases
            .map {
                "  " + $0.rawValue.padding(toLength: 10, withPad: " ", startingAt: 0) + $0.summary
            }
            .joined(separator: "\n")
    }

    @Argument(
        help: "What goes wrong: \(JudgeMode.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var mode: String

    @Option(help: "How many rounds.")
    var rounds = 10

    @Option(help: "Faults and calls follow from it (default: the time).")
    var seed: UInt64?

    @Option(help: "The number of the first round, to hold one round again.")
    var firstRound = 1

    @Option(help: "Seconds of calls in each round.")
    var secondsPerRound = 2.0

    @Option(help: "Callers, each with one call at a time.")
    var callers = 12

    @Option(help: "The server's program (default: the one beside this one).")
    var holdfast: String?

    @Option(
        name: .customLong("break"),
        help: "A step of the protocol that the servers leave out; needs a debug build of them.",
    )
    var brokenStep: String?

    @Option(help: "Where histories of rounds with violations are written.")
    var folder = "."

    @Flag(help: "Ends with the first round that has a violation.")
    var stopAtViolation = false

    @Flag(help: "The report as JSON.")
    var json = false

    @Flag(help: "No progress.")
    var quiet = false

    func validate() throws {
        if let problem = try options().problem { throw ValidationError(problem) }
    }

    func run() async throws {
        let status = StatusLine(isQuiet: quiet)
        let wanted = rounds
        let options = try options()
        do {
            let report = try await JudgeTrial.run(
                options,
                say: { status.say($0) },
                round: { done, report in
                    status.show(
                        "round \(done)/\(wanted)  faults \(report.faults.values.reduce(0, +))"
                            + "  calls \(report.calls)  violations \(report.violations.count)"
                    )
                },
            )
            status.end()
            print(json ? try report.json() : report.text)
            if !report.isGood { Self.exit(withError: ExitCode(1)) }
        } catch {
            status.end()
            FileHandle.standardError.write(Data("holdfast-load: \(error)\n".utf8))
            Self.exit(withError: ExitCode(2))
        }
    }

    private func options() throws -> JudgeOptions {
        guard let mode = JudgeMode(rawValue: mode) else {
            let names = JudgeMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("no mode is called '\(mode)'; there are \(names)")
        }
        var options = JudgeOptions(mode: mode, holdfast: try program())
        options.rounds = rounds
        options.seed = seed ?? UInt64(Date().timeIntervalSince1970)
        options.firstRound = firstRound
        options.secondsPerRound = secondsPerRound
        options.callers = callers
        options.brokenStep = brokenStep
        options.folder = folder
        options.stopsAtViolation = stopAtViolation
        return options
    }

    private func program() throws -> String {
        let path =
            holdfast
            ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "holdfast").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ValidationError("there is no server's program at \(path): use --holdfast")
        }
        return path
    }
}
