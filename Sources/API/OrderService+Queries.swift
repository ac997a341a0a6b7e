// Reading orders over RPC.

internal import Base
internal import Domain
package import Messages
internal import Promising
package import RPC

extension OrderService {
    package func getOrder(
        _ request: Holdfast_V1_GetOrderRequest,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_Order {
        var validator = Validator()
        var id: ID?
        switch request.by {
        case .id(let text):
            id = validator.id(text, "id")
        case .idempotencyKey(let key):
            validator.key(key, "idempotency_key")
            id = DigestBuilder.key(.order, key)
        case .external(let external):
            validator.name(external.channel, "external.channel")
            validator.key(external.externalID, "external.external_id")
        case nil:
            validator.fail("by", "must name an order")
        }
        try validator.check()

        let wanted = id
        let found = try await answering { () async throws(Failure) -> Order? in
            if let wanted { return try await orders.ledger.order(id: wanted) }
            return try await orders.ledger.order(
                channel: request.external.channel,
                externalID: request.external.externalID,
            )
        }
        if let found, limit.covers(found.channel) { return Holdfast_V1_Order(found) }
        throw missing(request)
    }

    package func listOrders(
        _ request: Holdfast_V1_ListOrdersRequest,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_ListOrdersResponse {
        var validator = Validator()
        var filter = OrderFilter(
            status: OrderStatus(request.status),
            channel: request.channel,
        )
        if case .UNRECOGNIZED = request.status { validator.fail("status", "is not known") }
        validator.optionalName(request.channel, "channel")
        if request.hasCreatedFrom {
            filter.createdFrom = validator.instant(request.createdFrom, "created_from")
        }
        if request.hasCreatedBefore {
            filter.createdBefore = validator.instant(request.createdBefore, "created_before")
        }
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 50,
            max: Limits.orderPageRowsMax,
        )
        try validator.check()
        filter.channel = try limit.channel(named: request.channel, "channel")
        let fingerprint = PageToken.fingerprint(
            "ListOrders",
            [
                "\(request.status.rawValue)", filter.channel,
                filter.createdFrom.map { "\($0.microseconds)" } ?? "",
                filter.createdBefore.map { "\($0.microseconds)" } ?? "",
            ],
        )
        let cursor = try orderCursor(request.pageToken, fingerprint)

        let wanted = filter
        let found = try await answering { () async throws(Failure) in
            try await orders.ledger.orders(wanted, before: cursor, limit: size + 1)
        }
        var answer = Holdfast_V1_ListOrdersResponse()
        answer.orders = found.prefix(size).map { Holdfast_V1_Order($0) }
        if found.count > size {
            let last = found[size - 1]
            var bytes: [UInt8] = []
            bytes.appendCursor(last.createdAt.microseconds)
            bytes.appendCursor(Int64(bitPattern: last.id.high))
            bytes.appendCursor(Int64(bitPattern: last.id.low))
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }

    // MARK: Private

    private func missing(_ request: Holdfast_V1_GetOrderRequest) -> Status {
        switch request.by {
        case .external(let external):
            let name = "\(external.channel)/\(external.externalID)"
            return Status(
                .notFound(kind: .order, id: name),
                fields: RequestFields(id: "external"),
            )
        case .idempotencyKey(let key):
            return Status(
                .notFound(kind: .order, id: key),
                fields: RequestFields(id: "idempotency_key"),
            )
        case .id, nil:
            return Status(.notFound(kind: .order, id: request.id))
        }
    }

    private func orderCursor(
        _ token: String,
        _ fingerprint: ID,
    ) throws(Status) -> OrderCursor? {
        if token.isEmpty { return nil }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        // A forged token may hold any number; only moments that a timestamp can name go on.
        let moments: Range<Int64> = -62_135_596_800_000_000..<253_402_300_800_000_000
        guard let at = reader.number(), moments.contains(at), let high = reader.number(),
            let low = reader.number(), reader.isAtEnd
        else { throw PageToken.refusal("is no page token of ours") }
        return OrderCursor(
            createdAt: Instant(microseconds: at),
            id: ID(high: UInt64(bitPattern: high), low: UInt64(bitPattern: low)),
        )
    }
}
