// What the stock commands need from the database: each method is one transaction, all or nothing.

package import Base
package import Domain

/// Whether the units of a transfer have arrived.
///
/// The numbers are stored.
package enum TransferState: Int16, Sendable {
    case inTransit = 1
    case arrived = 2
}

/// Changes of positions that happen together, or not at all.
package struct StockCommand: Sendable {
    package var header: CommandHeader
    /// All movements of one position have the same kind; they are summed.
    package var movements: [Movement]
    /// Set when the movements are a transfer; its id is the command's key.
    package var transfer: TransferState?
    package var reason: String
    package var reference: String

    package init(
        header: CommandHeader,
        movements: [Movement],
        transfer: TransferState? = nil,
        reason: String = "",
        reference: String,
    ) {
        self.header = header
        self.movements = movements
        self.transfer = transfer
        self.reason = reason
        self.reference = reference
    }
}

/// How a stock command ended.
package enum StockOutcome: Sendable {
    case done(StockResult)
    /// Nothing was changed.
    case refused(Refusal)
}

/// Stock as the database has it.
package protocol StockLedgerPort: SendableMetatype {
    /// Receives, adjusts, moves between states or transfers.
    func apply(_ command: StockCommand) async throws(Failure) -> StockOutcome

    /// Lands a transfer that is in transit.
    func receiveTransfer(_ header: CommandHeader, id: ID) async throws(Failure) -> StockOutcome

    /// Sets the units withheld at a position, from every channel (empty) or from one.
    func setSafetyStock(
        _ header: CommandHeader,
        at key: PositionKey,
        quantity: Int64,
        channel: String,
    ) async throws(Failure) -> StockOutcome

    /// States a supply that is expected at a position; 0 units withdraw it.
    func setIncoming(
        _ header: CommandHeader,
        at key: PositionKey,
        reference: String,
        quantity: Int64,
        expectedAt: Instant,
    ) async throws(Failure) -> StockOutcome

    /// For each item the positions that it names (an empty node names all that have the SKU), by
    /// node; none when it is not known.
    func availability(
        of items: [PositionKey],
        by moment: Instant?,
    ) async throws(Failure) -> [[ExpectedPosition]]

    /// Up to `limit` positions after `cursor`, by SKU and node; empty texts mean no filter.
    func positions(
        skuPrefix: String,
        node: String,
        after cursor: PositionKey?,
        limit: Int,
    ) async throws(Failure) -> [Position]

    /// Up to `limit` ledger rows of a position before `cursor`, newest first; a refusal when there
    /// is no such position.
    func ledger(
        of key: PositionKey,
        before cursor: LedgerCursor?,
        limit: Int,
    ) async throws(Failure) -> LedgerPage
}

/// Names a row of a position's ledger.
package struct LedgerCursor: Hashable, Sendable {
    package var version: Int64
    package var step: Int32

    package init(version: Int64, step: Int32) {
        self.version = version
        self.step = step
    }
}

/// Rows of a ledger, or why there are none.
package enum LedgerPage: Sendable {
    case rows([LedgerEntry])
    case refused(Refusal)
}
