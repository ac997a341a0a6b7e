// Holds what callers heard against what Postgres has. Pure: the same history and the same books give the
// same verdict, so that tests can show what it finds and what it lets pass.

/// The verdict on one round.
struct JudgeVerdict {
    let round: Int
    let wishes: [Wish]
    let evidence: JudgeEvidence
    private(set) var violations: [JudgeViolation] = []

    private let byID: [String: JudgedReservation]
    private let byKey: [String: [JudgedReservation]]
    /// How long a hold that its server lost may stay in the view, in microseconds: its own life, two
    /// looks of the healer and a slow machine.
    static let pendingMicroseconds: Int64 = lifeMicroseconds + 3_000_000
    /// The life of a pending hold, in microseconds.
    static let lifeMicroseconds = Int64(JudgeStage.pendingMs) * 1_000

    init(round: Int, wishes: [Wish], evidence: JudgeEvidence) {
        self.round = round
        self.wishes = wishes
        self.evidence = evidence
        byID = Dictionary(evidence.reservations.map { ($0.id, $0) }) { first, _ in first }
        byKey = Dictionary(grouping: evidence.reservations, by: \.key)
        judge()
    }

    private mutating func judge() {
        for finding in evidence.findings {
            add(finding.kind == "oversold" ? .oversold : .books, finding.what)
        }
        for (key, rows) in byKey where rows.count > 1 {
            add(.takenTwice, "\(key) has \(rows.count) reservations: \(rows.map(\.id))")
        }
        judgeKeys()
        judgeHolds()
        judgeCommands()
        judgeReceipts()
        judgeExpiry()
        judgeCoverage()
        for refusal in RefusalCheck(self).unjustified { add(.unjustifiedRefusal, refusal) }
    }

    private mutating func add(_ kind: JudgeViolation.Kind, _ what: String) {
        violations.append(JudgeViolation(round: round, kind: kind, what: what))
    }

    // MARK: Reserve

    /// Every reservation was asked for, and not only refused.
    private mutating func judgeKeys() {
        let asked = Dictionary(
            wishes.filter { $0.kind == .reserve }.map { ($0.key, $0) },
            uniquingKeysWith: { first, _ in first },
        )
        for row in evidence.reservations {
            guard let wish = asked[row.key] else {
                add(.uncalledFor, "reservation \(row.id) has the key \(row.key), which nobody used")
                continue
            }
            if !wish.attempts.isEmpty, wish.attempts.allSatisfy(\.isRefused) {
                add(.uncalledFor, "\(row.key) was refused each time and has reservation \(row.id)")
            }
        }
    }

    /// Acknowledged is committed, with the same units and times; the same answer each time; and the
    /// owner of a committed hold is not told no.
    private mutating func judgeHolds() {
        var first: [String: Hold] = [:]
        for wish in wishes where wish.isReserve {
            for attempt in wish.attempts {
                judgeHold(wish, attempt, &first)
            }
        }
    }

    private mutating func judgeHold(
        _ wish: Wish,
        _ attempt: Attempt,
        _ first: inout [String: Hold],
    ) {
        if let hold = attempt.hold {
            if wish.kind == .reuse {
                add(.takenTwice, "\(wish.key) was accepted with another body")
            }
            if let before = first[wish.key], before != hold {
                add(.changedAnswer, "\(wish.key) was answered \(hold), before \(before)")
            }
            first[wish.key] = hold
            guard let row = byID[hold.id] else {
                add(.lost, "\(wish.key) was acknowledged as \(hold.id) and is not in Postgres")
                return
            }
            if row.key != wish.key || Self.sums(row.lines) != Self.sums(wish.lines) {
                add(.lost, "\(wish.key) was acknowledged, \(row.id) holds \(row.lines)")
            }
            if (row.createdAt, row.expiresAt) != (hold.createdAt, hold.expiresAt) {
                add(.changedAnswer, "\(wish.key) was answered \(hold), Postgres has \(row)")
            }
        } else if attempt.isRefused, wish.kind != .reuse, let row = byKey[wish.key]?.first {
            if let since = certainlyCommitted(row), since < attempt.begin {
                add(
                    .ownerToldNo,
                    "\(wish.key) was told \(attempt.answer) \(attempt.begin - since) µs after"
                        + " its commit was visible",
                )
            }
        } else if wish.kind == .reuse, attempt.isRefused, attempt.answer != "KEY_REUSED" {
            add(.ownerToldNo, "\(wish.key) with another body was told \(attempt.answer)")
        }
    }

