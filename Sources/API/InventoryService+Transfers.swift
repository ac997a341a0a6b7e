// Transfers over RPC: units that leave one node for another.

internal import Base
package import Domain
package import Messages
internal import Promising
package import RPC

extension InventoryService {
    package func transfer(
        _ request: Holdfast_V1_TransferRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_TransferAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.name(request.fromNode, "from_node")
        validator.name(request.toNode, "to_node")
        validator.note(request.reference, "reference")
        if request.fromNode == request.toNode {
            validator.fail("to_node", "must be another node than from_node")
        }
        if validator.lineCount(request.lines.count, "lines") {
            for (index, line) in request.lines.enumerated() {
                validator.sku(line.sku, "lines[\(index)].sku")
                validator.quantity(line.quantity, "lines[\(index)].quantity")
            }
        }
        try validator.check()

        var body = DigestBuilder(method: "Transfer")
        body.add(request.fromNode)
        body.add(request.toNode)
        body.add(request.inTransit ? 1 : 0)
        body.add(request.reference)
        for line in request.lines {
            body.add(line.sku)
            body.add(line.quantity)
        }
        let header = CommandHeader(stock: request.idempotencyKey, body, origin)
        let outcome = try await answering { () async throws(Failure) in
            try await stock.transfer(
                header,
                lines: request.lines.map { ($0.sku, $0.quantity) },
                from: request.fromNode,
                to: request.toNode,
                isInTransit: request.inTransit,
                reference: request.reference,
            )
        }
        var answer = Holdfast_V1_TransferAnswer()
        answer.transferID = header.key.description
        answer.inTransit = request.inTransit
        answer.positions = try positions(outcome, RequestFields(toNode: request.toNode))
        return answer
    }

    package func receiveTransfer(
        _ request: Holdfast_V1_ReceiveTransferRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_TransferAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        let id = validator.id(request.transferID, "transfer_id")
        try validator.check()
        guard let id else { throw Status(.internal, "an id was neither read nor refused") }

        var body = DigestBuilder(method: "ReceiveTransfer")
        body.add(id)
        let header = CommandHeader(stock: request.idempotencyKey, body, origin)
        let outcome = try await answering { () async throws(Failure) in
            try await stock.receiveTransfer(header, id: id)
        }
        var answer = Holdfast_V1_TransferAnswer()
        answer.transferID = id.description
        answer.inTransit = false
        answer.positions = try positions(outcome, RequestFields(id: "transfer_id"))
        return answer
    }

    private func positions(
        _ outcome: StockOutcome,
        _ fields: RequestFields,
    ) throws(Status) -> [Holdfast_V1_Position] {
        switch outcome {
        case .done(let result): result.positions.map { Holdfast_V1_Position($0) }
        case .refused(let refusal): throw Status(refusal, fields: fields)
        }
    }
}
