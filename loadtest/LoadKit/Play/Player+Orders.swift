// The steps of orders: hold and place, or place in one call; ship. Every key is made of the run and
// the part, so that a repeated run gets its first answers again.

internal import Messages
internal import SwiftProtobuf

extension Player {
    private static let holdSeconds: Int64 = 600

    /// Places an order part; refused as a whole or not at all.
    func place(_ part: OrderPart, lane: String, worker: Int) async throws(ReplayFailure) {
        var reservation = ""
        if Self.isHeldFirst(part.name) {
            switch try await hold(part, worker: worker) {
            case .refused(let reason, _):
                refuse(part, reason, lane: lane)
                return
            case .done(let answer):
                tally.reserved(answer)
                reservation = answer.id
            }
        }
        let request = orderRequest(part, reservation: reservation)
        let outcome: CallOutcome<Holdfast_V1_Order> =
            try await ask("OrderService/PlaceOrder", request, worker: worker)
        switch outcome {
        case .refused(let reason, _):
            if !reservation.isEmpty { try await release(reservation, part, worker: worker) }
            refuse(part, reason, lane: lane)
        case .done(let order):
            tally.reservationEnded(reservation)
            tally.heard(order)
            check(order, against: request)
            orders += 1
            orderIDs[part.name] = order.id
            books[lane, default: OrderBook()].add(part, nodes: settings.nodes, isRefused: false)
            classify(part.sales, .ordered)
        }
    }

    /// Ships what is left of a part, if anything is.
    func ship(_ part: String, lane: String, worker: Int) async throws(ReplayFailure) {
        guard books[lane]?.isShippable(part) == true, let id = orderIDs[part] else { return }
        var request = Holdfast_V1_ShipOrderRequest()
        request.id = id
        request.idempotencyKey = key("ship", part)
        request.tracking = "replay \(part)"
        let outcome: CallOutcome<Holdfast_V1_Order> =
            try await ask("OrderService/ShipOrder", request, worker: worker)
        switch outcome {
        case .refused(let reason, let message):
            tally.odd("order \(part) was not shipped: \(reason), \(message)")
        case .done(let order):
            tally.heard(order)
            books[lane]?.shipped(part)
        }
    }

    /// Two of three invoices are held first; the others take their units in the call that places.
    static func isHeldFirst(_ name: String) -> Bool {
        let digits = name.prefix { $0 != "/" }.filter(\.isNumber)
        return (Int(digits) ?? 0) % 3 != 0
    }

    private func hold(
        _ part: OrderPart,
        worker: Int,
    ) async throws(ReplayFailure) -> CallOutcome<Holdfast_V1_Reservation> {
        var request = Holdfast_V1_ReserveRequest()
        request.idempotencyKey = key("hold", part.name)
        request.ttl.seconds = Self.holdSeconds
        request.owner = part.customer
        request.channel = settings.channel
        request.lines = part.sales.map { sale in
            var line = Holdfast_V1_Demand()
            line.sku = sale.sku
            line.node = settings.nodes.node(for: sale.country)
            line.quantity = sale.quantity
            return line
        }
        return try await ask("ReservationService/Reserve", request, worker: worker)
    }

    private func release(
        _ reservation: String,
        _ part: OrderPart,
        worker: Int,
    ) async throws(ReplayFailure) {
        var request = Holdfast_V1_ReleaseRequest()
        request.id = reservation
        request.reason = "the order was refused"
        request.idempotencyKey = key("release", part.name)
        let outcome: CallOutcome<Holdfast_V1_Reservation> =
            try await ask("ReservationService/Release", request, worker: worker)
        switch outcome {
        case .done: tally.reservationEnded(reservation)
        case .refused(let reason, let message):
            tally.odd("the hold of \(part.name) was not given back: \(reason), \(message)")
        }
    }

    private func orderRequest(
        _ part: OrderPart,
        reservation: String,
    ) -> Holdfast_V1_PlaceOrderRequest {
        var request = Holdfast_V1_PlaceOrderRequest()
        request.idempotencyKey = key("order", part.name)
        request.channel = settings.channel
        request.externalID = part.name
        request.customer = part.customer
        request.currency = "GBP"
        request.reservationID = reservation
        request.placedAt.seconds = part.time
        request.lines = part.sales.map { sale in
            var line = Holdfast_V1_PlaceOrderLine()
            line.sku = sale.sku
            line.node = settings.nodes.node(for: sale.country)
            line.quantity = sale.quantity
            line.unitPriceMinor = sale.pence
            return line
        }
        return request
    }

    private func refuse(_ part: OrderPart, _ reason: String, lane: String) {
        refused.insert(part.name)
        books[lane, default: OrderBook()].add(part, nodes: settings.nodes, isRefused: true)
        classify(part.sales, .refused(reason))
    }

    /// An answer that succeeded must say what was asked for.
    private func check(
        _ order: Holdfast_V1_Order,
        against request: Holdfast_V1_PlaceOrderRequest,
    ) {
        let total = request.lines.reduce(0) { $0 + $1.quantity * $1.unitPriceMinor }
        if order.totalMinor != total {
            tally.odd("order \(order.externalID) costs \(order.totalMinor) instead of \(total)")
        }
        let isSame = order.lines.elementsEqual(request.lines) { line, asked in
            line.sku == asked.sku && line.node == asked.node && line.ordered == asked.quantity
                && line.unitPriceMinor == asked.unitPriceMinor
        }
        if !isSame {
            tally.odd("order \(order.externalID) has other lines than were asked for")
        }
    }
}
