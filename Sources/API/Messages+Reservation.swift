// Reservations as messages.

internal import Base
package import Domain
package import Messages
internal import SwiftProtobuf

extension Holdfast_V1_Reservation {
    package init(_ reservation: Reservation) {
        self.init()
        id = reservation.id.description
        state = Holdfast_V1_ReservationState(reservation.state)
        lines = reservation.lines.map { line in
            var message = Holdfast_V1_ReservationLine()
            message.sku = line.key.sku
            message.node = line.key.node
            message.quantity = line.quantity
            message.held = line.held
            message.confirmed = line.confirmed
            return message
        }
        capacity = reservation.capacity.map { Holdfast_V1_CapacityLine($0) }
        decisionID = reservation.decision?.description ?? ""
        owner = reservation.owner
        channel = reservation.channel
        createdAt = Google_Protobuf_Timestamp(reservation.createdAt)
        expiresAt = Google_Protobuf_Timestamp(reservation.expiresAt)
        transferredTo = reservation.transferredTo?.description ?? ""
        orderID = reservation.orderID?.description ?? ""
    }
}

extension Holdfast_V1_ReservationState {
    package init(_ state: ReservationState) {
        switch state {
        case .held: self = .held
        case .partiallyConfirmed: self = .partiallyConfirmed
        case .confirmed: self = .confirmed
        case .released: self = .released
        case .expired: self = .expired
        case .transferred: self = .transferred
        }
    }
}
