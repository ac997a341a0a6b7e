// What the audit of drift needs of the view and of the ledger.

package import Base
package import Domain

/// The view, as the auditor reads it.
package protocol DriftViewPort: SendableMetatype {
    /// The views of positions, all at one instant; none for a position that is not loaded.
    func viewImages(
        _ positions: [PositionID]
    ) async throws(Failure) -> [PositionID: ViewImage]

    /// Drops a view if it still is what was read, so that the next request loads it.
    func drop(_ image: ViewImage, because kind: DriftKind) async throws(Failure) -> ViewDrop
}

/// What became of a view that was to be dropped.
package enum ViewDrop: Sendable {
    case dropped
    /// It is another one by now: nothing was done.
    case changed
    /// There is none any more.
    case gone
}

/// How much of a ledger an audit sums.
package enum FoldStart: Hashable, Sendable {
    /// Rows after those that were summed before.
    case after(LedgerFold)
    /// No rows: the balances are believed, and what comes after them will be held against them.
    case believing
}

/// What to read of one position.
package struct LedgerQuestion: Sendable {
    package var position: PositionID
    package var view: ViewImage.Figures?
    package var start: FoldStart

    package init(position: PositionID, view: ViewImage.Figures?, start: FoldStart) {
        self.position = position
        self.view = view
        self.start = start
    }
}

/// Which positions to audit.
package enum DriftScope: Hashable, Sendable {
    case all
    /// Of one SKU, at one node or (empty) at all of them.
    case sku(String, node: String)
    case node(String)
}

/// The ledger, as the auditor reads it.
package protocol DriftLedgerPort: Sendable {
    /// Positions with their ledgers summed, in the order of the questions; nil where Postgres has no
    /// such position.
    ///
    /// Each is of one snapshot, taken after the question was asked.
    func images(_ questions: [LedgerQuestion]) async throws(Failure) -> [LedgerImage?]

    /// What is withheld from single channels of positions, given what their views say; none for a
    /// position without channels.
    func channels(
        _ questions: [(position: PositionID, view: ViewImage?)]
    ) async throws(Failure) -> [PositionID: [ChannelImage]]

    /// Rows whose free units do not follow from the row before, oldest first, among the latest rows
    /// of a position.
    func breaks(of position: PositionID) async throws(Failure) -> [LedgerBreak]

    /// The next positions of a scope after `cursor`, in an order of its own.
    func positions(
        in scope: DriftScope,
        after cursor: AuditedPosition?,
        limit: Int,
    ) async throws(Failure) -> [AuditedPosition]

    /// How many positions there are, as the statistics of the database have it.
    func positionCount() async throws(Failure) -> Int64

    /// The number of the position with that name; nil when there is none.
    func position(_ key: PositionKey) async throws(Failure) -> PositionID?

    /// Adds to the history of findings.
    func note(_ events: [DriftEvent]) async throws(Failure)

    /// The history of a position, newest first.
    func events(of position: PositionID, limit: Int) async throws(Failure) -> [DriftEvent]

    /// Writes the balances of a position back to the sum of its ledger, if they still differ by what
    /// was read.
    func writeBack(_ image: LedgerImage, by origin: Origin) async throws(Failure) -> WriteBack

    /// Lets Postgres withhold from a channel what its ledger says, if both still are what was read.
    func writeBack(
        _ channel: ChannelImage,
        of position: PositionID,
        by origin: Origin,
    ) async throws(Failure) -> WriteBack
}

/// A position to audit.
package struct AuditedPosition: Hashable, Sendable {
    package var id: PositionID
    package var key: PositionKey

    package init(id: PositionID, key: PositionKey) {
        self.id = id
        self.key = key
    }
}

/// What became of balances that were to be written back.
package enum WriteBack: Sendable {
    /// Done: the row that says so, for the view.
    case done(Settlement)
    /// They differ by something else by now, or no more: nothing was done.
    case changed
    /// It cannot be done safely, and why.
    case impossible(String)
}

/// An entry of the history of findings.
package struct DriftEvent: Sendable {
    /// What happened; the numbers are stored.
    package enum Kind: Int16, Sendable {
        case found = 1
        case gone = 2
        case repaired = 3
    }

    package var position: PositionID
    /// Set by the database.
    package var at: Instant
    package var kind: Kind
    package var finding: DriftFinding
    /// The version at which it was seen.
    package var version: Int64
    /// The last version that was right, and when; nil when nobody saw it right.
    package var clean: (version: Int64, at: Instant)?
    package var server: String
    package var origin: Origin

    package init(
        position: PositionID,
        at: Instant = Instant(microseconds: 0),
        kind: Kind,
        finding: DriftFinding,
        version: Int64,
        clean: (version: Int64, at: Instant)?,
        server: String,
        origin: Origin,
    ) {
        self.position = position
        self.at = at
        self.kind = kind
        self.finding = finding
        self.version = version
        self.clean = clean
        self.server = server
        self.origin = origin
    }
}
