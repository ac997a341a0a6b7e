// What a round adds to the report.

/// The figures of a round, and its history.
struct JudgeRoundResult: Sendable {
    let number: Int
    var begin: Int64 = 0
    var faults: [Fault] = []
    var runs: [FaultRun] = []
    var wishes: [Wish] = []
    var violations: [JudgeViolation] = []
    /// Attempts, all of them.
    var calls = 0
    /// Answers by name.
    var answers: [String: Int] = [:]
    var acknowledged = 0
    var reservations = 0
    var expired = 0
    /// Looks at views of positions, at rest.
    var views = 0
    /// Views that were exact, but of a version that is not the latest.
    var behind = 0
    /// Positions that were sold to the last unit.
    var soldOut = 0
    /// The longest time in which nobody heard a final answer, in microseconds.
    var silence: Int64 = 0
    /// When that began, in microseconds from the beginning of the round.
    var silentFrom: Int64 = 0

    init(number: Int) {
        self.number = number
    }

    mutating func countCalls() {
        var moments = [begin]
        for wish in wishes {
            for attempt in wish.attempts {
                calls += 1
                answers[attempt.answer, default: 0] += 1
                if attempt.isFinal, attempt.end > begin { moments.append(attempt.end) }
                if attempt.isDone, wish.kind == .reserve { acknowledged += 1 }
            }
        }
        moments.sort()
        for (next, moment) in zip(moments.dropFirst(), moments) where next - moment > silence {
            silence = next - moment
            silentFrom = moment - begin
        }
    }

    mutating func count(_ evidence: JudgeEvidence) {
        reservations = evidence.reservations.count
        expired = evidence.reservations.count { $0.kinds.contains(3) }
    }
}
