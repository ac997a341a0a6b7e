// Shipments and exceptions as messages.

internal import Base
internal import Domain
internal import Messages
internal import RPC
internal import SwiftProtobuf

extension Holdfast_V1_Shipment {
    init(_ shipment: Shipment) {
        self.init()
        id = shipment.id.description
        orderID = shipment.order.description
        number = shipment.number
        node = shipment.node
        status = Holdfast_V1_FulfilmentStatus(shipment.status)
        service = shipment.service
        slotDay = shipment.slotDay.map { $0.isoDate } ?? ""
        slotWindow = Int32(shipment.slotWindow)
        promiseDay = shipment.promiseDay.map { $0.isoDate } ?? ""
        lines = shipment.lines.map { Holdfast_V1_ShipmentLine($0) }
        carrier = shipment.carrier
        tracking = shipment.tracking
        reservationID = shipment.reservation.description
        history = shipment.history.map { Holdfast_V1_ShipmentEvent($0) }
        createdAt = Google_Protobuf_Timestamp(shipment.createdAt)
        updatedAt = Google_Protobuf_Timestamp(shipment.updatedAt)
        capacity = shipment.capacity.filter { $0.units > 0 }
            .map { taken in
                var message = Holdfast_V1_ShipmentCapacity()
                message.sku = taken.sku
                message.quantity = taken.units
                return message
            }
    }
}

extension Holdfast_V1_ShipmentLine {
    fileprivate init(_ line: ShipmentLine) {
        self.init()
        let units = line.quantities
        number = line.number
        sku = line.sku
        quantity = units.quantity
        open = units.open
        picked = units.picked
        rerouting = units.leaving + units.missing
        shipped = units.shipped
        cancelled = units.cancelled
        gone = units.moved + units.short
        short = units.missing + units.short
    }
}

extension Holdfast_V1_FulfilmentStatus {
    fileprivate init(_ status: FulfilmentStatus) {
        switch status {
        case .new: self = .new
        case .scheduled: self = .scheduled
        case .onHold: self = .onHold
        case .accepted: self = .accepted
        case .rejected: self = .rejected
        case .inProgress: self = .inProgress
        case .packed: self = .packed
        case .shipped: self = .shipped
        case .delivered: self = .delivered
        case .incomplete: self = .incomplete
        case .cancelled: self = .cancelled
        }
    }
}

extension Holdfast_V1_ShipmentEvent {
    fileprivate init(_ event: ShipmentEvent) {
        self.init()
        sequence = event.sequence
        at = Google_Protobuf_Timestamp(event.at)
        kind =
            switch event.kind {
            case .created: .created
            case .accepted: .accepted
            case .rejected: .rejected
            case .picked: .picked
            case .packed: .packed
            case .shipped: .shipped
            case .delivered: .delivered
            case .unitsCancelled: .unitsCancelled
            case .withdrawn: .withdrawn
            case .moved: .moved
            case .backordered: .backordered
            }
        status = Holdfast_V1_FulfilmentStatus(event.status)
        principal = event.origin.principal
        requestID = event.origin.requestID
        traceID = event.origin.traceID
        code = event.code
        note = event.note
    }
}

extension Holdfast_V1_OrderException {
    init(_ exception: OrderException) {
        self.init()
        id = exception.id.description
        code = exception.code.rawValue
        queue = exception.code.queue.rawValue
        subject = exception.subject
        orderID = exception.order?.description ?? ""
        line = exception.line ?? 0
        shipmentID = exception.shipment?.description ?? ""
        detail = exception.detail
        state =
            switch exception.state {
            case .open: .open
            case .resolved: .resolved
            }
        openedAt = Google_Protobuf_Timestamp(exception.openedAt)
        if let end = exception.resolvedAt { resolvedAt = Google_Protobuf_Timestamp(end) }
        history = exception.history.map { event in
            var message = Holdfast_V1_ExceptionEvent()
            message.sequence = event.sequence
            message.at = Google_Protobuf_Timestamp(event.at)
            message.kind =
                switch event.kind {
                case .opened: .opened
                case .seenAgain: .seenAgain
                case .resolved: .resolved
                case .retried: .retried
                }
            message.principal = event.origin.principal
            message.requestID = event.origin.requestID
            message.traceID = event.origin.traceID
            message.note = event.note
            return message
        }
    }
}
