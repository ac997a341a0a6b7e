// The network over RPC: documents to use case to messages. What is wrong with documents is found by the
// use case; here is only checked what every request has.

internal import Base
package import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.NetworkService`, on one event loop.
package struct NetworkService<Ledger: NetworkLedgerPort, Gate: GatePort> {
    package static var name: String { "holdfast.v1.NetworkService" }

    let keeping: NetworkKeeping<Ledger, Gate>

    package init(keeping: NetworkKeeping<Ledger, Gate>) {
        self.keeping = keeping
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
        add("ImportNetwork") { me, request, call async throws(Status) in
            try await me.importNetwork(request, call.origin)
        }
        add("GetNetwork") { me, request, _ async throws(Status) in
            try await me.getNetwork(request)
        }
        add("ListNodes") { me, request, _ async throws(Status) in
            try await me.listNodes(request)
        }
        add("SetNodeStatus") { me, request, call async throws(Status) in
            try await me.setNodeStatus(request, call.origin)
        }
        add("SetSlotCapacity") { me, request, call async throws(Status) in
            try await me.setSlotCapacity(request, call.origin)
        }
        add("ListSlots") { me, request, _ async throws(Status) in
            try await me.listSlots(request)
        }
        add("ListNetworkChanges") { me, request, _ async throws(Status) in
            try await me.listNetworkChanges(request)
        }
    }

    // MARK: Changes

    package func importNetwork(
        _ request: Holdfast_V1_ImportNetworkRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_ImportNetworkResponse {
        var validator = Validator()
        if !request.checkOnly { validator.key(request.idempotencyKey, "idempotency_key") }
        validator.note(request.note, "note")
        if request.files.isEmpty { validator.fail("files", "must have at least one entry") }
        if request.files.count > 100 { validator.fail("files", "has more than 100 entries") }
        for (index, file) in request.files.enumerated() {
            validator.note(file.name, "files[\(index)].name")
        }
        try validator.check()

        var body = DigestBuilder(method: "ImportNetwork")
        body.add(request.prune ? 1 : 0)
        for file in request.files {
            body.add(file.name)
            body.add(file.text)
        }
        let header = CommandHeader(network: request.idempotencyKey, body, origin)
        let outcome = try await answering { () async throws(Failure) in
            try await keeping.put(
                request.files.map { DocumentFile(name: $0.name, text: $0.text) },
                header,
                prunes: request.prune,
                checksOnly: request.checkOnly,
                note: request.note,
            )
        }
        var answer = Holdfast_V1_ImportNetworkResponse()
        switch outcome {
        case .done(let result, let warnings):
            answer.version = result.version
            answer.changes = Int32(clamping: result.changes)
            answer.faults = warnings.map { Holdfast_V1_DocumentFault($0) }
        case .checked(let version, let changes, let warnings):
            answer.version = version
            answer.changes = Int32(clamping: changes)
            answer.faults = warnings.map { Holdfast_V1_DocumentFault($0) }
        case .invalid(let faults) where request.checkOnly:
            answer.faults = faults.prefix(faultsMax).map { Holdfast_V1_DocumentFault($0) }
        case .invalid(let faults): throw Status(faults: faults)
        case .refused(let refusal): throw Status(refusal)
        }
        return answer
    }

    package func setNodeStatus(
        _ request: Holdfast_V1_SetNodeStatusRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_NetworkChanged {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.name(request.node, "node")
        validator.note(request.note, "note")
        let status = NodeStatus(rawValue: Int16(clamping: request.status.rawValue))
        if status == nil { validator.fail("status", "must be OPEN, DRAINING or CLOSED") }
        try validator.check()
        guard let status else { invariantBroken("a status that was checked is there") }

        var body = DigestBuilder(method: "SetNodeStatus")
        body.add(request.node)
        body.add(Int64(status.rawValue))
        body.add(request.note)
        let header = CommandHeader(network: request.idempotencyKey, body, origin)
        return try Holdfast_V1_NetworkChanged(
            try await answering { () async throws(Failure) in
                try await keeping.setStatus(header, of: request.node, status, note: request.note)
            }
        )
    }

    package func setSlotCapacity(
        _ request: Holdfast_V1_SetSlotCapacityRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_NetworkChanged {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.name(request.node, "node")
        validator.note(request.note, "note")
        let day = Days.day(request.day)
        if day == nil { validator.fail("day", "must be a day, as in 2026-12-24") }
        if !(0...99).contains(request.window) { validator.fail("window", "must be 0 to 99") }
        if request.hasOrders {
            validator.quantity(request.orders, "orders", in: 0...Limits.quantityMax)
        }
        if request.hasUnits {
            validator.quantity(request.units, "units", in: 0...Limits.quantityMax)
        }
        try validator.check()
        guard let day else { invariantBroken("a day that was checked is there") }

        let orders = request.hasOrders ? request.orders : nil
        let units = request.hasUnits ? request.units : nil
        var body = DigestBuilder(method: "SetSlotCapacity")
        body.add(request.node)
        body.add(request.day)
        body.add(Int64(request.window))
        body.add(request.asCalendar ? -2 : orders ?? -1)
        body.add(units ?? -1)
        body.add(request.note)
        let header = CommandHeader(network: request.idempotencyKey, body, origin)
        return try Holdfast_V1_NetworkChanged(
            try await answering { () async throws(Failure) in
                try await keeping.setCapacity(
                    header,
                    node: request.node,
                    day: day,
                    number: Int16(request.window),
                    request.asCalendar ? .asCalendar : .set(orders: orders, units: units),
                    note: request.note,
                )
            }
        )
    }
}

/// Faults that one answer names.
private let faultsMax = 1_000

extension CommandHeader {
    /// The header of a change of the network or of rule sets.
    init(network idempotencyKey: String, _ body: DigestBuilder, _ origin: Origin) {
        self.init(
            key: DigestBuilder.key(.network, idempotencyKey),
            fingerprint: body.digest(),
            origin: origin,
        )
    }
}

extension Status {
    /// INVALID_ARGUMENT with the first faults that are no warnings, each with file, line and field.
    init(faults: [DocumentFault]) {
        let errors = faults.filter { !$0.isWarning }
        let shown = errors.prefix(Validator.violationsMax)
        let more = errors.count > shown.count ? ", the first \(shown.count) are named" : ""
        self.init(
            .invalidArgument,
            "the documents have \(errors.count) faults\(more); nothing was changed",
            details: [
                .badRequest(
                    shown.map { fault in
                        let place = "\(fault.place.file):\(fault.place.line)"
                        return FieldViolation(
                            field: fault.field.isEmpty ? place : "\(place): \(fault.field)",
                            description: fault.text,
                        )
                    }
                )
            ],
        )
    }
}

extension Holdfast_V1_NetworkChanged {
    fileprivate init(_ outcome: NetworkOutcome) throws(Status) {
        self.init()
        switch outcome {
        case .done(let result):
            version = result.version
            isChanged = result.changes > 0
        case .refused(let refusal): throw Status(refusal, fields: RequestFields(id: "node"))
        case .moved: invariantBroken("a change of one node expects no version")
        }
    }
}

extension Holdfast_V1_DocumentFault {
    init(_ fault: DocumentFault) {
        self.init()
        file = fault.place.file
        line = Int32(clamping: fault.place.line)
        field = fault.field
        description_p = fault.text
        isWarning = fault.isWarning
    }
}
