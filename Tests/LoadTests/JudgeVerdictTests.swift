// The verdict of a trial: what it lets pass, and what it finds, one lie at a time.

import Testing

@testable import LoadKit

@Suite struct JudgeVerdictTests {
    /// A round in which all is well: `a` holds two units and releases them, `b` holds one until it
    /// expires, `c` is refused while `a` holds.
    private struct Sample {
        var wishes: [Wish]
        var evidence = JudgeEvidence()

        init() {
            var stock = Wish(kind: .receive, key: "stock")
            stock.lines = [JudgeLine(sku: "r1-0", quantity: 3)]
            stock.attempts = [Sample.attempt(0, 5, "OK")]
            var a = Wish(kind: .reserve, key: "a")
            a.lines = [
                JudgeLine(sku: "r1-0", quantity: 1), JudgeLine(sku: "r1-0", quantity: 1),
            ]
            a.attempts = [Sample.attempt(90, 95, "UNAVAILABLE"), Sample.attempt(100, 120, "OK")]
            a.attempts[1].hold = Hold(id: "id-a", createdAt: 110, expiresAt: 9_000)
            var b = Wish(kind: .reserve, key: "b")
            b.lines = [JudgeLine(sku: "r1-0", quantity: 1)]
            b.attempts = [Sample.attempt(200, 220, "OK")]
            b.attempts[0].hold = Hold(id: "id-b", createdAt: 210, expiresAt: 500)
            var c = Wish(kind: .reserve, key: "c")
            c.lines = [JudgeLine(sku: "r1-0", quantity: 1)]
            c.attempts = [Sample.attempt(250, 260, "SOLD_OUT")]
            c.attempts[0].sku = "r1-0"
            c.attempts[0].requested = 1
            var release = Wish(kind: .release, key: "a-release", reservation: "id-a")
            release.attempts = [Sample.attempt(300, 320, "OK")]
            wishes = [stock, a, b, c, release]
            evidence.reservations = [
                JudgedReservation(
                    id: "id-a",
                    key: "a",
                    createdAt: 110,
                    expiresAt: 9_000,
                    lines: [JudgeLine(sku: "r1-0", quantity: 2)],
                    versions: [2],
                    kinds: [2],
                    times: [310],
                ),
                JudgedReservation(
                    id: "id-b",
                    key: "b",
                    createdAt: 210,
                    expiresAt: 500,
                    lines: [JudgeLine(sku: "r1-0", quantity: 1)],
                    versions: [3],
                    kinds: [3],
                    times: [501],
                ),
            ]
            evidence.ledger["r1-0"] = [
                JudgedVersion(version: 1, freeAfter: 3, at: 2),
                JudgedVersion(version: 2, freeAfter: 1, at: 110),
                JudgedVersion(version: 3, freeAfter: 0, at: 210),
                JudgedVersion(version: 4, freeAfter: 2, at: 310),
                JudgedVersion(version: 5, freeAfter: 3, at: 501),
            ]
            evidence.positions = [
                JudgedPosition(id: 1, sku: "r1-0", version: 5, onHand: 3, free: 3)
            ]
        }

        static func attempt(_ begin: Int64, _ end: Int64, _ answer: String) -> Attempt {
            Attempt(server: 0, begin: begin, end: end, answer: answer)
        }

        var kinds: [JudgeViolation.Kind] {
            JudgeVerdict(round: 1, wishes: wishes, evidence: evidence).violations.map(\.kind)
        }
    }

    @Test func `a round in which all is well has no violation`() {
        #expect(Sample().kinds == [])
    }

    @Test func `an acknowledged hold that is not in Postgres is lost`() {
        var sample = Sample()
        sample.evidence.reservations.removeLast()
        #expect(sample.kinds == [.lost])
    }

    @Test func `a hold of other units than were acknowledged is lost`() {
        var sample = Sample()
        sample.evidence.reservations[0].lines[0].quantity = 1
        #expect(sample.kinds == [.lost])
    }

    @Test func `another answer to the same key is seen`() {
        var sample = Sample()
        sample.wishes[1].attempts.append(Sample.attempt(130, 140, "OK"))
        sample.wishes[1].attempts[2].hold = Hold(id: "id-a", createdAt: 110, expiresAt: 9_001)
        #expect(sample.kinds.contains(.changedAnswer))
    }

