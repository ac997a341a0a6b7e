// Stock over RPC: message to use case to message. Checks what was sent; decides nothing else.

internal import Base
package import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.InventoryService`, on one event loop.
package struct InventoryService<Ledger: StockLedgerPort, Gate: GatePort> {
    package static var name: String { "holdfast.v1.InventoryService" }

    let stock: StockKeeping<Ledger, Gate>

    package init(stock: StockKeeping<Ledger, Gate>) {
        self.stock = stock
    }

    /// Adds every method to the registry of `loop`; called on that loop.
    ///
    /// - Parameter feed: tells those who watch on this loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        feed: AvailabilityFeed<Ledger>,
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
        add("Receive") { me, request, call async throws(Status) in
            try await me.receive(request, call.origin)
        }
        add("Adjust") { me, request, call async throws(Status) in
            try await me.adjust(request, call.origin)
        }
        add("MoveState") { me, request, call async throws(Status) in
            try await me.moveState(request, call.origin)
        }
        add("Transfer") { me, request, call async throws(Status) in
            try await me.transfer(request, call.origin)
        }
        add("ReceiveTransfer") { me, request, call async throws(Status) in
            try await me.receiveTransfer(request, call.origin)
        }
        add("SetSafetyStock") { me, request, call async throws(Status) in
            try await me.setSafetyStock(request, call.origin)
        }
        add("SetIncoming") { me, request, call async throws(Status) in
            try await me.setIncoming(request, call.origin)
        }
        add("GetAvailability") { me, request, call async throws(Status) in
            try await me.getAvailability(request, call.limit)
        }
        let feed = NIOLoopBound(feed, eventLoop: loop.eventLoop)
        registry.serverStream(
            service: Self.name,
            method: "WatchAvailability",
            priority: .low,
        ) { requests, replies, call async throws(Status) in
            guard let message = try await requests.next() else { return }
            let request = try decode(Holdfast_V1_WatchAvailabilityRequest.self, message.bytes)
            let limit = CallContext(call, newRequestID: newRequestID).limit
            try await bound.value.watchAvailability(request, limit, feed.value, replies, call)
        }
        add("ListPositions") { me, request, _ async throws(Status) in
            try await me.listPositions(request)
        }
        add("ListLedger") { me, request, _ async throws(Status) in
            try await me.listLedger(request)
        }
    }

    // MARK: Commands on several lines

    package func receive(
        _ request: Holdfast_V1_ReceiveRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_StockAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.note(request.reference, "reference")
        if validator.lineCount(request.lines.count, "lines") {
            for (index, line) in request.lines.enumerated() {
                validator.sku(line.sku, "lines[\(index)].sku")
                validator.name(line.node, "lines[\(index)].node")
                validator.quantity(line.quantity, "lines[\(index)].quantity")
                validator.optionalKey(
                    line.incomingReference,
                    "lines[\(index)].incoming_reference",
                )
            }
        }
        try validator.check()

        var body = DigestBuilder(method: "Receive")
        body.add(request.reference)
        let movements = request.lines.enumerated()
            .map { index, line in
                body.add(line.sku)
                body.add(line.node)
                body.add(line.quantity)
                body.add(line.incomingReference)
                var change = StockBuckets()
                change.onHand = line.quantity
                return Movement(
                    line: index,
                    key: PositionKey(sku: line.sku, node: line.node),
                    kind: .received,
                    change: change,
                    mayCreate: true,
                    incomingReference: line.incomingReference,
                )
            }
        let command = StockCommand(
            header: CommandHeader(stock: request.idempotencyKey, body, origin),
            movements: movements,
            reference: request.reference,
        )
        return try await apply(command, fields: .lines)
    }

    package func adjust(
        _ request: Holdfast_V1_AdjustRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_StockAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.note(request.reference, "reference")
        let reason = AdjustReason(request.reason)
        if reason == nil { validator.fail("reason", "must be said") }
        if reason == .other, request.reference.isEmpty {
            validator.fail("reference", "must say what the reason OTHER is")
        }
        if validator.lineCount(request.lines.count, "lines") {
            // What a customer sends back is never negative: that would be a correction.
            let least = reason == .return ? 1 : -Limits.quantityMax
            for (index, line) in request.lines.enumerated() {
                validator.sku(line.sku, "lines[\(index)].sku")
                validator.name(line.node, "lines[\(index)].node")
                let range = least...Limits.quantityMax
                validator.quantity(line.delta, "lines[\(index)].delta", in: range)
                if line.delta == 0 { validator.fail("lines[\(index)].delta", "must not be 0") }
            }
        }
        try validator.check()

        var body = DigestBuilder(method: "Adjust")
        body.add(request.reference)
        body.add(Int64(request.reason.rawValue))
        let movements = request.lines.enumerated()
            .map { index, line in
                body.add(line.sku)
                body.add(line.node)
                body.add(line.delta)
                var change = StockBuckets()
                change.onHand = line.delta
                return Movement(
                    line: index,
                    key: PositionKey(sku: line.sku, node: line.node),
                    kind: reason == .return ? .returned : .adjusted,
                    change: change,
                )
            }
        let command = StockCommand(
            header: CommandHeader(stock: request.idempotencyKey, body, origin),
            movements: movements,
            reason: reason?.rawValue ?? "",
            reference: request.reference,
        )
        return try await apply(command, fields: RequestFields(quantity: "delta"))
    }

    // MARK: Commands on one position

    package func moveState(
        _ request: Holdfast_V1_MoveStateRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_StockAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.sku(request.sku, "sku")
        validator.name(request.node, "node")
        validator.quantity(request.quantity, "quantity")
        validator.note(request.reference, "reference")
        for (state, field) in [(request.from, "from"), (request.to, "to")] {
            switch state {
            case .unspecified, .UNRECOGNIZED: validator.fail(field, "must be said")
            case .sellable, .damaged, .qualityControl: break
            }
        }
        if request.from == request.to { validator.fail("to", "must be another state") }
        try validator.check()

        var body = DigestBuilder(method: "MoveState")
        body.add(request.sku)
        body.add(request.node)
        body.add(request.quantity)
        body.add(Int64(request.from.rawValue))
        body.add(Int64(request.to.rawValue))
        body.add(request.reference)
        var change = StockBuckets()
        change.add(-request.quantity, in: request.from)
        change.add(request.quantity, in: request.to)
        let movement = Movement(
            line: 0,
            key: PositionKey(sku: request.sku, node: request.node),
            kind: .stateMoved,
            change: change,
        )
        let command = StockCommand(
            header: CommandHeader(stock: request.idempotencyKey, body, origin),
            movements: [movement],
            reason: "STATE",
            reference: request.reference,
        )
        return try await apply(command, fields: .single)
    }

    package func setSafetyStock(
        _ request: Holdfast_V1_SetSafetyStockRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_StockAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.sku(request.sku, "sku")
        validator.name(request.node, "node")
        validator.optionalName(request.channel, "channel")
        validator.quantity(request.quantity, "quantity", in: 0...Limits.quantityMax)
        try validator.check()

        var body = DigestBuilder(method: "SetSafetyStock")
        body.add(request.sku)
        body.add(request.node)
        body.add(request.channel)
        body.add(request.quantity)
        let header = CommandHeader(stock: request.idempotencyKey, body, origin)
        let outcome = try await answering { () async throws(Failure) in
            try await stock.setSafetyStock(
                header,
                at: PositionKey(sku: request.sku, node: request.node),
                quantity: request.quantity,
                channel: request.channel,
            )
        }
        return try Holdfast_V1_StockAnswer(outcome, fields: .single)
    }

    package func setIncoming(
        _ request: Holdfast_V1_SetIncomingRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_StockAnswer {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.sku(request.sku, "sku")
        validator.name(request.node, "node")
        validator.key(request.reference, "reference")
        validator.quantity(request.quantity, "quantity", in: 0...Limits.quantityMax)
        var expectedAt = Instant(microseconds: 0)
        if request.hasExpectedAt {
            expectedAt = validator.instant(request.expectedAt, "expected_at") ?? expectedAt
        } else if request.quantity > 0 {
            validator.fail("expected_at", "must be said")
        }
        try validator.check()

        var body = DigestBuilder(method: "SetIncoming")
        body.add(request.sku)
        body.add(request.node)
        body.add(request.reference)
        body.add(request.quantity)
        body.add(expectedAt.microseconds)
        let header = CommandHeader(stock: request.idempotencyKey, body, origin)
        let moment = expectedAt
        let outcome = try await answering { () async throws(Failure) in
            try await stock.setIncoming(
                header,
                at: PositionKey(sku: request.sku, node: request.node),
                reference: request.reference,
                quantity: request.quantity,
                expectedAt: moment,
            )
        }
        return try Holdfast_V1_StockAnswer(outcome, fields: .single)
    }

    private func apply(
        _ command: StockCommand,
        fields: RequestFields,
    ) async throws(Status) -> Holdfast_V1_StockAnswer {
        let outcome = try await answering { () async throws(Failure) in
            try await stock.apply(command)
        }
        return try Holdfast_V1_StockAnswer(outcome, fields: fields)
    }
}

extension StockBuckets {
    /// Units that come into a state on hand, or leave it; sellable ones are in no bucket of their
    /// own.
    fileprivate mutating func add(_ units: Int64, in state: Holdfast_V1_StockState) {
        switch state {
        case .damaged: damaged += units
        case .qualityControl: qualityControl += units
        case .sellable, .unspecified, .UNRECOGNIZED: break
        }
    }
}

extension Holdfast_V1_StockAnswer {
    /// The positions of an outcome, or the status of its refusal.
    fileprivate init(_ outcome: StockOutcome, fields: RequestFields) throws(Status) {
        self.init()
        switch outcome {
        case .done(let result):
            positions = result.positions.map { Holdfast_V1_Position($0) }
        case .refused(let refusal):
            throw Status(refusal, fields: fields)
        }
    }
}
