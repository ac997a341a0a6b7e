// Cycle counts: what somebody counted at a position, held against the books of that moment.

package import Base

/// Where a count stands.
///
/// The numbers are stored.
package enum CountState: Int16, CaseIterable, Sendable {
    case proposed = 1
    /// Applied down to what is promised; the rest waits.
    case partlyApplied = 2
    case applied = 3
    case rejected = 4
}

/// What can happen to a count.
///
/// The numbers are stored.
package enum CountEventKind: Int16, CaseIterable, Sendable {
    case proposed = 1
    case approved = 2
    case rejected = 3
}

/// A count of one position.
package struct StockCount: Hashable, Sendable {
    /// The digest of the idempotency key that it was proposed with.
    package var id: ID
    package var state: CountState
    /// Units counted, in whatever state they are.
    package var counted: Int64
    package var countedAt: Instant
    /// Units on hand at that moment, by the ledger.
    package var expected: Int64
    /// What the ledger is to be corrected by: counted less expected.
    package var difference: Int64
    /// What it was corrected by so far.
    package var applied: Int64
    package var reason: String
    package var reference: String
    package var proposedBy: String
    package var proposedAt: Instant
    /// The position as it is now.
    package var position: Position
    package var history: [CountEvent]

    package init(
        id: ID,
        state: CountState,
        counted: Int64,
        countedAt: Instant,
        expected: Int64,
        difference: Int64,
        applied: Int64,
        reason: String,
        reference: String,
        proposedBy: String,
        proposedAt: Instant,
        position: Position,
        history: [CountEvent] = [],
    ) {
        self.id = id
        self.state = state
        self.counted = counted
        self.countedAt = countedAt
        self.expected = expected
        self.difference = difference
        self.applied = applied
        self.reason = reason
        self.reference = reference
        self.proposedBy = proposedBy
        self.proposedAt = proposedAt
        self.position = position
        self.history = history
    }

    /// Units of what is left to apply that cannot be taken, because they are promised; 0 for a count
    /// that is decided.
    package var shortUnits: Int64 {
        guard state == .proposed || state == .partlyApplied else { return 0 }
        let buckets = position.buckets
        let room = buckets.onHand - buckets.unavailable - buckets.held - buckets.allocated
        return max(0, applied - difference - room)
    }
}

/// One thing that happened to a count.
package struct CountEvent: Hashable, Sendable {
    package var sequence: Int32
    package var at: Instant
    package var kind: CountEventKind
    package var origin: Origin
    package var note: String
    /// Units that the ledger was corrected by.
    package var applied: Int64
    /// The position's version after that; 0 when the ledger was not changed.
    package var version: Int64

    package init(
        sequence: Int32,
        at: Instant,
        kind: CountEventKind,
        origin: Origin,
        note: String,
        applied: Int64,
        version: Int64,
    ) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.origin = origin
        self.note = note
        self.applied = applied
        self.version = version
    }
}

/// Promised units that would be missing if a count were applied whole.
package struct ShortHold: Hashable, Sendable {
    package var reservation: ID
    /// Set where the units are allocated to an order.
    package var order: ID?
    /// The owner of the reservation, or the customer of the order.
    package var owner: String
    /// Units of the position that it holds.
    package var quantity: Int64
    /// Units of them that would be missing.
    package var short: Int64
    package var createdAt: Instant
    /// Nil where the units are allocated: that does not end by itself.
    package var expiresAt: Instant?

    package init(
        reservation: ID,
        order: ID?,
        owner: String,
        quantity: Int64,
        short: Int64,
        createdAt: Instant,
        expiresAt: Instant?,
    ) {
        self.reservation = reservation
        self.order = order
        self.owner = owner
        self.quantity = quantity
        self.short = short
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}
