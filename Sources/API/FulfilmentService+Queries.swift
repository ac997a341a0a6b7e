// What can be read of shipments and exceptions.

internal import Base
internal import Domain
package import Messages
internal import Promising
package import RPC

/// Moments that a timestamp can name; a forged token may hold any number.
private let moments: Range<Int64> = -62_135_596_800_000_000..<253_402_300_800_000_000

extension FulfilmentService {
    package func listWork(
        _ request: Holdfast_V1_ListWorkRequest
    ) async throws(Status) -> Holdfast_V1_ListWorkResponse {
        var validator = Validator()
        validator.name(request.node, "node")
        var states: [FulfilmentStatus] = []
        for (index, status) in request.statuses.enumerated() {
            if let state = FulfilmentStatus(rawValue: Int16(clamping: status.rawValue)) {
                if !states.contains(state) { states.append(state) }
            } else {
                validator.fail("statuses[\(index)]", "is not known")
            }
        }
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 50,
            max: Limits.workPageRowsMax,
        )
        try validator.check()
        let fingerprint = PageToken.fingerprint(
            "ListWork",
            [request.node] + states.map { "\($0.rawValue)" },
        )
        let cursor = try workCursor(request.pageToken, fingerprint)
        let wanted = states
        let found = try await answering { () async throws(Failure) in
            try await fulfilling.ledger.work(
                at: request.node,
                in: wanted,
                after: cursor,
                limit: size + 1,
            )
        }
        var answer = Holdfast_V1_ListWorkResponse()
        answer.shipments = found.prefix(size).map { Holdfast_V1_Shipment($0) }
        if found.count > size {
            let last = found[size - 1]
            var bytes: [UInt8] = []
            bytes.appendCursor(Int64(last.promiseDay ?? .max))
            bytes.appendCursor(last.createdAt.microseconds)
            bytes.appendCursor(last.id)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }

    package func listShipments(
        _ request: Holdfast_V1_ListShipmentsRequest
    ) async throws(Status) -> Holdfast_V1_ListShipmentsResponse {
        var validator = Validator()
        let id = validator.id(request.orderID, "order_id")
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        let found = try await answering { () async throws(Failure) in
            try await fulfilling.ledger.shipments(of: id)
        }
        // Every order has a shipment.
        if found.isEmpty {
            throw Status(
                .notFound(kind: .order, id: request.orderID),
                fields: RequestFields(id: "order_id"),
            )
        }
        var answer = Holdfast_V1_ListShipmentsResponse()
        answer.shipments = found.map { Holdfast_V1_Shipment($0) }
        return answer
    }

    package func getShipment(
        _ request: Holdfast_V1_GetShipmentRequest
    ) async throws(Status) -> Holdfast_V1_Shipment {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        let found = try await answering { () async throws(Failure) in
            try await fulfilling.ledger.shipment(id: id)
        }
        guard let found else { throw Status(.notFound(kind: .shipment, id: request.id)) }
        return Holdfast_V1_Shipment(found)
    }

    package func listExceptions(
        _ request: Holdfast_V1_ListExceptionsRequest
    ) async throws(Status) -> Holdfast_V1_ListExceptionsResponse {
        var validator = Validator()
        if !request.queue.isEmpty, ExceptionQueue(rawValue: request.queue) == nil {
            validator.fail("queue", "is not known")
        }
        if !request.code.isEmpty, ExceptionCode(rawValue: request.code) == nil {
            validator.fail("code", "is not known")
        }
        if case .UNRECOGNIZED = request.state { validator.fail("state", "is not known") }
        let order =
            request.orderID.isEmpty ? nil : validator.id(request.orderID, "order_id")
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 50,
            max: Limits.workPageRowsMax,
        )
        try validator.check()
        let filter = ExceptionFilter(
            queue: request.queue,
            code: request.code,
            order: order,
            state: request.state == .resolved ? .resolved : .open,
        )
        let fingerprint = PageToken.fingerprint(
            "ListExceptions",
            [filter.queue, filter.code, request.orderID, "\(filter.state.rawValue)"],
        )
        let cursor = try exceptionCursor(request.pageToken, fingerprint)
        let found = try await answering { () async throws(Failure) in
            try await fulfilling.ledger.exceptions(filter, after: cursor, limit: size + 1)
        }
        var answer = Holdfast_V1_ListExceptionsResponse()
        answer.exceptions = found.prefix(size).map { Holdfast_V1_OrderException($0) }
        if found.count > size {
            let last = found[size - 1]
            var bytes: [UInt8] = []
            bytes.appendCursor(last.openedAt.microseconds)
            bytes.appendCursor(last.id)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }

    package func getException(
        _ request: Holdfast_V1_GetExceptionRequest
    ) async throws(Status) -> Holdfast_V1_OrderException {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        let found = try await answering { () async throws(Failure) in
            try await fulfilling.ledger.exception(id: id)
        }
        guard let found else { throw Status(.notFound(kind: .exception, id: request.id)) }
        return Holdfast_V1_OrderException(found)
    }

    // MARK: Private

    private func workCursor(
        _ token: String,
        _ fingerprint: ID,
    ) throws(Status) -> WorkCursor? {
        if token.isEmpty { return nil }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        guard let day = reader.number().flatMap(Day.init(exactly:)), let at = reader.number(),
            moments.contains(at), let id = reader.id(), reader.isAtEnd
        else { throw PageToken.refusal("is no page token of ours") }
        return WorkCursor(dueDay: day, createdAt: Instant(microseconds: at), id: id)
    }

    private func exceptionCursor(
        _ token: String,
        _ fingerprint: ID,
    ) throws(Status) -> ExceptionCursor? {
        if token.isEmpty { return nil }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        guard let at = reader.number(), moments.contains(at), let id = reader.id(), reader.isAtEnd
        else { throw PageToken.refusal("is no page token of ours") }
        return ExceptionCursor(openedAt: Instant(microseconds: at), id: id)
    }
}
