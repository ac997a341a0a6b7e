// What a trial comes to: for people as a text, for scripts as JSON.

internal import Foundation

/// The report on a trial.
package struct JudgeReport: Sendable, Codable {
    package var mode: String
    package var seed: UInt64
    package var firstRound: Int
    package var rounds = 0
    package var seconds = 0.0
    /// Faults by kind.
    package var faults: [String: Int] = [:]
    package var calls = 0
    /// Answers to single attempts, by name.
    package var answers: [String: Int] = [:]
    /// Holds that were acknowledged, and those that are in Postgres.
    package var acknowledged = 0
    package var reservations = 0
    package var expired = 0
    /// Positions sold to the last unit after their round.
    package var soldOut = 0
    /// Views looked at when at rest; `behind` were exact, but not of the latest version.
    package var views = 0
    package var behind = 0
    /// The longest time in which no caller heard a final answer, and the round of it.
    package var longestUnavailabilityMs = 0.0
    package var longestUnavailabilityRound = 0
    /// When it was, and the faults of that round as they came.
    package var longestUnavailabilityFaults = ""
    package var violations: [JudgeViolation] = []
    /// Files with the histories of rounds that had violations.
    package var histories: [String] = []
    /// What was not tried, and why.
    package var leftOut: String?

    init(_ options: JudgeOptions) {
        mode = options.mode.rawValue
        seed = options.seed
        firstRound = options.firstRound
        leftOut = options.leftOut
    }

    /// Whether nothing was found.
    package var isGood: Bool { violations.isEmpty }

    mutating func add(_ round: JudgeRoundResult) {
        rounds += 1
        for fault in round.faults { faults[fault.kind.rawValue, default: 0] += 1 }
        calls += round.calls
        answers.merge(round.answers, uniquingKeysWith: +)
        acknowledged += round.acknowledged
        reservations += round.reservations
        expired += round.expired
        soldOut += round.soldOut
        views += round.views
        behind += round.behind
        violations += round.violations
        let silenceMs = Double(round.silence) / 1_000
        if silenceMs > longestUnavailabilityMs {
            longestUnavailabilityMs = silenceMs
            longestUnavailabilityRound = round.number
            longestUnavailabilityFaults =
                "from \(round.silentFrom / 1_000) ms on: "
                + round.runs.map(\.description).joined(separator: ", ")
        }
    }

    /// A trial in which too little happened has shown nothing.
    mutating func judgeVacuity(_ kinds: [FaultKind]) {
        var missing: [String] = []
        if kinds.isEmpty { missing.append("no fault is possible here") }
        if acknowledged < 10 * rounds { missing.append("\(acknowledged) holds acknowledged") }
        if answers["SOLD_OUT", default: 0] < rounds {
            missing.append("\(answers["SOLD_OUT", default: 0]) refusals as sold out")
        }
        if expired < rounds { missing.append("\(expired) holds expired") }
        if soldOut < rounds { missing.append("\(soldOut) positions sold to the last unit") }
        if rounds >= kinds.count {
            for kind in kinds where faults[kind.rawValue] == nil {
                missing.append("no \(kind.rawValue)")
            }
        }
        for what in missing {
            violations.append(
                JudgeViolation(
                    round: firstRound,
                    kind: .vacuous,
                    what: "in \(rounds) rounds: \(what)",
                )
            )
        }
    }

    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    package var text: String {
        var lines: [String] = []
        func row(_ name: String, _ value: String) {
            lines.append(name.padding(toLength: 34, withPad: " ", startingAt: 0) + value)
        }
        row("judge", "\(mode), seed \(seed), rounds \(firstRound) to \(firstRound + rounds - 1)")
        row("rounds", "\(rounds)")
        row("seconds", String(format: "%.0f", seconds))
        row("faults", "\(faults.values.reduce(0, +))")
        for (kind, count) in faults.sorted(by: { $0.key < $1.key }) { row("  \(kind)", "\(count)") }
        row("calls", "\(calls)")
        for (answer, count) in answers.sorted(by: { $0.key < $1.key }) {
            row("  \(answer)", "\(count)")
        }
        row("holds acknowledged", "\(acknowledged)")
        row("holds in Postgres", "\(reservations)")
        row("holds expired", "\(expired)")
        row("positions sold to the last unit", "\(soldOut)")
        row("views looked at, at rest", "\(views)")
        row("  exact, of an older version", "\(behind)")
        row(
            "longest unavailability, ms",
            String(format: "%.0f", longestUnavailabilityMs)
                + " (round \(longestUnavailabilityRound), \(longestUnavailabilityFaults))",
        )
        row("violations", "\(violations.count)")
        for violation in violations.prefix(20) { lines.append("  \(violation)") }
        if violations.count > 20 { lines.append("  and \(violations.count - 20) more") }
        for path in histories { lines.append("history: \(path)") }
        if let leftOut { lines.append("WARNING: \(leftOut)") }
        if let round = violations.first(where: { $0.kind != .vacuous })?.round {
            lines.append(
                "again: holdfast-load judge \(mode) --seed \(seed) --first-round \(round) --rounds 1"
            )
        }
        lines.append(isGood ? "no violation" : "VIOLATED")
        return lines.joined(separator: "\n")
    }
}
