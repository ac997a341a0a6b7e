// Rows of a position's ledger as they are read back, and what else is read about positions.

package import Base

/// One immutable row: what one batch did to one position.
package struct LedgerEntry: Hashable, Sendable {
    package var version: Int64
    /// Counts the rows of one version that left the available units as they were; 0 made it.
    package var step: Int32
    /// Names the transaction that wrote it.
    package var batch: Int64
    package var at: Instant
    package var kind: LedgerKind
    package var change: StockBuckets
    /// Available units after it.
    package var availableAfter: Int64
    package var origin: Origin
    package var reason: String
    package var reference: String
    /// The reservations behind a row that sums several.
    package var causes: [LedgerCause]

    package init(
        version: Int64,
        step: Int32,
        batch: Int64,
        at: Instant,
        kind: LedgerKind,
        change: StockBuckets,
        availableAfter: Int64,
        origin: Origin,
        reason: String,
        reference: String,
        causes: [LedgerCause],
    ) {
        self.version = version
        self.step = step
        self.batch = batch
        self.at = at
        self.kind = kind
        self.change = change
        self.availableAfter = availableAfter
        self.origin = origin
        self.reason = reason
        self.reference = reference
        self.causes = causes
    }
}

/// One reservation's part in a ledger row.
package struct LedgerCause: Hashable, Sendable {
    package var reservation: ID
    package var quantity: Int64
    package var origin: Origin

    package init(reservation: ID, quantity: Int64, origin: Origin) {
        self.reservation = reservation
        self.quantity = quantity
        self.origin = origin
    }
}

/// A position with the supply that is expected there up to some moment.
package struct ExpectedPosition: Hashable, Sendable {
    package var position: Position
    /// Units expected; 0 when nobody asked.
    package var incoming: Int64

    package init(position: Position, incoming: Int64) {
        self.position = position
        self.incoming = incoming
    }
}

extension Position {
    /// What a caller through `channel` may take: below zero when more is withheld than there is.
    package func available(for channel: String) -> Int64 {
        let withheld = channelSafety.first { $0.channel == channel }
        return buckets.available(withholding: withheld?.quantity ?? 0)
    }
}