    @Test func `two reservations of one key are seen, whoever was answered`() {
        var sample = Sample()
        sample.evidence.reservations.append(sample.evidence.reservations[1])
        sample.evidence.reservations[2].id = "id-c"
        #expect(sample.kinds == [.takenTwice])
    }

    @Test func `a reservation that nobody asked for, or that was only refused, is seen`() {
        var sample = Sample()
        sample.evidence.reservations.append(sample.evidence.reservations[1])
        sample.evidence.reservations[2].id = "id-x"
        sample.evidence.reservations[2].key = "x"
        #expect(sample.kinds == [.uncalledFor])
        sample.evidence.reservations[2].key = "c"
        #expect(sample.kinds.contains(.uncalledFor))
        sample.wishes[3].attempts.insert(Sample.attempt(240, 245, "UNAVAILABLE"), at: 0)
        // Now an attempt may have been committed late, and the refusal came before.
        #expect(!sample.kinds.contains(.uncalledFor))
    }

    @Test func `the owner of a hold is not told no once everybody could see it`() {
        var sample = Sample()
        var no = Sample.attempt(215, 230, "SOLD_OUT")
        no.sku = "r1-0"
        no.requested = 2
        sample.wishes[1].attempts = [Sample.attempt(100, 180, "DEADLINE_EXCEEDED"), no]
        // Version 3 was decided at 210, so version 2 was committed by then.
        #expect(sample.kinds == [.ownerToldNo])
        sample.wishes[1].attempts[1].begin = 205
        #expect(sample.kinds == [])
    }

    @Test func `sold out is true only if there was too little at some moment of the attempt`() {
        var sample = Sample()
        sample.wishes[3].attempts[0].begin = 20
        sample.wishes[3].attempts[0].end = 105
        #expect(sample.kinds == [.unjustifiedRefusal])
        // At the very end the last version may have been seen.
        sample.wishes[3].attempts[0].end = 215
        #expect(sample.kinds == [])
        // Version 3 may be seen until version 5 is decided: its successor was committed by then.
        sample.wishes[3].attempts[0].begin = 500
        sample.wishes[3].attempts[0].end = 600
        #expect(sample.kinds == [])
        sample.wishes[3].attempts[0].begin = 502
        #expect(sample.kinds == [.unjustifiedRefusal])
    }

    @Test func `contended needs others who may hold what is free`() {
        var sample = Sample()
        sample.wishes[3].attempts[0].answer = "CONTENDED"
        sample.wishes[3].attempts[0].begin = 20
        sample.wishes[3].attempts[0].end = 105
        // a asks for two of three from 90 on: not enough to leave none.
        #expect(sample.kinds == [.unjustifiedRefusal])
        sample.wishes[3].attempts[0].requested = 2
        #expect(sample.kinds == [])
        sample.wishes[3].attempts[0].end = 80
        #expect(sample.kinds == [.unjustifiedRefusal])
    }

    @Test func `commands that were acknowledged have happened`() {
        var sample = Sample()
        sample.evidence.reservations[0].kinds = []
        #expect(sample.kinds == [.lost])
        sample.wishes[4].kind = .order
        #expect(sample.kinds == [.lost])
        sample.wishes[4].kind = .confirm
        #expect(sample.kinds == [.lost])
        sample.evidence.reservations[0].kinds = [1]
        #expect(sample.kinds == [])
    }

    @Test func `a command is refused only when time has ended the hold`() {
        var sample = Sample()
        sample.wishes[4].attempts[0].answer = "RESERVATION_EXPIRED"
        sample.evidence.reservations[0].kinds = []
        #expect(sample.kinds == [.unjustifiedRefusal])
        sample.wishes[4].reservation = "id-b"
        // b was over at 500, and it was asked about until 320.
        sample.evidence.reservations[1].kinds = []
        #expect(sample.kinds == [.unjustifiedRefusal])
        sample.wishes[4].attempts[0].end = 505
        #expect(sample.kinds == [])
        sample.wishes[4].attempts[0].answer = "NOT_FOUND"
        #expect(sample.kinds == [.unjustifiedRefusal])
    }

