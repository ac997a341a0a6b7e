// Domain values as messages, and back. Nothing is checked or decided here.

package import Base
package import Domain
package import Messages
package import RPC
package import SwiftProtobuf

/// Decodes a request; INVALID_ARGUMENT when the bytes are no such message.
package func decode<Request: SwiftProtobuf.Message>(
    _ type: Request.Type,
    _ bytes: [UInt8],
) throws(Status) -> Request {
    do {
        return try Request(serializedBytes: bytes)
    } catch {
        throw Status(.invalidArgument, "the message is no \(Request.protoMessageName)")
    }
}

/// Encodes an answer.
package func encode(_ message: some SwiftProtobuf.Message) throws(Status) -> [UInt8] {
    do {
        return try message.serializedBytes()
    } catch {
        throw Status(.internal, "the answer cannot be encoded")
    }
}

extension Google_Protobuf_Timestamp {
    package init(_ instant: Instant) {
        let (seconds, rest) = instant.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        // Moments before 1970 count their fraction forwards too.
        let isBefore = rest < 0
        self.init(
            seconds: isBefore ? seconds - 1 : seconds,
            nanos: Int32(isBefore ? rest + 1_000_000 : rest) * 1_000,
        )
    }
}

// MARK: Stock

extension Holdfast_V1_Position {
    package init(_ position: Position) {
        self.init()
        sku = position.key.sku
        node = position.key.node
        onHand = position.buckets.onHand
        reserved = position.buckets.held
        allocated = position.buckets.allocated
        safety = position.buckets.safety
        damaged = position.buckets.damaged
        qualityControl = position.buckets.qualityControl
        inTransit = position.buckets.inTransit
        available = position.buckets.available
        version = position.version
        channelSafety = position.channelSafety.map { item in
            var message = Holdfast_V1_ChannelSafety()
            message.channel = item.channel
            message.quantity = item.quantity
            return message
        }
    }
}

extension Holdfast_V1_LedgerEntry {
    package init(_ entry: LedgerEntry) {
        self.init()
        version = entry.version
        step = entry.step
        batch = entry.batch
        at = Google_Protobuf_Timestamp(entry.at)
        kind = Holdfast_V1_LedgerKind(entry.kind)
        onHandDelta = entry.change.onHand
        reservedDelta = entry.change.held
        allocatedDelta = entry.change.allocated
        safetyDelta = entry.change.safety
        damagedDelta = entry.change.damaged
        qualityControlDelta = entry.change.qualityControl
        inTransitDelta = entry.change.inTransit
        availableAfter = entry.availableAfter
        principal = entry.origin.principal
        requestID = entry.origin.requestID
        traceID = entry.origin.traceID
        reason = entry.reason
        reference = entry.reference
        causes = entry.causes.map { cause in
            var message = Holdfast_V1_LedgerCause()
            message.reservationID = cause.reservation.description
            message.quantity = cause.quantity
            message.principal = cause.origin.principal
            message.requestID = cause.origin.requestID
            message.traceID = cause.origin.traceID
            return message
        }
    }
}

extension Holdfast_V1_LedgerKind {
    package init(_ kind: LedgerKind) {
        switch kind {
        case .received: self = .received
        case .reserved: self = .reserved
        case .reservationReleased: self = .reservationReleased
        case .reservationExpired: self = .reservationExpired
        case .allocated: self = .allocated
        case .deallocated: self = .deallocated
        case .shipped: self = .shipped
        case .returned: self = .returned
        case .adjusted: self = .adjusted
        case .transferredOut: self = .transferredOut
        case .transferredIn: self = .transferredIn
        case .stateMoved: self = .stateMoved
        }
    }
}

// MARK: Orders

extension Holdfast_V1_Order {
    package init(_ order: Order) {
        self.init()
        id = order.id.description
        channel = order.channel
        externalID = order.externalID
        customer = order.customer
        status = Holdfast_V1_OrderStatus(order.status)
        currency = order.currency
        totalMinor = order.totalMinor
        lines = order.lines.map { Holdfast_V1_OrderLine($0) }
        history = order.history.map { Holdfast_V1_OrderEvent($0) }
        createdAt = Google_Protobuf_Timestamp(order.createdAt)
        updatedAt = Google_Protobuf_Timestamp(order.updatedAt)
        reservationID = order.reservationID.description
        if let moment = order.placedAt { placedAt = Google_Protobuf_Timestamp(moment) }
    }
}

extension Holdfast_V1_OrderLine {
    package init(_ line: OrderLine) {
        self.init()
        number = line.number
        sku = line.key.sku
        node = line.key.node
        unitPriceMinor = line.unitPriceMinor
        ordered = line.quantities.ordered
        allocated = line.quantities.allocated
        shipped = line.quantities.shipped
        cancelled = line.quantities.cancelled
        backordered = line.quantities.backordered
    }
}

extension Holdfast_V1_OrderEvent {
    package init(_ event: OrderEvent) {
        self.init()
        sequence = event.sequence
        at = Google_Protobuf_Timestamp(event.at)
        kind =
            switch event.kind {
            case .placed: .placed
            case .cancelled: .cancelled
            case .shipped: .shipped
            case .backordered: .backordered
            case .rerouted: .rerouted
            case .accepted: .accepted
            case .rejected: .rejected
            case .picked: .picked
            case .packed: .packed
            case .delivered: .delivered
            case .shortPicked: .shortPicked
            case .withdrawn: .withdrawn
            case .reallocated: .reallocated
            }
        principal = event.origin.principal
        requestID = event.origin.requestID
        traceID = event.origin.traceID
        note = event.note
        lines = event.lines.map { line in
            var message = Holdfast_V1_OrderEventLine()
            message.number = line.number
            message.quantity = line.quantity
            return message
        }
    }
}

extension Holdfast_V1_OrderStatus {
    package init(_ status: OrderStatus) {
        switch status {
        case .confirmed: self = .confirmed
        case .partiallyShipped: self = .partiallyShipped
        case .shipped: self = .shipped
        case .cancelled: self = .cancelled
        case .backordered: self = .backordered
        }
    }
}

extension OrderStatus {
    /// The status that a message names; nil for none and for numbers that are not known.
    package init?(_ status: Holdfast_V1_OrderStatus) {
        switch status {
        case .confirmed: self = .confirmed
        case .partiallyShipped: self = .partiallyShipped
        case .shipped: self = .shipped
        case .cancelled: self = .cancelled
        case .backordered: self = .backordered
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}
