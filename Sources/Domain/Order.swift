// An order: lines as buckets of units, the status derived from them, the history that made them.

package import Base

/// Where an order stands.
///
/// The numbers are stored.
package enum OrderStatus: Int16, CaseIterable, Sendable {
    case confirmed = 1
    case partiallyShipped = 2
    case shipped = 3
    case cancelled = 4
    /// Nothing has shipped, and some units have no place.
    case backordered = 5

    /// The status of an order with these lines; it is never set in any other way.
    package static func derived(from lines: [OrderLine]) -> OrderStatus {
        var total = LineQuantities()
        for line in lines { total.add(line.quantities) }
        if total.cancelled == total.ordered { return .cancelled }
        if total.shipped == 0 { return total.backordered > 0 ? .backordered : .confirmed }
        return total.allocated + total.backordered == 0 ? .shipped : .partiallyShipped
    }
}

/// The units of a line by bucket.
package struct LineQuantities: Hashable, Sendable {
    package var ordered: Int64 = 0
    package var allocated: Int64 = 0
    package var shipped: Int64 = 0
    package var cancelled: Int64 = 0
    /// Without a place: no node could be found for them.
    package var backordered: Int64 = 0

    package init() {}

    package init(
        ordered: Int64,
        allocated: Int64,
        shipped: Int64,
        cancelled: Int64,
        backordered: Int64 = 0,
    ) {
        self.ordered = ordered
        self.allocated = allocated
        self.shipped = shipped
        self.cancelled = cancelled
        self.backordered = backordered
    }

    package mutating func add(_ other: LineQuantities) {
        ordered += other.ordered
        allocated += other.allocated
        shipped += other.shipped
        cancelled += other.cancelled
        backordered += other.backordered
    }

    /// No unit is lost and none is made: ordered = allocated + shipped + cancelled + backordered.
    package var isConserved: Bool {
        ordered == allocated + shipped + cancelled + backordered && ordered > 0 && allocated >= 0
            && shipped >= 0 && cancelled >= 0 && backordered >= 0
    }
}

extension LineQuantities {
    /// What an event about so many units of the line did to it.
    fileprivate mutating func apply(_ kind: OrderEventKind, _ units: Int64) {
        switch kind {
        case .cancelled:
            // Units without a place are cancelled first.
            let homeless = min(units, backordered)
            backordered -= homeless
            allocated -= units - homeless
            cancelled += units
        case .shipped:
            allocated -= units
            shipped += units
        case .backordered:
            allocated -= units
            backordered += units
        case .reallocated:
            backordered -= units
            allocated += units
        case .placed, .rerouted, .accepted, .rejected, .picked, .packed, .delivered, .shortPicked,
            .withdrawn:
            break
        }
    }
}

/// One line of an order.
package struct OrderLine: Hashable, Sendable {
    /// Counts from 1.
    package var number: Int32
    package var key: PositionKey
    /// Price of one unit in minor units of the order's currency.
    package var unitPriceMinor: Int64
    package var quantities: LineQuantities

    package init(
        number: Int32,
        key: PositionKey,
        unitPriceMinor: Int64,
        quantities: LineQuantities,
    ) {
        self.number = number
        self.key = key
        self.unitPriceMinor = unitPriceMinor
        self.quantities = quantities
    }
}

/// What kind of thing happened to an order.
///
/// The numbers are stored.
package enum OrderEventKind: Int16, CaseIterable, Sendable {
    case placed = 1
    case cancelled = 2
    case shipped = 3
    /// Units lost their place and found no other.
    case backordered = 4
    /// Units moved to another node.
    case rerouted = 5
    case accepted = 6
    case rejected = 7
    case picked = 8
    case packed = 9
    case delivered = 10
    /// Units were not found.
    case shortPicked = 11
    /// Units were taken from their node.
    case withdrawn = 12
    /// Units that had no place have one.
    case reallocated = 13
}

/// Units of one line that an event was about.
package struct OrderLineQuantity: Hashable, Sendable {
    package var number: Int32
    package var quantity: Int64

    package init(number: Int32, quantity: Int64) {
        self.number = number
        self.quantity = quantity
    }
}

/// One thing that happened to an order.
package struct OrderEvent: Hashable, Sendable {
    /// Counts from 1 without a gap.
    package var sequence: Int32
    package var at: Instant
    package var kind: OrderEventKind
    package var origin: Origin
    package var note: String
    package var lines: [OrderLineQuantity]

    package init(
        sequence: Int32,
        at: Instant,
        kind: OrderEventKind,
        origin: Origin,
        note: String,
        lines: [OrderLineQuantity],
    ) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.origin = origin
        self.note = note
        self.lines = lines
    }
}

/// An order at one moment, with the events that led to it.
package struct Order: Hashable, Sendable {
    package var id: ID
    package var channel: String
    package var externalID: String
    package var customer: String
    package var currency: String
    package var totalMinor: Int64
    package var status: OrderStatus
    package var lines: [OrderLine]
    package var history: [OrderEvent]
    package var createdAt: Instant
    package var updatedAt: Instant
    /// When the customer placed it, as the channel says.
    package var placedAt: Instant?
    package var reservationID: ID

    package init(
        id: ID,
        channel: String,
        externalID: String,
        customer: String,
        currency: String,
        totalMinor: Int64,
        status: OrderStatus,
        lines: [OrderLine],
        history: [OrderEvent],
        createdAt: Instant,
        updatedAt: Instant,
        placedAt: Instant?,
        reservationID: ID,
    ) {
        self.id = id
        self.channel = channel
        self.externalID = externalID
        self.customer = customer
        self.currency = currency
        self.totalMinor = totalMinor
        self.status = status
        self.lines = lines
        self.history = history
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.placedAt = placedAt
        self.reservationID = reservationID
    }
}

extension Order {
    /// The order as it stood after the event `sequence`: what the answer to that call was.
    ///
    /// A retried call is answered from the history, byte for byte as the first time, whatever
    /// happened to the order since.
    package func asOf(event sequence: Int32) -> Order {
        var order = self
        order.history = history.filter { $0.sequence <= sequence }
        for index in order.lines.indices {
            let ordered = lines[index].quantities.ordered
            order.lines[index].quantities = LineQuantities(
                ordered: ordered,
                allocated: ordered,
                shipped: 0,
                cancelled: 0,
            )
        }
        for event in order.history {
            for part in event.lines {
                order.lines[Int(part.number) - 1].quantities.apply(event.kind, part.quantity)
            }
        }
        order.status = .derived(from: order.lines)
        order.updatedAt = order.history.last?.at ?? order.createdAt
        return order
    }
}
