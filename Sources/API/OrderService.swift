// Orders over RPC: message to use case to message. Checks what was sent; decides nothing else.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.OrderService`, on one event loop.
package struct OrderService<Ledger: OrderLedgerPort, Gate: GatePort, Holds: HoldPort> {
    package static var name: String { "holdfast.v1.OrderService" }

    let orders: Ordering<Ledger, Gate, Holds>

    package init(orders: Ordering<Ledger, Gate, Holds>) {
        self.orders = orders
    }

    /// Adds every method to the registry of `loop`; called on that loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        newRequestID: @escaping RequestIDs,
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        func add<Request: SwiftProtobuf.Message, Reply: SwiftProtobuf.Message>(
            _ method: String,
            _ body: @escaping @Sendable (Self, Request, CallContext) async throws(Status) -> Reply,
        ) {
            registry.add(
                bound,
                service: Self.name,
                method: method,
                newRequestID: newRequestID,
                body,
            )
        }
        add("PlaceOrder") { me, request, call async throws(Status) in
            try await me.placeOrder(request, call)
        }
        add("GetOrder") { me, request, call async throws(Status) in
            try await me.getOrder(request, call.limit)
        }
        add("CancelOrder") { me, request, call async throws(Status) in
            try await me.cancelOrder(request, call)
        }
        add("ShipOrder") { me, request, call async throws(Status) in
            try await me.shipOrder(request, call)
        }
        add("ListOrders") { me, request, call async throws(Status) in
            try await me.listOrders(request, call.limit)
        }
    }

    // MARK: Placing

    package func placeOrder(
        _ request: Holdfast_V1_PlaceOrderRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Order {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.name(request.channel, "channel")
        validator.key(request.externalID, "external_id")
        validator.optionalKey(request.customer, "customer")
        validator.currency(request.currency, "currency")
        if validator.lineCount(request.lines.count, "lines") { validator.check(request.lines) }
        let hasReservation = !request.reservationID.isEmpty
        let reservation =
            hasReservation ? validator.id(request.reservationID, "reservation_id") : nil
        let placedAt =
            request.hasPlacedAt ? validator.instant(request.placedAt, "placed_at") : nil
        try validator.check()
        let channel = try call.limit.channel(named: request.channel, "channel")
        if let reservation { try await demand(reservation: reservation, within: call.limit) }

        let placement = OrderPlacement(
            header: CommandHeader(
                key: DigestBuilder.key(.order, request.idempotencyKey),
                fingerprint: fingerprint(of: request, reservation, placedAt),
                origin: call.origin,
            ),
            reservation: reservation,
            channel: channel,
            externalID: request.externalID,
            customer: request.customer,
            currency: request.currency,
            placedAt: placedAt,
            lines: request.lines.map { line in
                PlacedLine(
                    key: PositionKey(sku: line.sku, node: line.node),
                    quantity: line.quantity,
                    unitPriceMinor: line.unitPriceMinor,
                )
            },
        )
        let outcome = try await answering { () async throws(Failure) in
            try await orders.place(placement)
        }
        return try answer(outcome, RequestFields(id: "reservation_id"))
    }

    private func fingerprint(
        of request: Holdfast_V1_PlaceOrderRequest,
        _ reservation: ID?,
        _ placedAt: Instant?,
    ) -> ID {
        var body = DigestBuilder(method: "PlaceOrder")
        body.add(request.channel)
        body.add(request.externalID)
        body.add(request.customer)
        body.add(request.currency)
        body.add(reservation?.description ?? "")
        body.add(placedAt.map { "\($0.microseconds)" } ?? "")
        for line in request.lines {
            body.add(line.sku)
            body.add(line.node)
            body.add(line.quantity)
            body.add(line.unitPriceMinor)
        }
        return body.digest()
    }

    // MARK: Changing

    package func cancelOrder(
        _ request: Holdfast_V1_CancelOrderRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Order {
        try await change(
            .cancel,
            id: request.id,
            key: request.idempotencyKey,
            lines: request.lines,
            note: (request.reason, "reason"),
            call,
        )
    }

    package func shipOrder(
        _ request: Holdfast_V1_ShipOrderRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Order {
        try await change(
            .ship,
            id: request.id,
            key: request.idempotencyKey,
            lines: request.lines,
            note: (request.tracking, "tracking"),
            call,
        )
    }

    private func change(
        _ kind: OrderChange.Kind,
        id text: String,
        key: String,
        lines: [Holdfast_V1_OrderLineQuantity],
        note: (text: String, field: String),
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Order {
        var validator = Validator()
        let id = validator.id(text, "id")
        validator.key(key, "idempotency_key")
        validator.note(note.text, note.field)
        if validator.lineCount(lines.count, "lines", minimum: 0) {
            var seen: Set<Int32> = []
            for (index, line) in lines.enumerated() {
                validator.quantity(Int64(line.number), "lines[\(index)].number")
                validator.quantity(line.quantity, "lines[\(index)].quantity")
                if !seen.insert(line.number).inserted {
                    validator.fail("lines[\(index)].number", "stands there twice")
                }
            }
        }
        try validator.check()
        guard let id else { throw Status(.internal, "an id was neither read nor refused") }
        try await demand(order: id, within: call.limit)

        var body = DigestBuilder(method: kind == .cancel ? "CancelOrder" : "ShipOrder")
        body.add(id)
        body.add(note.text)
        for line in lines {
            body.add(Int64(line.number))
            body.add(line.quantity)
        }
        let change = OrderChange(
            header: CommandHeader(
                key: DigestBuilder.key(.orderCommand, key),
                fingerprint: body.digest(),
                origin: call.origin,
            ),
            order: id,
            kind: kind,
            lines: lines.map { OrderLineQuantity(number: $0.number, quantity: $0.quantity) },
            note: note.text,
        )
        let outcome = try await answering { () async throws(Failure) in
            try await orders.change(change)
        }
        return try answer(outcome, .lines)
    }

    // MARK: Limits
    // Looking first is enough: neither orders nor reservations ever change their channel.

    /// A caller that is limited to a channel finds no order of another.
    private func demand(order id: ID, within limit: ChannelLimit) async throws(Status) {
        if limit.channel.isEmpty { return }
        let found = try await answering { () async throws(Failure) in
            try await orders.ledger.order(id: id)
        }
        guard let found, limit.covers(found.channel) else {
            throw Status(.notFound(kind: .order, id: id.description))
        }
    }

    /// Nor may it take a reservation of another for its own order.
    private func demand(reservation id: ID, within limit: ChannelLimit) async throws(Status) {
        if limit.channel.isEmpty { return }
        let found = try await answering { () async throws(Failure) in
            try await orders.reservation(id)
        }
        guard let found, limit.covers(found.channel) else {
            throw Status(
                .notFound(kind: .reservation, id: id.description),
                fields: RequestFields(id: "reservation_id"),
            )
        }
    }

    private func answer(
        _ outcome: OrderOutcome,
        _ fields: RequestFields,
    ) throws(Status) -> Holdfast_V1_Order {
        switch outcome {
        case .done(let result): Holdfast_V1_Order(result.order)
        case .refused(let refusal): throw Status(refusal, fields: fields)
        }
    }
}

extension Validator {
    /// ISO 4217: three capital letters.
    fileprivate mutating func currency(_ text: String, _ field: String) {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        if text.utf8.count != 3 || !text.utf8.allSatisfy(capitals.contains) {
            fail(field, "must be three capital letters")
        }
    }

    /// The lines of an order, and that their total can be written down.
    fileprivate mutating func check(_ lines: [Holdfast_V1_PlaceOrderLine]) {
        var total: Int64 = 0
        for (index, line) in lines.enumerated() {
            sku(line.sku, "lines[\(index)].sku")
            name(line.node, "lines[\(index)].node")
            quantity(line.quantity, "lines[\(index)].quantity")
            quantity(
                line.unitPriceMinor,
                "lines[\(index)].unit_price_minor",
                in: 0...Limits.unitPriceMinorMax,
            )
            let (price, tooDear) = line.quantity.multipliedReportingOverflow(
                by: line.unitPriceMinor
            )
            let (sum, tooMuch) = total.addingReportingOverflow(price)
            if tooDear || tooMuch {
                fail("lines[\(index)].unit_price_minor", "makes the total too large")
                return
            }
            total = sum
        }
    }
}
