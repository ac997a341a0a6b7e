// A trial from end to end: the stage, the rounds, the report.

internal import Foundation
internal import Loop
internal import NIOCore
internal import NIOPosix

package enum JudgeTrial {
    /// Holds a trial.
    ///
    /// - Parameters:
    ///   - say: hears of what is remarkable.
    ///   - round: hears how many rounds are over, and how many violations there were.
    /// - Throws: `JudgeFailure` when it could not be held; violations are no failure, the report has
    ///   them.
    package static func run(
        _ options: JudgeOptions,
        say: @escaping @Sendable (String) -> Void = { _ in },
        round: @escaping @Sendable (Int, JudgeReport) -> Void = { _, _ in },
    ) async throws(JudgeFailure) -> JudgeReport {
        if let problem = options.problem { throw JudgeFailure(problem) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let outcome: Result<JudgeReport, JudgeFailure>
        do {
            outcome = .success(try await run(options, Loop(group.next()), say, round))
        } catch {
            outcome = .failure(error as? JudgeFailure ?? JudgeFailure("\(error)"))
        }
        // It fails only when it was shut down before.
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    private static func run(
        _ options: JudgeOptions,
        _ loop: Loop,
        _ say: @escaping @Sendable (String) -> Void,
        _ hear: @escaping @Sendable (Int, JudgeReport) -> Void,
    ) async throws -> JudgeReport {
        if let leftOut = options.leftOut { say("WARNING: \(leftOut)") }
        say("starting two servers, Redis with a replica, and Postgres")
        let stage = try await JudgeStage(options, on: loop.eventLoop)
        let books = try JudgeBooks(postgres: stage.conninfo, loop: loop)
        let callers = try await JudgeCallers(ports: stage.ports, loop: loop)
        var report = JudgeReport(options)
        let begin = ContinuousClock.now
        do {
            for number in options.firstRound..<options.firstRound + options.rounds {
                let round = JudgeRound(
                    options: options,
                    number: number,
                    stage: stage,
                    books: books,
                    callers: callers,
                )
                let result = try await round.play()
                report.add(result)
                report.seconds = (ContinuousClock.now - begin) / .seconds(1)
                if !result.violations.isEmpty {
                    for violation in result.violations.prefix(5) { say("VIOLATION \(violation)") }
                    report.histories.append(try write(result, options))
                }
                hear(report.rounds, report)
                if options.stopsAtViolation, !report.isGood { break }
            }
        } catch {
            await callers.close()
            await books.close()
            await stage.end()
            throw error
        }
        await callers.close()
        await books.close()
        await stage.end()
        if !options.stopsAtViolation || report.isGood { report.judgeVacuity(options.kinds) }
        return report
    }

    /// Writes the history of a round, and returns where it is.
    private static func write(
        _ result: JudgeRoundResult,
        _ options: JudgeOptions,
    ) throws -> String {
        let record = JudgeRecord(
            seed: options.seed,
            round: result.number,
            mode: options.mode.rawValue,
            faults: result.faults,
            runs: result.runs,
            violations: result.violations,
            wishes: result.wishes,
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let name = "judge-\(options.mode.rawValue)-\(options.seed)-\(result.number).json"
        let url = URL(fileURLWithPath: options.folder).appending(path: name)
        try encoder.encode(record).write(to: url)
        return url.path
    }
}
