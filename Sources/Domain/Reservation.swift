// A reservation: units held until they are confirmed, given back or expire. It resolves at most
// once. The transitions are data, so that a test can go through every pair.

package import Base

/// Where a reservation stands.
///
/// The numbers are stored.
package enum ReservationState: Int16, CaseIterable, Sendable {
    case held = 1
    case partiallyConfirmed = 2
    case confirmed = 3
    case released = 4
    case expired = 5
    case transferred = 6

    /// True while units are held: only then can anything but reading happen to it.
    package var isOpen: Bool { self == .held || self == .partiallyConfirmed }

    /// The states that may follow.
    ///
    /// An expired hold may be taken again by a late confirm that asks for it, and only then.
    package var successors: Set<ReservationState> {
        switch self {
        case .held:
            [.held, .partiallyConfirmed, .confirmed, .released, .expired, .transferred]
        case .partiallyConfirmed: [.partiallyConfirmed, .confirmed]
        case .expired: [.confirmed]
        case .confirmed, .released, .transferred: []
        }
    }

    /// The state's name as callers read it.
    package var name: String {
        switch self {
        case .held: "HELD"
        case .partiallyConfirmed: "PARTIALLY_CONFIRMED"
        case .confirmed: "CONFIRMED"
        case .released: "RELEASED"
        case .expired: "EXPIRED"
        case .transferred: "TRANSFERRED"
        }
    }
}

/// Units of one position within a reservation.
package struct ReservationLine: Hashable, Sendable {
    package var key: PositionKey
    /// Reserved in all.
    package var quantity: Int64
    /// Held now.
    package var held: Int64
    /// Confirmed so far.
    package var confirmed: Int64

    package init(key: PositionKey, quantity: Int64, held: Int64, confirmed: Int64) {
        self.key = key
        self.quantity = quantity
        self.held = held
        self.confirmed = confirmed
    }
}

/// A reservation at one moment.
package struct Reservation: Hashable, Sendable {
    /// The digest of the idempotency key.
    package var id: ID
    package var state: ReservationState
    /// The goods.
    package var lines: [ReservationLine]
    /// What it takes of the nodes' capacity: positions whose SKUs are names of slots.
    package var capacity: [ReservationLine]
    /// The decision by which it was routed, if it was.
    package var decision: ID?
    package var owner: String
    package var channel: String
    package var createdAt: Instant
    package var expiresAt: Instant
    package var transferredTo: ID?
    package var orderID: ID?

    package init(
        id: ID,
        state: ReservationState,
        lines: [ReservationLine],
        capacity: [ReservationLine] = [],
        decision: ID? = nil,
        owner: String,
        channel: String,
        createdAt: Instant,
        expiresAt: Instant,
        transferredTo: ID? = nil,
        orderID: ID? = nil,
    ) {
        self.id = id
        self.state = state
        self.lines = lines
        self.capacity = capacity
        self.decision = decision
        self.owner = owner
        self.channel = channel
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.transferredTo = transferredTo
        self.orderID = orderID
    }
}
