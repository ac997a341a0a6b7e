// What healing the view needs: what the view has, and what the ledger has beyond it.

package import Base
package import Domain

/// A pending hold that nobody ended in time: its server died, or could not tell.
package struct OverdueHold: Sendable {
    package var key: ID
    package var positions: [PositionID]

    package init(key: ID, positions: [PositionID]) {
        self.key = key
        self.positions = positions
    }
}

/// The view, as the healer reads it.
package protocol ViewPort: GatePort {
    /// The open epoch and the version of each position's view; none where it is not loaded.
    func viewVersions(
        _ positions: [PositionID]
    ) async throws(Failure) -> (epoch: Int64, versions: [PositionID: Int64])

    /// Finds out whether the gate is open, without waiting for the answer.
    func probe()

    /// Positions whose view was seen to lack a version since the last call.
    func takeGaps() -> [PositionID]

    /// Pending holds past their deadline, by the clock of Redis.
    func overdueHolds() async throws(Failure) -> [OverdueHold]

    /// Positions that had room but for pending holds since the last call.
    func takeContended() -> [PositionID]

    /// Of these positions those whose held units are not the sum of the pending holds, both read at one
    /// moment: an entry was lost from the cache.
    func miscounted(_ positions: [PositionID]) async throws(Failure) -> [PositionID]

    /// Drops the view of positions: the next request for one loads it from Postgres.
    ///
    /// Harmless at any time, whatever is under way.
    func forget(_ positions: [PositionID]) async throws(Failure)
}

/// The ledger, as the healer reads it.
package protocol LedgerRowsPort: Sendable {
    /// Rows beyond the given versions, to be replayed; `isAll` is false when there are more.
    func rows(
        beyond versions: [PositionID: Int64]
    ) async throws(Failure) -> (rows: [ViewRow], isAll: Bool)
}

/// Brings the view up to the ledger, by replaying rows: never by writing a figure, which would race
/// with the commits of a hot position for ever.
package final class Healing {
    private let view: any ViewPort
    private let rows: any LedgerRowsPort

    package init(view: any ViewPort, rows: any LedgerRowsPort) {
        self.view = view
        self.rows = rows
    }

    /// Replays what the view of these positions lacks; returns how many rows that were.
    @discardableResult
    package func heal(_ positions: [PositionID]) async throws(Failure) -> Int {
        try await replay(positions, ending: [])
    }

    /// Brings the view of a position up to Postgres, which it contradicts.
    ///
    /// Where no row is missing the view is wrong and not late: it is dropped.
    package func mend(_ position: PositionID) async throws(Failure) {
        if try await heal([position]) == 0 { try await view.forget([position]) }
    }

    /// Drops the view of positions that count holds of which there is no trace; returns how many.
    ///
    /// Their units would stay unsellable.
    package func healMiscounted() async throws(Failure) -> Int {
        let contended = view.takeContended()
        if contended.isEmpty { return 0 }
        let wrong = try await view.miscounted(contended)
        if !wrong.isEmpty { try await view.forget(wrong) }
        return wrong.count
    }

    /// Looks whether the gate is open, and replays what the view lacks where a settlement showed a
    /// gap; returns how many rows.
    package func healGaps() async throws(Failure) -> Int {
        view.probe()
        let gaps = view.takeGaps()
        return gaps.isEmpty ? 0 : try await heal(gaps)
    }

    /// Ends pending holds that are overdue, after what they may have committed is in the view;
    /// returns how many there were.
    ///
    /// A marker sends a late retry of their keys to Postgres.
    package func healOverdue() async throws(Failure) -> Int {
        let overdue = try await view.overdueHolds()
        if overdue.isEmpty { return 0 }
        let positions = Array(Set(overdue.lazy.flatMap(\.positions)))
        try await replay(positions, ending: overdue.map { ($0.key, .committed) })
        return overdue.count
    }

    @discardableResult
    private func replay(
        _ positions: [PositionID],
        ending: [(key: ID, end: PendingEnd)],
    ) async throws(Failure) -> Int {
        let known = try await view.viewVersions(positions)
        let missing = try await rows.rows(beyond: known.versions)
        if ProtocolStep.replayBeforeEnd.isLeftOut, !ending.isEmpty {
            await view.settle(Settlement(epoch: known.epoch, rows: []), ending: ending)
            return 0
        }
        // A hold must not end before the rows that may cover it are in the view.
        await view.settle(
            Settlement(epoch: known.epoch, rows: missing.rows),
            ending: missing.isAll ? ending : [],
        )
        return missing.rows.count
    }
}