    @Test func `a hold that ends before it is due is seen`() {
        var sample = Sample()
        sample.evidence.reservations[1].times = [499]
        #expect(sample.kinds == [.expiry])
    }

    @Test func `units that were received twice or never are seen`() {
        var sample = Sample()
        sample.evidence.positions[0].onHand = 6
        #expect(sample.kinds == [.books])
        sample.evidence.positions[0].onHand = 0
        #expect(sample.kinds == [.books])
        // Nobody knows about this one.
        sample.wishes[0].attempts[0].answer = "UNAVAILABLE"
        #expect(sample.kinds == [])
    }

    @Test func `a committed hold that the view neither shows nor holds pending is seen`() {
        var sample = Sample()
        sample.wishes[2].attempts[0].begin = 200_000
        sample.wishes[2].attempts[0].end = 230_000
        let life = JudgeVerdict.lifeMicroseconds
        func kinds(seenAt: Int64) -> [JudgeViolation.Kind] {
            sample.evidence.uncovered = [
                UncoveredHold(
                    key: "b",
                    position: 1,
                    version: 3,
                    seenAt: seenAt,
                    missedAt: seenAt + 2 * life,
                )
            ]
            return sample.kinds.filter { $0 == .uncovered }
        }
        #expect(kinds(seenAt: 220_000) == [.uncovered])
        // It may have been overdue before its commit could be seen.
        #expect(kinds(seenAt: 199_999 + life) == [.uncovered])
        #expect(kinds(seenAt: 200_000 + life) == [])
        // The other attempt may have given the hold back.
        sample.wishes[2].attempts.append(Sample.attempt(210_000, 240_000, "UNAVAILABLE"))
        #expect(kinds(seenAt: 220_000) == [])
        sample.wishes[2].attempts[1].begin = 230_000
        #expect(kinds(seenAt: 220_000) == [.uncovered])
    }

    @Test func `what Postgres finds wrong is a violation`() {
        var sample = Sample()
        sample.evidence.findings = [("oversold", "4 of 3"), ("books", "1 is not 2")]
        #expect(sample.kinds == [.oversold, .books])
    }
}

@Suite struct JudgeScheduleTests {
    @Test func `the same seed and round give the same faults, others give others`() {
        func faults(_ seed: UInt64, _ round: Int) -> [Fault] {
            JudgeSchedule.faults(FaultKind.allCases, seed: seed, round: round, seconds: 2)
        }
        #expect(faults(1, 1) == faults(1, 1))
        #expect(faults(1, 1) != faults(2, 1))
        #expect(faults(1, 1) != faults(1, 2))
        for round in 1...200 {
            let all = faults(7, round)
            #expect((1...JudgeSchedule.faultsMax).contains(all.count))
            #expect(all.allSatisfy { (0..<2_000).contains($0.atMs) && (0...1).contains($0.server) })
        }
    }

    @Test func `every kind of a mode has its turn`() {
        for mode in JudgeMode.allCases {
            let rounds = 1...mode.kinds.count
            let first = rounds.flatMap {
                JudgeSchedule.faults(mode.kinds, seed: 3, round: $0, seconds: 1).map(\.kind)
            }
            #expect(Set(first) == Set(mode.kinds), "\(mode)")
        }
    }

    @Test func `a trial in which nothing happened is no good`() {
        var options = JudgeOptions(mode: .flush, holdfast: "")
        options.rounds = 1
        var report = JudgeReport(options)
        var round = JudgeRoundResult(number: 1)
        report.add(round)
        #expect(report.isGood)
        report.judgeVacuity(JudgeMode.flush.kinds)
        #expect(!report.isGood)
        #expect(report.violations.allSatisfy { $0.kind == .vacuous })

        round.acknowledged = 10
        round.answers = ["SOLD_OUT": 1]
        round.expired = 1
        round.soldOut = 1
        round.faults = [Fault(atMs: 1, kind: .flushAll, server: 0, lastingMs: 0, seed: 1)]
        var busy = JudgeReport(options)
        busy.add(round)
        busy.judgeVacuity(JudgeMode.flush.kinds)
        #expect(busy.isGood)
    }
}