    /// A moment by which everybody could see a reservation; nil when none is known.
    ///
    /// The next version of one of its positions was decided under a lock that its own transaction had
    /// held until then.
    private func certainlyCommitted(_ row: JudgedReservation) -> Int64? {
        var moments: [Int64] = []
        for (line, version) in zip(row.lines, row.versions) {
            if let next = evidence.ledger[line.sku]?.first(where: { $0.version == version + 1 }) {
                moments.append(next.at)
            }
        }
        for wish in wishes where wish.kind == .reserve && wish.key == row.key {
            for attempt in wish.attempts where attempt.isDone { moments.append(attempt.end) }
        }
        return moments.min()
    }

    private static func sums(_ lines: [JudgeLine]) -> [String: Int64] {
        var sums: [String: Int64] = [:]
        for line in lines { sums[line.sku, default: 0] += line.quantity }
        return sums
    }

    // MARK: What becomes of a hold

    private mutating func judgeCommands() {
        for wish in wishes {
            guard let id = wish.reservation, let outcome = wish.outcome else { continue }
            guard let row = byID[id] else {
                add(.lost, "\(id), which \(wish.key) is about, is not in Postgres")
                continue
            }
            switch (wish.kind, outcome.isDone) {
            case (.confirm, true) where !row.kinds.contains(1):
                add(.lost, "\(wish.key) was acknowledged, \(id) was never confirmed")
            case (.release, true) where !row.kinds.contains(2):
                add(.lost, "\(wish.key) was acknowledged, \(id) was never released")
            case (.order, true) where !row.isOrdered:
                add(.lost, "\(wish.key) was acknowledged, \(id) has no order")
            case (_, false):
                // Only time can end a hold behind its caller's back.
                let isOver = row.expiresAt <= outcome.end || row.kinds.contains(3)
                let mayBe = ["RESERVATION_EXPIRED", "WRONG_STATE", "LINES_DIFFER"]
                if !isOver || !mayBe.contains(outcome.answer) {
                    add(
                        .unjustifiedRefusal,
                        "\(wish.key) was told \(outcome.answer) (\(outcome.message)), but \(id) was"
                            + " live until \(row.expiresAt) and had the events \(row.kinds)",
                    )
                }
            default: break
            }
        }
    }

    /// Units received count once, those of calls without an answer once or never.
    private mutating func judgeReceipts() {
        var least: [String: Int64] = [:]
        var most: [String: Int64] = [:]
        for wish in wishes where wish.kind == .receive {
            for line in wish.lines {
                most[line.sku, default: 0] += line.quantity
                if wish.outcome?.isDone == true { least[line.sku, default: 0] += line.quantity }
            }
        }
        for position in evidence.positions {
            let range = least[position.sku, default: 0]...most[position.sku, default: 0]
            if !range.contains(position.onHand) {
                add(.books, "\(position.sku) has \(position.onHand) units, received were \(range)")
            }
        }
    }

    private mutating func judgeExpiry() {
        for row in evidence.reservations {
            for (kind, at) in row.events where kind == 3 && at < row.expiresAt {
                add(.expiry, "\(row.id) expired \(row.expiresAt - at) µs too early")
            }
        }
    }

    /// What is committed is in the view, or its hold is pending: else others are admitted to its units.
    ///
    /// A hold that was overdue before its commit could be seen is ended as one that nobody commits, and
    /// one whose key is asked with twice at once may be given back by the other: those are let pass.
    private mutating func judgeCoverage() {
        let asked = Dictionary(
            wishes.filter { $0.kind == .reserve }.map { ($0.key, $0) },
            uniquingKeysWith: { first, _ in first },
        )
        var told: Set<String> = []
        for hold in evidence.uncovered {
            guard let attempts = asked[hold.key]?.attempts, let first = attempts.first else {
                continue
            }
            if hold.seenAt >= first.begin + Self.lifeMicroseconds { continue }
            if attempts.count > 1, attempts[1].begin <= hold.seenAt { continue }
            if !told.insert(hold.key).inserted { continue }
            add(
                .uncovered,
                "\(hold.key), version \(hold.version) of position \(hold.position), was seen in"
                    + " Postgres \(hold.seenAt - first.begin) µs after it was asked for, and"
                    + " \(hold.missedAt - hold.seenAt) µs later it was neither in the view nor pending",
            )
        }
    }
}
