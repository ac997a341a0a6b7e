// The decision of one Reserve request, step by step: who is asked what, in which order, and that no
// refusal is ever older than its question.

import Base
import Domain
import Promising
import Testing

@Suite struct ReservingTests {
    private let notes = Notes()
    private let ledger: FakeLedger

    init() {
        ledger = FakeLedger(notes)
    }

    private func reserving(
        _ answers: [Result<AdmissionAnswer, Failure>],
        rows: [ViewRow] = []
    )
        -> (Reserving, FakeGate)
    {
        let gate = FakeGate(notes, answers)
        let healing = Healing(view: gate, rows: FakeRows(rows: rows))
        return (Reserving(gate: gate, ledger: ledger, healing: healing), gate)
    }

    private func request(_ quantity: Int64 = 1, sku: String = "A") -> ReserveRequest {
        ReserveRequest(
            key: ID(high: 1, low: 2),
            body: .fingerprint(ID(high: 3, low: 4)),
            lines: [Demand(key: PositionKey(sku: sku, node: "N"), quantity: quantity)],
            ttlMs: 1_000,
            owner: "",
            channel: "",
            origin: Origin(principal: "", requestID: "", traceID: ""),
        )
    }

    private var known: KnownReservation {
        KnownReservation(fingerprint: ID(high: 3, low: 4), times: FakeLedger.times)
    }

    private func isHeld(_ outcome: ReserveOutcome) -> Bool {
        if case .held = outcome { return true }
        return false
    }

    private let full = Result<AdmissionAnswer, Failure>
        .success(.refused(epoch: 1, line: 0, free: 0, pending: 0))
    private let admitted = Result<AdmissionAnswer, Failure>
        .success(.admitted(epoch: 1, isShared: false))

    @Test func `what was found empty is asked of Postgres at once, and of it alone`() async throws {
        let (reserving, _) = reserving([full])
        for _ in 0..<3 {
            let outcome = try await reserving.reserve(request(), isOver: { false })
            #expect(outcome == .refused(soldOut(available: 0)))
        }
        #expect(
            notes.questions == [.admit(isChecked: false), .barrier(7), .barrier(7), .barrier(7)]
        )
    }

    @Test func `stock that came back is seen by the next request`() async throws {
        let (reserving, gate) = reserving([full])
        _ = try await reserving.reserve(request(), isOver: { false })
        ledger.free = 1
        gate.answers = [admitted]
        notes.questions = []
        #expect(isHeld(try await reserving.reserve(request(), isOver: { false })))
        #expect(notes.questions == [.barrier(7), .admit(isChecked: false), .commit])
    }

    @Test func `the owner of the last unit is told so, with and without the gate`() async throws {
        let (reserving, _) = reserving([full])
        _ = try await reserving.reserve(request(), isOver: { false })
        ledger.known = known
        #expect(isHeld(try await reserving.reserve(request(), isOver: { false })))
        let (other, _) = self.reserving([full])
        #expect(isHeld(try await other.reserve(request(), isOver: { false })))
        ledger.known?.fingerprint = ID(high: 9, low: 9)
        #expect(try await other.reserve(request(), isOver: { false }) == .refused(.keyReused))
    }

    @Test func `a refusal of an epoch that is over is no answer`() async throws {
        let (reserving, gate) = reserving([full, admitted])
        ledger.epoch = 2
        #expect(isHeld(try await reserving.reserve(request(), isOver: { false })))
        #expect(gate.epoch == 2)
        #expect(
            notes.questions
                == [.admit(isChecked: false), .barrier(7), .admit(isChecked: false), .commit]
        )
    }

    @Test func `a view that has less than Postgres is healed, and dropped if that changes nothing`()
        async throws
    {
        let (reserving, gate) = reserving([full, full, .success(.missing(epoch: 1)), admitted])
        ledger.free = 5
        #expect(isHeld(try await reserving.reserve(request(), isOver: { false })))
        #expect(gate.settled.count == 2)
        #expect(
            notes.questions == [
                .admit(isChecked: false), .barrier(7), .versions([7]),
                .admit(isChecked: false), .barrier(7), .versions([7]), .forget([7]),
                .admit(isChecked: false), .load([7]), .loadIntoView([7]),
                .admit(isChecked: false), .commit,
            ]
        )
    }

    @Test func `a view that only lags is not dropped`() async throws {
        let row = ViewRow(position: 7, version: 3, delta: 5, free: 5, isFresh: false)
        let (reserving, gate) = reserving([full, full, admitted], rows: [row])
        ledger.free = 5
        #expect(isHeld(try await reserving.reserve(request(), isOver: { false })))
        #expect(gate.settled.allSatisfy { $0.rows == [row] })
        #expect(!notes.questions.contains(.forget([7])))
    }

    @Test func `a view that let through what Postgres refuses is dropped`() async throws {
        let (reserving, _) = reserving([admitted])
        ledger.outcome = .refused(position: 7, free: 0)
        let outcome = try await reserving.reserve(request(), isOver: { false })
        #expect(outcome == .refused(soldOut(available: 0)))
        #expect(notes.questions.last == .forget([7]))
    }

    @Test func `without the gate nothing new is promised, and what was promised stays an answer`()
        async throws
    {
        let away = Failure.unavailable(what: "gate", retryAfterMs: 100)
        let (reserving, _) = reserving([.failure(away)])
        ledger.free = 5
        let failure = await #expect(throws: Failure.self) {
            _ = try await reserving.reserve(request(), isOver: { false })
        }
        #expect(failure == away)
        #expect(notes.questions == [.admit(isChecked: false), .barrier(nil)])
        ledger.known = known
        #expect(isHeld(try await reserving.reserve(request(), isOver: { false })))
    }

    private func soldOut(available: Int64) -> Refusal {
        .soldOut(
            line: 0,
            key: PositionKey(sku: "A", node: "N"),
            requested: 1,
            available: available,
        )
    }
}
