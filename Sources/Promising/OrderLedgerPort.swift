// What the order commands need from the database: each method is one transaction, all or nothing.

package import Base
package import Domain

/// One line of an order that is to be placed.
package struct PlacedLine: Hashable, Sendable {
    package var key: PositionKey
    package var quantity: Int64
    package var unitPriceMinor: Int64

    package init(key: PositionKey, quantity: Int64, unitPriceMinor: Int64) {
        self.key = key
        self.quantity = quantity
        self.unitPriceMinor = unitPriceMinor
    }
}

/// An order that is to be placed; its id is the header's key.
package struct OrderPlacement: Sendable {
    package var header: CommandHeader
    /// The reservation that has its units; nil: reserve them first.
    package var reservation: ID?
    package var channel: String
    package var externalID: String
    package var customer: String
    package var currency: String
    package var placedAt: Instant?
    package var lines: [PlacedLine]

    package init(
        header: CommandHeader,
        reservation: ID?,
        channel: String,
        externalID: String,
        customer: String,
        currency: String,
        placedAt: Instant?,
        lines: [PlacedLine],
    ) {
        self.header = header
        self.reservation = reservation
        self.channel = channel
        self.externalID = externalID
        self.customer = customer
        self.currency = currency
        self.placedAt = placedAt
        self.lines = lines
    }
}

/// Units of an order that are to be cancelled or shipped.
package struct OrderChange: Sendable {
    package enum Kind: Sendable {
        case cancel
        case ship
    }

    package var header: CommandHeader
    package var order: ID
    package var kind: Kind
    /// Each line at most once; empty: all units that are allocated.
    package var lines: [OrderLineQuantity]
    /// A reason, or a tracking number.
    package var note: String

    package init(
        header: CommandHeader,
        order: ID,
        kind: Kind,
        lines: [OrderLineQuantity],
        note: String,
    ) {
        self.header = header
        self.order = order
        self.kind = kind
        self.lines = lines
        self.note = note
    }
}

/// What a command on an order did.
package struct OrderResult: Sendable {
    /// The order right after the command, whatever happened to it since.
    package var order: Order
    /// What the gate has to apply; empty when the answer was given before.
    package var settlement: Settlement

    package init(order: Order, settlement: Settlement) {
        self.order = order
        self.settlement = settlement
    }
}

/// How a command on an order ended.
package enum OrderOutcome: Sendable {
    case done(OrderResult)
    /// Nothing was changed.
    case refused(Refusal)
}

/// Which orders to list; nil and empty texts mean any.
package struct OrderFilter: Hashable, Sendable {
    package var status: OrderStatus?
    package var channel: String
    /// Created at or after then.
    package var createdFrom: Instant?
    /// Created before then.
    package var createdBefore: Instant?

    package init(
        status: OrderStatus? = nil,
        channel: String = "",
        createdFrom: Instant? = nil,
        createdBefore: Instant? = nil,
    ) {
        self.status = status
        self.channel = channel
        self.createdFrom = createdFrom
        self.createdBefore = createdBefore
    }
}

/// Names a place in the list of orders.
package struct OrderCursor: Hashable, Sendable {
    package var createdAt: Instant
    package var id: ID

    package init(createdAt: Instant, id: ID) {
        self.createdAt = createdAt
        self.id = id
    }
}

/// Orders as the database has them.
package protocol OrderLedgerPort: SendableMetatype {
    /// True when `place` would be answered without a reservation: the key was used, or the
    /// channel's number is taken.
    func isDecided(_ placement: OrderPlacement) async throws(Failure) -> Bool

    /// Turns what `reservation` holds into an order. `reacquiring`: when its time is over, takes
    /// the units again if they are still free.
    func place(
        _ placement: OrderPlacement,
        from reservation: ID,
        reacquiring: Bool,
    ) async throws(Failure) -> OrderOutcome

    /// Cancels or ships units.
    func change(_ change: OrderChange) async throws(Failure) -> OrderOutcome

    /// The order as it is now, or nil.
    func order(id: ID) async throws(Failure) -> Order?

    /// The order as it is now, or nil.
    func order(channel: String, externalID: String) async throws(Failure) -> Order?

    /// Up to `limit` orders before `cursor`, newest first, without history.
    func orders(
        _ filter: OrderFilter,
        before cursor: OrderCursor?,
        limit: Int,
    ) async throws(Failure) -> [Order]
}
