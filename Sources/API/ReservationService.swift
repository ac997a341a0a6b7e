// Reservations over RPC: message to use case to message. Checks what was sent; decides nothing else.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.ReservationService`, on one event loop.
package final class ReservationService {
    package static let name = "holdfast.v1.ReservationService"

    let reserving: Reserving
    private let refusals = RefusalBook()

    package init(reserving: Reserving) {
        self.reserving = reserving
    }

    /// Adds every method to the registry of `loop`; called on that loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        newRequestID: @escaping RequestIDs,
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        registry.unary(
            service: Self.name,
            method: "Reserve",
            priority: MethodPriority.of("/\(Self.name)/Reserve"),
        ) {
            bytes,
            call async throws(Status) -> [UInt8] in
            let request = try bound.value.request(bytes, call, newRequestID)
            let outcome = try await withinDeadline(of: call) { () async throws(Status) in
                try await bound.value.outcome(of: request) { call.isCancelled }
            }
            return try bound.value.encoded(outcome)
        }
        registry.bidirectional(service: Self.name, method: "ReserveStream") {
            requests,
            replies,
            call async throws(Status) in
            let context = CallContext(call, newRequestID: newRequestID)
            let stream = CartStream(
                replies: replies,
                call: call,
                context: context
            ) { cart, context, isOver async throws(Status) in
                try await bound.value.reserve(cart, context, isOver: isOver)
            }
            try await stream.serve(requests)
        }
        func add<Request: SwiftProtobuf.Message>(
            _ method: String,
            _ body:
                @escaping @Sendable (ReservationService, Request, CallContext) async throws(Status)
                -> Holdfast_V1_Reservation,
        ) {
            registry.add(
                bound,
                service: Self.name,
                method: method,
                newRequestID: newRequestID,
                body,
            )
        }
        add("GetReservation") { me, request, call async throws(Status) in
            try await me.getReservation(request, call.limit)
        }
        add("Extend") { me, request, call async throws(Status) in
            try await me.extend(request, call)
        }
        add("Confirm") { me, request, call async throws(Status) in
            try await me.confirm(request, call)
        }
        add("Release") { me, request, call async throws(Status) in
            try await me.release(request, call)
        }
        add("Change") { me, request, call async throws(Status) in
            try await me.change(request, call)
        }
        add("Transfer") { me, request, call async throws(Status) in
            try await me.transfer(request, call)
        }
    }

    // MARK: Reserve and read

    package func reserve(
        _ request: Holdfast_V1_ReserveRequest,
        _ call: CallContext,
        isOver: () -> Bool,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        try answer(try await outcome(of: try checked(request, call), isOver: isOver))
    }

    /// The request that a message is.
    ///
    /// Apart from what waits: an async function keeps all of its values where others can find them, and
    /// these are large.
    private func request(
        _ bytes: [UInt8],
        _ call: ServerCall,
        _ newRequestID: RequestIDs,
    ) throws(Status) -> ReserveRequest {
        try checked(
            try decode(Holdfast_V1_ReserveRequest.self, bytes),
            CallContext(call, newRequestID: newRequestID),
        )
    }

    private func encoded(_ outcome: ReserveOutcome) throws(Status) -> [UInt8] {
        try encode(try answer(outcome))
    }

    private func outcome(
        of request: ReserveRequest,
        isOver: () -> Bool,
    ) async throws(Status) -> ReserveOutcome {
        do throws(Failure) {
            return try await reserving.reserve(request, isOver: isOver)
        } catch {
            throw Status(error)
        }
    }

    /// What is asked for, its fields checked.
    private func checked(
        _ request: Holdfast_V1_ReserveRequest,
        _ call: CallContext,
    ) throws(Status) -> ReserveRequest {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.optionalKey(request.owner, "owner")
        validator.optionalName(request.channel, "channel")
        let ttlMs =
            request.hasTtl
            ? validator.milliseconds(request.ttl, "ttl", in: Self.holdMs) ?? 0
            : Limits.holdDefaultMs
        validator.demand(request.lines)
        try validator.check()
        let channel = try call.limit.channel(named: request.channel, "channel")

        var body = DigestBuilder(method: "Reserve")
        body.add(ttlMs)
        body.add(request.owner)
        body.add(channel)
        let lines = body.demand(request.lines)
        return ReserveRequest(
            key: DigestBuilder.key(.reserve, request.idempotencyKey),
            body: .parts(body),
            lines: lines,
            ttlMs: ttlMs,
            owner: request.owner,
            channel: channel,
            origin: call.origin,
        )
    }

    package func getReservation(
        _ request: Holdfast_V1_GetReservationRequest,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        var id: ID?
        var field = "id"
        switch request.by {
        case .id(let text): id = validator.id(text, "id")
        case .idempotencyKey(let key):
            field = "idempotency_key"
            validator.key(key, field)
            id = DigestBuilder.key(.reserve, key)
        case nil: validator.fail("by", "must name a reservation, by id or by key")
        }
        try validator.check()
        guard let id else { throw Status(.internal, "a checked request without an id") }
        let found = try await answering { () async throws(Failure) in
            try await reserving.reservation(id)
        }
        guard let found, limit.covers(found.channel) else {
            throw Status(
                .notFound(kind: .reservation, id: id.description),
                fields: RequestFields(id: field),
            )
        }
        return Holdfast_V1_Reservation(found)
    }

    // MARK: Commands

    package func extend(
        _ request: Holdfast_V1_ExtendRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        validator.optionalKey(request.idempotencyKey, "idempotency_key")
        if !request.hasTtl { validator.fail("ttl", "must be said") }
        let ttlMs = validator.milliseconds(
            request.hasTtl ? request.ttl : Google_Protobuf_Duration(rounding: 1),
            "ttl",
            in: Self.holdMs,
        )
        try validator.check()
        var body = DigestBuilder(method: "Extend")
        body.add(request.id)
        body.add(ttlMs ?? 0)
        var command = ReservationCommand(
            .extend,
            id,
            request.idempotencyKey,
            body,
            call.origin
        )
        command.ttlMs = Int32(ttlMs ?? 0)
        return try await carryOut(command, call.limit)
    }

    package func confirm(
        _ request: Holdfast_V1_ConfirmRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        validator.optionalKey(request.idempotencyKey, "idempotency_key")
        validator.demand(request.lines, minimum: 0)
        try validator.check()
        var body = DigestBuilder(method: "Confirm")
        body.add(request.id)
        body.add(request.reacquireIfExpired ? 1 : 0)
        let lines = body.demand(request.lines)
        var command = ReservationCommand(
            .confirm,
            id,
            request.idempotencyKey,
            body,
            call.origin
        )
        command.lines = Demand.summed(lines)
        command.reacquires = request.reacquireIfExpired
        return try await carryOut(command, call.limit)
    }

    package func release(
        _ request: Holdfast_V1_ReleaseRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        validator.optionalKey(request.idempotencyKey, "idempotency_key")
        validator.note(request.reason, "reason")
        try validator.check()
        var body = DigestBuilder(method: "Release")
        body.add(request.id)
        body.add(request.reason)
        var command = ReservationCommand(
            .release,
            id,
            request.idempotencyKey,
            body,
            call.origin
        )
        command.reason = request.reason
        return try await carryOut(command, call.limit)
    }

    package func change(
        _ request: Holdfast_V1_ChangeRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        validator.optionalKey(request.idempotencyKey, "idempotency_key")
        validator.demand(request.lines, least: 0)
        var named: Set<PositionKey> = []
        for (index, line) in request.lines.enumerated()
        where !named.insert(PositionKey(sku: line.sku, node: line.node)).inserted {
            validator.fail("lines[\(index)].sku", "stands there twice")
        }
        try validator.check()
        var body = DigestBuilder(method: "Change")
        body.add(request.id)
        let lines = body.demand(request.lines)
        var command = ReservationCommand(
            .change,
            id,
            request.idempotencyKey,
            body,
            call.origin
        )
        command.lines = lines
        return try await carryOut(command, call.limit)
    }

    package func transfer(
        _ request: Holdfast_V1_TransferReservationRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.key(request.owner, "owner")
        try validator.check()
        var body = DigestBuilder(method: "Transfer")
        body.add(request.id)
        body.add(request.owner)
        var command = ReservationCommand(
            .transfer,
            id,
            request.idempotencyKey,
            body,
            call.origin
        )
        command.owner = request.owner
        command.newID = DigestBuilder.key(.reserve, request.idempotencyKey)
        return try await carryOut(command, call.limit)
    }

    // MARK: Private

    private static var holdMs: ClosedRange<Int64> { Limits.holdMinMs...Limits.holdMaxMs }

    private func carryOut(
        _ command: ReservationCommand,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        try await demand(command.id, within: limit)
        let outcome = try await answering { () async throws(Failure) in
            try await reserving.carryOut(command)
        }
        return try answer(outcome)
    }

    /// A caller that is limited to a channel finds no reservation of another.
    ///
    /// Looking first is enough: a reservation never changes its channel.
    private func demand(_ id: ID, within limit: ChannelLimit) async throws(Status) {
        if limit.channel.isEmpty { return }
        let found = try await answering { () async throws(Failure) in
            try await reserving.reservation(id)
        }
        guard let found, limit.covers(found.channel) else {
            throw Status(.notFound(kind: .reservation, id: id.description))
        }
    }

    private func answer(_ outcome: ReserveOutcome) throws(Status) -> Holdfast_V1_Reservation {
        switch outcome {
        case .held(let reservation): return Holdfast_V1_Reservation(reservation)
        case .refused(let refusal): throw refusals.status(refusal)
        }
    }
}

