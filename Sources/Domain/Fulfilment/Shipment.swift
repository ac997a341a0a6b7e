// A shipment: the part of an order that goes from one node, as buckets of units by line.

package import Base

/// The units of a shipment's line by bucket.
package struct ShipmentQuantities: Hashable, Sendable {
    /// Handed to the node.
    package var quantity: Int64 = 0
    /// To be worked on, or packed; allocated at the node.
    package var open: Int64 = 0
    /// Of the open ones, those in hand.
    package var picked: Int64 = 0
    /// Given up by the node; allocated there until they have another place.
    package var leaving: Int64 = 0
    /// Not found by the node; allocated there, so that nobody is promised them.
    package var missing: Int64 = 0
    package var shipped: Int64 = 0
    package var cancelled: Int64 = 0
    /// Given up, and not the node's any more.
    package var moved: Int64 = 0
    /// Not found, and in quality control now.
    package var short: Int64 = 0

    package init() {}

    /// Units of the order that are allocated at the node.
    package var allocated: Int64 { open + leaving + missing }

    /// No unit is lost and none is made.
    package var isConserved: Bool {
        quantity == allocated + shipped + cancelled + moved + short && picked <= open
            && [quantity, open, picked, leaving, missing, shipped, cancelled, moved, short]
                .allSatisfy { $0 >= 0 }
    }
}

/// One line of a shipment.
package struct ShipmentLine: Hashable, Sendable {
    /// The order's line.
    package var number: Int32
    package var sku: String
    package var quantities: ShipmentQuantities

    package init(number: Int32, sku: String, quantities: ShipmentQuantities) {
        self.number = number
        self.sku = sku
        self.quantities = quantities
    }
}

/// Units of a slot's capacity.
package struct TakenCapacity: Hashable, Sendable {
    /// The slot's position, such as `@units/2026-11-30/0`.
    package var sku: String
    package var units: Int64

    package init(sku: String, units: Int64) {
        self.sku = sku
        self.units = units
    }
}

/// What kind of thing happened to a shipment.
///
/// The numbers are stored.
package enum ShipmentEventKind: Int16, CaseIterable, Sendable {
    case created = 1
    case accepted = 2
    case rejected = 3
    case picked = 4
    case packed = 5
    case shipped = 6
    case delivered = 7
    case unitsCancelled = 8
    case withdrawn = 9
    case moved = 10
    case backordered = 11
}

/// One thing that happened to a shipment.
package struct ShipmentEvent: Hashable, Sendable {
    /// Counts from 1 without a gap.
    package var sequence: Int32
    package var at: Instant
    package var kind: ShipmentEventKind
    /// Where it stood after that.
    package var status: FulfilmentStatus
    package var origin: Origin
    /// Why the node gave units up.
    package var code: String
    package var note: String

    package init(
        sequence: Int32,
        at: Instant,
        kind: ShipmentEventKind,
        status: FulfilmentStatus,
        origin: Origin,
        code: String,
        note: String,
    ) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.status = status
        self.origin = origin
        self.code = code
        self.note = note
    }
}

/// A shipment at one moment.
package struct Shipment: Hashable, Sendable {
    package var id: ID
    package var order: ID
    /// Counts from 1 within the order.
    package var number: Int32
    package var node: String
    package var status: FulfilmentStatus
    /// The carrier's service; empty: none was chosen.
    package var service: String
    /// The node's local day and window that it was taken for.
    package var slotDay: Day?
    package var slotWindow: Int16
    package var promiseDay: Day?
    package var lines: [ShipmentLine]
    package var capacity: [TakenCapacity]
    package var carrier: String
    package var tracking: String
    package var reservation: ID
    package var createdAt: Instant
    package var updatedAt: Instant
    package var history: [ShipmentEvent]

    package init(
        id: ID,
        order: ID,
        number: Int32,
        node: String,
        status: FulfilmentStatus,
        service: String,
        slotDay: Day?,
        slotWindow: Int16,
        promiseDay: Day?,
        lines: [ShipmentLine],
        capacity: [TakenCapacity],
        carrier: String,
        tracking: String,
        reservation: ID,
        createdAt: Instant,
        updatedAt: Instant,
        history: [ShipmentEvent],
    ) {
        self.id = id
        self.order = order
        self.number = number
        self.node = node
        self.status = status
        self.service = service
        self.slotDay = slotDay
        self.slotWindow = slotWindow
        self.promiseDay = promiseDay
        self.lines = lines
        self.capacity = capacity
        self.carrier = carrier
        self.tracking = tracking
        self.reservation = reservation
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.history = history
    }
}
