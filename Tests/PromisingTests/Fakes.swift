// A gate and a ledger that answer what a test tells them to, and note in which order they were asked.

import Base
import Domain
import Promising

/// What was asked, in order.
enum Question: Hashable {
    case admit(isChecked: Bool)
    case load([PositionID])
    case loadIntoView([PositionID])
    case barrier(PositionID?)
    case commit
    case versions([PositionID])
    case rows
    case forget([PositionID])
}

/// The notes that the fakes of one test share.
final class Notes {
    var questions: [Question] = []
}

/// A gate whose answers are written down; the last one is given again and again.
final class FakeGate: ViewPort {
    let notes: Notes
    var answers: [Result<AdmissionAnswer, Failure>]
    var viewed: [PositionID: Int64] = [:]
    var settled: [Settlement] = []
    var epoch: Int64 = 1

    init(_ notes: Notes, _ answers: [Result<AdmissionAnswer, Failure>]) {
        self.notes = notes
        self.answers = answers
    }

    func admit(_ admission: Admission) async throws(Failure) -> AdmissionAnswer {
        notes.questions.append(.admit(isChecked: admission.isChecked))
        return try (answers.count > 1 ? answers.removeFirst() : answers[0]).get()
    }

    func load(_ positions: [LoadedPosition], epoch: Int64) async throws(Failure) {
        notes.questions.append(.loadIntoView(positions.map(\.position)))
    }

    func settle(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) async {
        settled.append(settlement)
    }

    func post(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) {
        settled.append(settlement)
    }

    func epochMoved(to epoch: Int64) { self.epoch = epoch }

    func viewVersions(
        _ positions: [PositionID]
    ) async throws(Failure) -> (epoch: Int64, versions: [PositionID: Int64]) {
        notes.questions.append(.versions(positions))
        return (epoch, viewed)
    }

    func probe() {}
    func takeGaps() -> [PositionID] { [] }
    func overdueHolds() async throws(Failure) -> [OverdueHold] { [] }
    func takeContended() -> [PositionID] { [] }
    func miscounted(_ positions: [PositionID]) async throws(Failure) -> [PositionID] { [] }

    func forget(_ positions: [PositionID]) async throws(Failure) {
        notes.questions.append(.forget(positions))
    }
}

/// A ledger with one position, 7, of SKU A.
final class FakeLedger: ReservationLedgerPort {
    let notes: Notes
    var epoch: Int64 = 1
    var free: Int64 = 0
    /// What is known under any key that is asked for.
    var known: KnownReservation?
    var outcome: CommitOutcome = .committed(times)

    static let times = HoldTimes(
        createdAt: Instant(microseconds: 1),
        expiresAt: Instant(microseconds: 2),
    )

    init(_ notes: Notes) {
        self.notes = notes
    }

    private func position() -> LoadedPosition {
        LoadedPosition(position: 7, version: 3, free: free, channelSafety: [])
    }

    func knownLines(_ demand: [Demand]) -> [(position: PositionID, quantity: Int64)]? { nil }

    func positions(_ keys: [PositionKey]) async throws(Failure) -> [ResolvedPosition] {
        keys.map { $0.sku == "A" ? .known(7) : .unknown(.sku) }
    }

    func load(_ ids: [PositionID]) async throws(Failure) -> [LoadedPosition] {
        notes.questions.append(.load(ids))
        return [position()]
    }

    func barrier(_ key: ID, _ position: PositionID?) async throws(Failure) -> Barrier {
        notes.questions.append(.barrier(position))
        return Barrier(
            epoch: epoch,
            known: known,
            position: position == nil ? nil : self.position(),
        )
    }

    func commit(_ request: CommitRequest) async throws(Failure) -> CommitOutcome {
        notes.questions.append(.commit)
        return outcome
    }

    func carryOut(
        _ command: ReservationCommand
    ) async throws(Failure) -> ReservationCommandOutcome { .refused(.keyReused) }

    func reservation(_ id: ID) async throws(Failure) -> Reservation? { nil }
}

/// Rows that the view lacks; none unless a test says so.
struct FakeRows: LedgerRowsPort {
    var rows: [ViewRow] = []

    func rows(
        beyond versions: [PositionID: Int64]
    ) async throws(Failure) -> (rows: [ViewRow], isAll: Bool) { (rows, true) }
}