extension ReservationCommand {
    /// A command whose fields were checked.
    fileprivate init(
        _ kind: ReservationCommandKind,
        _ id: ID?,
        _ idempotencyKey: String,
        _ body: DigestBuilder,
        _ origin: Origin,
    ) {
        guard let id else { invariantBroken("a checked request without an id") }
        self.init(
            kind: kind,
            id: id,
            requestKey: idempotencyKey.isEmpty
                ? nil : DigestBuilder.key(.reservationCommand, idempotencyKey),
            fingerprint: body.digest(),
            origin: origin,
        )
    }
}

extension Validator {
    /// The lines of a request for units.
    fileprivate mutating func demand(
        _ lines: [Holdfast_V1_Demand],
        minimum: Int = 1,
        least: Int64 = 1,
    ) {
        guard lineCount(lines.count, "lines", minimum: minimum) else { return }
        for (index, line) in lines.enumerated() {
            sku(line.sku, "lines[\(index)].sku")
            name(line.node, "lines[\(index)].node")
            quantity(line.quantity, "lines[\(index)].quantity", in: least...Limits.quantityMax)
        }
    }
}

extension DigestBuilder {
    /// Adds the lines of a request, and returns them as the domain knows them.
    fileprivate mutating func demand(_ lines: [Holdfast_V1_Demand]) -> [Demand] {
        add(Int64(lines.count))
        return lines.map { line in
            add(line.sku)
            add(line.node)
            add(line.quantity)
            return Demand(
                key: PositionKey(sku: line.sku, node: line.node),
                quantity: line.quantity,
            )
        }
    }
}
