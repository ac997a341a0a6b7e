// Cycle counts over RPC: message to use case to message. Checks what was sent; decides nothing else.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.CountService`, on one event loop.
package struct CountService<Ledger: CountPort, Gate: GatePort> {
    package static var name: String { "holdfast.v1.CountService" }

    private let counting: Counting<Ledger, Gate>

    package init(counting: Counting<Ledger, Gate>) {
        self.counting = counting
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
        add("ProposeCount") { me, request, call async throws(Status) in
            try await me.proposeCount(request, call)
        }
        add("GetCount") { me, request, _ async throws(Status) in
            try await me.getCount(request)
        }
        add("ListCounts") { me, request, _ async throws(Status) in
            try await me.listCounts(request)
        }
        add("ApproveCount") { me, request, call async throws(Status) in
            try await me.approveCount(request, call)
        }
        add("RejectCount") { me, request, call async throws(Status) in
            try await me.rejectCount(request, call)
        }
    }

    // MARK: Commands

    package func proposeCount(
        _ request: Holdfast_V1_ProposeCountRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_StockCount {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.sku(request.sku, "sku")
        validator.name(request.node, "node")
        validator.quantity(request.counted, "counted", in: 0...Limits.quantityMax)
        validator.note(request.reference, "reference")
        let countedAt =
            request.hasCountedAt ? validator.instant(request.countedAt, "counted_at") : nil
        let reason = request.reason == .unspecified ? .count : AdjustReason(request.reason)
        if reason == nil { validator.fail("reason", "is not known") }
        if reason == .return { validator.fail("reason", "must not be RETURN") }
        if reason == .other, request.reference.isEmpty {
            validator.fail("reference", "must say what the reason OTHER is")
        }
        try validator.check()

        var body = DigestBuilder(method: "ProposeCount")
        body.add(request.sku)
        body.add(request.node)
        body.add(request.counted)
        body.add(countedAt?.microseconds ?? .min)
        body.add(reason?.rawValue ?? "")
        body.add(request.reference)
        let proposal = CountProposal(
            header: CommandHeader(count: request.idempotencyKey, body, call.origin),
            key: PositionKey(sku: request.sku, node: request.node),
            counted: request.counted,
            countedAt: countedAt,
            reason: reason?.rawValue ?? "",
            reference: request.reference,
        )
        let answer = try await answering { () async throws(Failure) in
            try await counting.propose(proposal)
        }
        return try Holdfast_V1_StockCount(
            answer,
            fields: RequestFields(hasLines: false, quantity: "counted"),
        )
    }

    package func approveCount(
        _ request: Holdfast_V1_ApproveCountRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_StockCount {
        var body = DigestBuilder(method: "ApproveCount")
        body.add(request.allowPart ? 1 : 0)
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.note(request.note, "note")
        let id = validator.id(request.id, "id")
        try validator.check()
        return try await decide(request.idempotencyKey, id, request.note, call, body) { decision in
            decision.isApproved = true
            decision.allowsPart = request.allowPart
        }
    }

    package func rejectCount(
        _ request: Holdfast_V1_RejectCountRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_StockCount {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.note(request.note, "note")
        if request.note.isEmpty { validator.fail("note", "must say why") }
        let id = validator.id(request.id, "id")
        try validator.check()
        let body = DigestBuilder(method: "RejectCount")
        return try await decide(request.idempotencyKey, id, request.note, call, body) { _ in }
    }

    private func decide(
        _ key: String,
        _ id: ID?,
        _ note: String,
        _ call: CallContext,
        _ body: DigestBuilder,
        _ adapt: (inout CountDecision) -> Void,
    ) async throws(Status) -> Holdfast_V1_StockCount {
        guard let id else { invariantBroken("an id that was checked is there") }
        var body = body
        body.add(id)
        body.add(note)
        var decision = CountDecision(
            header: CommandHeader(count: key, body, call.origin),
            id: id,
            isApproved: false,
            allowsOwn: call.approvesOwn,
            note: note,
        )
        adapt(&decision)
        let decided = decision
        let answer = try await answering { () async throws(Failure) in
            try await counting.decide(decided)
        }
        return try Holdfast_V1_StockCount(
            answer,
            fields: RequestFields(hasLines: false, quantity: "allow_part"),
        )
    }

    // MARK: Queries

    package func getCount(
        _ request: Holdfast_V1_GetCountRequest
    ) async throws(Status) -> Holdfast_V1_StockCount {
        var validator = Validator()
        let id = validator.id(request.id, "id")
        try validator.check()
        guard let id else { invariantBroken("an id that was checked is there") }
        let found = try await answering { () async throws(Failure) in
            try await counting.view(id)
        }
        guard let found else { throw Status(.notFound(kind: .count, id: request.id)) }
        return Holdfast_V1_StockCount(found)
    }

    package func listCounts(
        _ request: Holdfast_V1_ListCountsRequest
    ) async throws(Status) -> Holdfast_V1_ListCountsResponse {
        var validator = Validator()
        validator.optionalName(request.sku, "sku")
        validator.optionalName(request.node, "node")
        if case .UNRECOGNIZED = request.state { validator.fail("state", "is not known") }
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 50,
            max: Limits.countPageRowsMax,
        )
        try validator.check()
        let fingerprint = PageToken.fingerprint(
            "ListCounts",
            ["\(request.state.rawValue)", request.sku, request.node],
        )
        let cursor = try countCursor(request.pageToken, fingerprint)
        let filter = CountFilter(
            state: CountState(rawValue: Int16(clamping: request.state.rawValue)),
            sku: request.sku,
            node: request.node,
        )
        let found = try await answering { () async throws(Failure) in
            try await counting.ledger.counts(filter, before: cursor, limit: size + 1)
        }
        var answer = Holdfast_V1_ListCountsResponse()
        answer.counts = found.prefix(size).map { Holdfast_V1_StockCount(CountView(count: $0)) }
        if found.count > size {
            let last = found[size - 1]
            var bytes: [UInt8] = []
            bytes.appendCursor(last.proposedAt.microseconds)
            bytes.appendCursor(last.id)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }

    private func countCursor(
        _ token: String,
        _ fingerprint: ID,
    ) throws(Status) -> CountCursor? {
        if token.isEmpty { return nil }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        // A forged token may hold any number; only moments that a timestamp can name go on.
        let moments: Range<Int64> = -62_135_596_800_000_000..<253_402_300_800_000_000
        guard let at = reader.number(), moments.contains(at), let id = reader.id(), reader.isAtEnd
        else { throw PageToken.refusal("is no page token of ours") }
        return CountCursor(proposedAt: Instant(microseconds: at), id: id)
    }
}

extension CommandHeader {
    /// The header of a command on a count.
    fileprivate init(count idempotencyKey: String, _ body: DigestBuilder, _ origin: Origin) {
        self.init(
            key: DigestBuilder.key(.count, idempotencyKey),
            fingerprint: body.digest(),
            origin: origin,
        )
    }
}
