// Where a shipment may stand, and where it may go from there. The transitions are data, so that a test
// can go through every pair; the database has the same table.

/// Where a shipment stands.
///
/// The numbers are stored.
package enum FulfilmentStatus: Int16, CaseIterable, Sendable {
    case new = 1
    /// New, for a slot of its node.
    case scheduled = 2
    case onHold = 3
    case accepted = 4
    case rejected = 5
    case inProgress = 6
    case packed = 7
    case shipped = 8
    case delivered = 9
    /// Some units were not found; what was found goes on.
    case incomplete = 10
    case cancelled = 11

    /// The states that may follow.
    ///
    /// From each state before SHIPPED an order may be shipped without its node's help, and cancelled.
    package var successors: Set<FulfilmentStatus> {
        switch self {
        case .new: [.scheduled, .onHold, .accepted, .rejected, .shipped, .cancelled]
        case .scheduled: [.onHold, .accepted, .rejected, .shipped, .cancelled]
        case .onHold: [.new, .scheduled, .accepted, .shipped, .cancelled]
        case .accepted: [.onHold, .rejected, .inProgress, .shipped, .incomplete, .cancelled]
        case .inProgress: [.rejected, .packed, .shipped, .incomplete, .cancelled]
        case .incomplete: [.rejected, .packed, .shipped, .cancelled]
        case .packed: [.shipped, .cancelled]
        case .shipped: [.delivered]
        case .rejected, .delivered, .cancelled: []
        }
    }

    /// True while somebody has work with it.
    package var isOpen: Bool {
        switch self {
        case .new, .scheduled, .onHold, .accepted, .inProgress, .packed, .incomplete: true
        case .rejected, .shipped, .delivered, .cancelled: false
        }
    }

    /// Its name as callers read it.
    package var name: String {
        switch self {
        case .new: "NEW"
        case .scheduled: "SCHEDULED"
        case .onHold: "ON_HOLD"
        case .accepted: "ACCEPTED"
        case .rejected: "REJECTED"
        case .inProgress: "IN_PROGRESS"
        case .packed: "PACKED"
        case .shipped: "SHIPPED"
        case .delivered: "DELIVERED"
        case .incomplete: "INCOMPLETE"
        case .cancelled: "CANCELLED"
        }
    }
}

/// A step of a node's work on a shipment.
///
/// The numbers are those of `ShipmentEventKind`.
package enum ShipmentStep: Int16, CaseIterable, Sendable {
    case accept = 2
    case reject = 3
    case pick = 4
    case pack = 5
    case ship = 6
    case deliver = 7

    /// The states in which it can be done.
    package var states: Set<FulfilmentStatus> {
        switch self {
        case .accept: [.new, .scheduled]
        case .reject: [.new, .scheduled, .accepted, .inProgress, .incomplete]
        case .pick: [.accepted, .inProgress, .incomplete]
        case .pack: [.inProgress, .incomplete]
        case .ship: [.packed]
        case .deliver: [.shipped]
        }
    }
}
