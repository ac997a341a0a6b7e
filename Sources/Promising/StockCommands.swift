// The commands that change stock outside of reservations, and the port that carries them out.
// Postgres first, then the gate: never the other way round (PROTOCOL.md).

package import Base
package import Domain

/// What every command carries: its key, the fingerprint of its body, and who asked.
package struct CommandHeader: Hashable, Sendable {
    /// The digest of the idempotency key and of what kind of command it is.
    package var key: ID
    /// The digest of the body: the same key with another one is refused.
    package var fingerprint: ID
    package var origin: Origin

    package init(key: ID, fingerprint: ID, origin: Origin) {
        self.key = key
        self.fingerprint = fingerprint
        self.origin = origin
    }
}

/// A change of one position that a stock command asks for; changes of buckets are signed.
package struct Movement: Hashable, Sendable {
    /// The line of the caller's request that it comes from, from 0.
    package var line: Int
    package var key: PositionKey
    package var kind: LedgerKind
    /// Changes of onHand, damaged, qualityControl and inTransit; the others stay 0.
    package var change: StockBuckets
    /// The first receipt of a SKU at a node creates the position.
    package var mayCreate: Bool
    /// The incoming supply that these units fulfil, or empty.
    package var incomingReference: String

    package init(
        line: Int,
        key: PositionKey,
        kind: LedgerKind,
        change: StockBuckets,
        mayCreate: Bool = false,
        incomingReference: String = "",
    ) {
        self.line = line
        self.key = key
        self.kind = kind
        self.change = change
        self.mayCreate = mayCreate
        self.incomingReference = incomingReference
    }
}

/// What a stock command did.
package struct StockResult: Sendable {
    /// The positions touched, after it.
    package var positions: [Position]
    /// What the gate has to apply; the rows are not fresh when the answer was given before.
    package var settlement: Settlement

    package init(positions: [Position], settlement: Settlement) {
        self.positions = positions
        self.settlement = settlement
    }
}
