// Cycle counts as messages.

internal import Base
internal import Domain
internal import Messages
internal import Promising
internal import RPC
internal import SwiftProtobuf

extension Holdfast_V1_StockCount {
    init(_ answer: CountAnswer, fields: RequestFields) throws(Status) {
        switch answer {
        case .done(let view): self.init(view)
        case .refused(let refusal): throw Status(refusal, fields: fields)
        }
    }

    init(_ view: CountView) {
        self.init()
        let count = view.count
        id = count.id.description
        state =
            switch count.state {
            case .proposed: .proposed
            case .partlyApplied: .partlyApplied
            case .applied: .applied
            case .rejected: .rejected
            }
        sku = count.position.key.sku
        node = count.position.key.node
        counted = count.counted
        countedAt = Google_Protobuf_Timestamp(count.countedAt)
        expected = count.expected
        difference = count.difference
        applied = count.applied
        reason = Holdfast_V1_AdjustReason(ledgerText: count.reason)
        reference = count.reference
        proposedBy = count.proposedBy
        proposedAt = Google_Protobuf_Timestamp(count.proposedAt)
        position = Holdfast_V1_Position(count.position)
        shortUnits = count.shortUnits
        shortHolds = view.shortHolds.map { hold in
            var message = Holdfast_V1_ShortHold()
            message.reservationID = hold.reservation.description
            message.orderID = hold.order?.description ?? ""
            message.owner = hold.owner
            message.quantity = hold.quantity
            message.short = hold.short
            message.createdAt = Google_Protobuf_Timestamp(hold.createdAt)
            if let end = hold.expiresAt { message.expiresAt = Google_Protobuf_Timestamp(end) }
            return message
        }
        history = count.history.map { event in
            var message = Holdfast_V1_CountEvent()
            message.sequence = event.sequence
            message.at = Google_Protobuf_Timestamp(event.at)
            message.kind =
                switch event.kind {
                case .proposed: .proposed
                case .approved: .approved
                case .rejected: .rejected
                }
            message.principal = event.origin.principal
            message.requestID = event.origin.requestID
            message.traceID = event.origin.traceID
            message.note = event.note
            message.applied = event.applied
            message.version = event.version
            return message
        }
    }
}
