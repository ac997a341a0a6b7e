// Fulfilment over RPC: message to use case to message. Checks what was sent; decides nothing else.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.FulfilmentService`, on one event loop.
package struct FulfilmentService<Ledger: FulfilmentPort, Gate: GatePort> {
    package static var name: String { "holdfast.v1.FulfilmentService" }

    let fulfilling: Fulfilling<Ledger, Gate>

    package init(fulfilling: Fulfilling<Ledger, Gate>) {
        self.fulfilling = fulfilling
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
        add("ListWork") { me, request, _ async throws(Status) in try await me.listWork(request) }
        add("ListShipments") { me, request, _ async throws(Status) in
            try await me.listShipments(request)
        }
        add("GetShipment") { me, request, _ async throws(Status) in
            try await me.getShipment(request)
        }
        add("AcceptShipment") { me, request, call async throws(Status) in
            try await me.acceptShipment(request, call)
        }
        add("RejectShipment") { me, request, call async throws(Status) in
            try await me.rejectShipment(request, call)
        }
        add("PickShipment") { me, request, call async throws(Status) in
            try await me.pickShipment(request, call)
        }
        add("PackShipment") { me, request, call async throws(Status) in
            try await me.packShipment(request, call)
        }
        add("ShipShipment") { me, request, call async throws(Status) in
            try await me.shipShipment(request, call)
        }
        add("DeliverShipment") { me, request, call async throws(Status) in
            try await me.deliverShipment(request, call)
        }
        add("RerouteOrder") { me, request, call async throws(Status) in
            try await me.rerouteOrder(request, call)
        }
        add("ListExceptions") { me, request, _ async throws(Status) in
            try await me.listExceptions(request)
        }
        add("GetException") { me, request, _ async throws(Status) in
            try await me.getException(request)
        }
        add("ResolveException") { me, request, call async throws(Status) in
            try await me.resolveException(request, call)
        }
        add("RetryException") { me, request, call async throws(Status) in
            try await me.retryException(request, call)
        }
    }

    // MARK: A node's work

    package func acceptShipment(
        _ request: Holdfast_V1_AcceptShipmentRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        let step = Step(step: .accept, id: request.id, key: request.idempotencyKey)
        return try await carryOut(step.with(note: request.note), Validator(), call)
    }

    package func rejectShipment(
        _ request: Holdfast_V1_RejectShipmentRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        var validator = Validator()
        validator.name(request.reason, "reason")
        validator.lines(request.lines, atLeast: 1)
        var step = Step(step: .reject, id: request.id, key: request.idempotencyKey)
        step.lines = request.lines
        step.code = request.reason
        return try await carryOut(step.with(note: request.note), validator, call)
    }

    package func pickShipment(
        _ request: Holdfast_V1_PickShipmentRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        var validator = Validator()
        validator.lines(request.lines, atLeast: 0)
        var step = Step(step: .pick, id: request.id, key: request.idempotencyKey)
        step.lines = request.lines
        return try await carryOut(step.with(note: request.note), validator, call)
    }

    package func packShipment(
        _ request: Holdfast_V1_PackShipmentRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        let step = Step(step: .pack, id: request.id, key: request.idempotencyKey)
        return try await carryOut(step.with(note: request.note), Validator(), call)
    }

    package func shipShipment(
        _ request: Holdfast_V1_ShipShipmentRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        var validator = Validator()
        validator.optionalName(request.carrier, "carrier")
        validator.note(request.tracking, "tracking")
        var step = Step(step: .ship, id: request.id, key: request.idempotencyKey)
        step.carrier = request.carrier
        step.tracking = request.tracking
        return try await carryOut(step.with(note: request.note), validator, call)
    }

    package func deliverShipment(
        _ request: Holdfast_V1_DeliverShipmentRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        let step = Step(step: .deliver, id: request.id, key: request.idempotencyKey)
        return try await carryOut(step.with(note: request.note), Validator(), call)
    }

    private func carryOut(
        _ step: Step,
        _ validator: Validator,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Shipment {
        var validator = validator
        let id = validator.id(step.id, "id")
        validator.key(step.key, "idempotency_key")
        validator.note(step.note, "note")
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        let command = step.command(id, call.origin)
        let outcome = try await answering { () async throws(Failure) in
            try await fulfilling.carryOut(command)
        }
        switch outcome {
        case .done(let shipment, _): return Holdfast_V1_Shipment(shipment)
        case .refused(let refusal): throw Status(refusal, fields: .lines)
        }
    }

    // MARK: What people do

    package func rerouteOrder(
        _ request: Holdfast_V1_RerouteOrderRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Order {
        var validator = Validator()
        let id = validator.id(request.orderID, "order_id")
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.note(request.note, "note")
        var shipments: [ID] = []
        if validator.lineCount(request.shipmentIds.count, "shipment_ids", minimum: 0) {
            for (index, text) in request.shipmentIds.enumerated() {
                if let shipment = validator.id(text, "shipment_ids[\(index)]") {
                    shipments.append(shipment)
                }
            }
        }
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        var body = DigestBuilder(method: "RerouteOrder")
        body.add(id)
        body.add(request.note)
        for shipment in shipments { body.add(shipment) }
        let command = WithdrawCommand(
            header: CommandHeader(
                key: DigestBuilder.key(.fulfilment, request.idempotencyKey),
                fingerprint: body.digest(),
                origin: call.origin,
            ),
            order: id,
            shipments: shipments,
            cause: .asked,
            note: request.note,
        )
        let outcome = try await answering { () async throws(Failure) in
            try await fulfilling.withdraw(command)
        }
        switch outcome {
        case .done(let result): return Holdfast_V1_Order(result.order)
        case .refused(let refusal): throw Status(refusal, fields: RequestFields(id: "order_id"))
        }
    }

    package func resolveException(
        _ request: Holdfast_V1_ResolveExceptionRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_OrderException {
        var validator = Validator()
        if request.note.isEmpty { validator.fail("note", "must say what was done") }
        let attempt = (key: request.idempotencyKey, id: request.id, note: request.note)
        return try await carryOut(.resolve, attempt, validator, call)
    }

    package func retryException(
        _ request: Holdfast_V1_RetryExceptionRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_OrderException {
        let attempt = (key: request.idempotencyKey, id: request.id, note: request.note)
        return try await carryOut(.retry, attempt, Validator(), call)
    }

    private func carryOut(
        _ kind: ExceptionCommand.Kind,
        _ attempt: (key: String, id: String, note: String),
        _ validator: Validator,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_OrderException {
        var validator = validator
        let id = validator.id(attempt.id, "id")
        validator.key(attempt.key, "idempotency_key")
        validator.note(attempt.note, "note")
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        var body = DigestBuilder(
            method: kind == .resolve ? "ResolveException" : "RetryException"
        )
        body.add(id)
        body.add(attempt.note)
        let command = ExceptionCommand(
            header: CommandHeader(
                key: DigestBuilder.key(.exception, attempt.key),
                fingerprint: body.digest(),
                origin: call.origin,
            ),
            id: id,
            kind: kind,
            note: attempt.note,
        )
        let outcome = try await answering { () async throws(Failure) in
            try await fulfilling.carryOut(command)
        }
        switch outcome {
        case .done(let exception): return Holdfast_V1_OrderException(exception)
        case .refused(let refusal): throw Status(refusal)
        }
    }
}

/// A step of a node's work, as it was sent.
private struct Step {
    var step: ShipmentStep
    var id: String
    var key: String
    var note = ""
    var lines: [Holdfast_V1_OrderLineQuantity] = []
    var code = ""
    var carrier = ""
    var tracking = ""

    init(step: ShipmentStep, id: String, key: String) {
        self.step = step
        self.id = id
        self.key = key
    }

    func with(note: String) -> Step {
        var step = self
        step.note = note
        return step
    }

    func command(_ shipment: ID, _ origin: Origin) -> ShipmentCommand {
        var body = DigestBuilder(method: "ShipmentStep")
        body.add(Int64(step.rawValue))
        body.add(shipment)
        for text in [note, code, carrier, tracking] { body.add(text) }
        for line in lines {
            body.add(Int64(line.number))
            body.add(line.quantity)
        }
        var command = ShipmentCommand(
            header: CommandHeader(
                key: DigestBuilder.key(.fulfilment, key),
                fingerprint: body.digest(),
                origin: origin,
            ),
            shipment: shipment,
            step: step,
        )
        command.lines = lines.map { OrderLineQuantity(number: $0.number, quantity: $0.quantity) }
        command.code = code
        command.note = note
        command.carrier = carrier
        command.tracking = tracking
        return command
    }
}

extension Validator {
    /// Units of lines, each line at most once; none is allowed.
    fileprivate mutating func lines(
        _ lines: [Holdfast_V1_OrderLineQuantity],
        atLeast minimum: Int64,
    ) {
        guard lineCount(lines.count, "lines", minimum: 0) else { return }
        var seen: Set<Int32> = []
        for (index, line) in lines.enumerated() {
            quantity(Int64(line.number), "lines[\(index)].number")
            quantity(
                line.quantity,
                "lines[\(index)].quantity",
                in: minimum...Limits.quantityMax,
            )
            if !seen.insert(line.number).inserted {
                fail("lines[\(index)].number", "stands there twice")
            }
        }
    }
}
