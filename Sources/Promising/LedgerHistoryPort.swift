// What auditors ask of the ledger: whether it is whole, and what it says of a moment.

package import Base
package import Domain

/// What a part of a check found.
package struct CheckedPart<Cursor: Hashable & Sendable>: Hashable, Sendable {
    /// Seals, positions or reservations that were looked at.
    package var checked: Int
    /// Rows that were read for it.
    package var rows: Int64
    package var findings: [LedgerFinding]
    /// What was wrong once, and was written back since: nothing to do.
    package var repaired: [LedgerFinding] = []
    /// Where to go on; nil: that was all.
    package var next: Cursor?

    package init(checked: Int, rows: Int64, findings: [LedgerFinding], next: Cursor?) {
        self.checked = checked
        self.rows = rows
        self.findings = findings
        self.next = next
    }
}

/// The last batch of a moment, or why it cannot be told.
package enum MomentOutcome: Hashable, Sendable {
    case batch(Int64)
    /// The moment has not come yet, by the clock of the database.
    case isAhead
}

/// The ledger as a whole; everything here only reads.
package protocol LedgerHistoryPort: SendableMetatype {
    /// Where the chain of seals ends, and what is beyond it.
    func head() async throws(Failure) -> LedgerHead

    /// Checks seals after a number, until enough rows were read, with the seals that were checked.
    func checkSeals(
        after number: Int64
    ) async throws(Failure) -> (part: CheckedPart<Int64>, seals: [CheckedSeal])

    /// Checks some positions after an id.
    func checkPositions(after id: PositionID) async throws(Failure) -> CheckedPart<PositionID>

    /// Checks some reservations after an id; nil: the first ones.
    func checkReservations(after id: ID?) async throws(Failure) -> CheckedPart<ID>

    /// The last batch of a moment.
    func batch(at moment: Instant) async throws(Failure) -> MomentOutcome

    /// Looks at `limit` positions after `cursor`, as they were after a batch.
    func positions(
        asOf batch: Int64,
        after cursor: PositionKey?,
        limit: Int,
    ) async throws(Failure) -> (positions: [Position], next: PositionKey?)

    /// Looks at `limit` reservations after `cursor`, as they were after a batch.
    func reservations(
        asOf batch: Int64,
        after cursor: ID?,
        limit: Int,
    ) async throws(Failure) -> (reservations: [Reservation], next: ID?)
}

/// What a turn of the sealer did.
package struct SealTurn: Hashable, Sendable {
    /// Another server seals at this moment.
    package var isBusy: Bool
    /// A writer did not end in time: nothing was sealed.
    package var isWaiting: Bool
    /// Rows that were sealed.
    package var rows: Int64
    /// There is more to seal.
    package var hasMore: Bool

    package init(isBusy: Bool, isWaiting: Bool, rows: Int64, hasMore: Bool) {
        self.isBusy = isBusy
        self.isWaiting = isWaiting
        self.rows = rows
        self.hasMore = hasMore
    }
}

/// Seals what was committed.
package protocol SealPort: SendableMetatype {
    /// Seals the batches that are decided, a bounded number of them.
    func seal() async throws(Failure) -> SealTurn
}
