// The steps of stock: the opening stock, stock adjustments, and what a credit note does: cancel what
// is still there, take back what has left.

internal import Messages
internal import SwiftProtobuf

extension Player {
    /// Receives one delivery of the opening stock.
    func receive(_ lines: [OpeningLine], number: Int) async throws(ReplayFailure) {
        var request = Holdfast_V1_ReceiveRequest()
        request.idempotencyKey = key("open", String(number))
        request.reference = "opening stock \(number) of replay \(settings.run)"
        request.lines = lines.map { opening in
            var line = Holdfast_V1_StockLine()
            line.sku = opening.position.sku
            line.node = opening.position.node
            line.quantity = opening.quantity
            return line
        }
        let outcome: CallOutcome<Holdfast_V1_StockAnswer> =
            try await ask("InventoryService/Receive", request, worker: number)
        switch outcome {
        case .done:
            for line in lines { tally.onHandChanged(line.position, by: line.quantity) }
        case .refused(let reason, let message):
            throw ReplayFailure(
                description: "the opening stock was refused: \(reason), \(message)"
            )
        }
    }

    /// Takes units away that were not sold.
    func adjust(_ sale: Sale, worker: Int) async throws(ReplayFailure) {
        let name = "\(sale.invoice) line \(sale.line)"
        let position = settings.nodes.position(of: sale)
        let refusal = try await adjust(
            [StockChange(position, sale.quantity)],
            AdjustmentReason(sale.description).wire,
            reference(sale),
            key("adjust", "\(sale.invoice)/\(sale.line)"),
            worker: worker,
        )
        switch refusal {
        case nil:
            classify([sale], .adjusted)
        case .some(let reason):
            refused.insert(name)
            // Less on hand than is promised is what scarce stock does; the rest has its own name.
            let isStock = ["NOT_ENOUGH", "SOLD_OUT", "FAILED_PRECONDITION"].contains(reason)
            classify([sale], .refused(isStock ? "ADJUST_REFUSED" : reason))
        }
    }

    /// Plays a credit note: every row is matched with what the customer ordered.
    func credit(_ invoice: Invoice, lane: String, worker: Int) async throws(ReplayFailure) {
        let customer = invoice.sales.first?.customer ?? ""
        let rows = invoice.sales.map { sale in
            let slices =
                customer.isEmpty
                ? [CreditSlice(.unmatched, units: -sale.quantity)]
                : books[lane, default: OrderBook()].credit(sku: sale.sku, units: -sale.quantity)
            return CreditedRow(sale: sale, slices: slices)
        }
        let plan = CreditPlan(rows, nodes: settings.nodes)
        for cancel in plan.cancels {
            try await self.cancel(cancel, invoice.number, worker: worker)
        }
        for (index, returns) in plan.returns.enumerated() {
            let refusal = try await adjust(
                returns,
                .return,
                invoice.number,
                key("return", "\(invoice.number)/\(index + 1)"),
                worker: worker,
            )
            if let refusal {
                tally.odd("the returns of \(invoice.number) were refused: \(refusal)")
            }
        }
        for row in rows { classify([row.sale], .credit(row.slices)) }
    }

    /// The invoice and its text, which may be empty or padded.
    private func reference(_ sale: Sale) -> String {
        let words = sale.description.prefix(50).split(separator: " ")
        return ([sale.invoice[...]] + words).joined(separator: " ")
    }

    private func cancel(
        _ cancel: CreditPlan.Cancel,
        _ note: String,
        worker: Int,
    ) async throws(ReplayFailure) {
        guard let id = orderIDs[cancel.part] else {
            tally.odd("credit note \(note) cancels \(cancel.part), which was never placed")
            return
        }
        var request = Holdfast_V1_CancelOrderRequest()
        request.id = id
        request.idempotencyKey = key("cancel", "\(note)/\(cancel.part)")
        request.reason = "credit note \(note)"
        request.lines = cancel.lines.map { cancelled in
            var line = Holdfast_V1_OrderLineQuantity()
            line.number = Int32(cancelled.index + 1)
            line.quantity = cancelled.units
            return line
        }
        let outcome: CallOutcome<Holdfast_V1_Order> =
            try await ask("OrderService/CancelOrder", request, worker: worker)
        switch outcome {
        case .done(let order): tally.heard(order)
        case .refused(let reason, let message):
            tally.odd("credit note \(note) could not cancel \(cancel.part): \(reason), \(message)")
        }
    }

    /// Corrects units on hand; nil when it was done, else the name of the refusal.
    private func adjust(
        _ lines: [StockChange],
        _ reason: Holdfast_V1_AdjustReason,
        _ reference: String,
        _ idempotencyKey: String,
        worker: Int,
    ) async throws(ReplayFailure) -> String? {
        var request = Holdfast_V1_AdjustRequest()
        request.idempotencyKey = idempotencyKey
        request.reason = reason
        request.reference = reference
        request.lines = lines.map { change in
            var line = Holdfast_V1_AdjustLine()
            line.sku = change.position.sku
            line.node = change.position.node
            line.delta = change.units
            return line
        }
        let outcome: CallOutcome<Holdfast_V1_StockAnswer> =
            try await ask("InventoryService/Adjust", request, worker: worker)
        switch outcome {
        case .done:
            for line in lines { tally.onHandChanged(line.position, by: line.units) }
            return nil
        case .refused(let reason, _):
            return reason
        }
    }

    // MARK: Shared by all steps

    /// The idempotency key of a call.
    func key(_ what: String, _ name: String) -> String { "\(settings.run)/\(what)/\(name)" }

    /// Makes a call on one of the connections and notes what had to be repeated.
    func ask<Answer: Message>(
        _ method: String,
        _ request: some Message,
        worker: Int,
    ) async throws(ReplayFailure) -> CallOutcome<Answer> {
        callCount += 1
        let start = ContinuousClock.now
        let outcome: CallOutcome<Answer> =
            try await calls.ask(method, request, lane: worker) { reason in
                retries[reason, default: 0] += 1
            }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        slowest[method] = max(slowest[method] ?? 0, seconds)
        switch outcome {
        case .refused(let reason, let message):
            if refusals[reason] == nil { refusals[reason] = message }
            refusedCalls[reason, default: 0] += 1
        case .done:
            let isOpening = method == "InventoryService/Receive"
            if !isOpening { latencies.record(microseconds: UInt64(seconds * 1_000_000)) }
        }
        return outcome
    }
}

extension AdjustmentReason {
    fileprivate var wire: Holdfast_V1_AdjustReason {
        switch self {
        case .count: .count
        case .damage: .damage
        case .loss: .loss
        case .correction: .correction
        case .other: .other
        }
    }
}
