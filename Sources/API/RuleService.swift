// Rule sets over RPC: documents to use case to messages.

internal import Base
package import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.RuleService`, on one event loop.
package struct RuleService<Rules: RulePort> {
    package static var name: String { "holdfast.v1.RuleService" }

    private let keeping: RuleKeeping<Rules>

    package init(keeping: RuleKeeping<Rules>) {
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
        add("PutRuleSet") { me, request, call async throws(Status) in
            try await me.putRuleSet(request, call.origin)
        }
        add("ValidateRuleSet") { me, request, _ async throws(Status) in
            try await me.validateRuleSet(request)
        }
        add("GetRuleSet") { me, request, _ async throws(Status) in
            try await me.getRuleSet(request)
        }
        add("ListRuleSets") { me, request, _ async throws(Status) in
            try await me.listRuleSets(request)
        }
        add("AssignRuleSet") { me, request, call async throws(Status) in
            try await me.assignRuleSet(request, call.origin)
        }
        add("ListRuleChanges") { me, request, _ async throws(Status) in
            try await me.listRuleChanges(request)
        }
    }

    // MARK: Changes

    package func putRuleSet(
        _ request: Holdfast_V1_PutRuleSetRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_PutRuleSetResponse {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.note(request.note, "note")
        validator.note(request.file.name, "file.name")
        try validator.check()
        var body = DigestBuilder(method: "PutRuleSet")
        body.add(request.file.text)
        let header = CommandHeader(network: request.idempotencyKey, body, origin)
        let outcome = try await answering { () async throws(Failure) in
            try await keeping.put(DocumentFile(request.file), header, note: request.note)
        }
        var answer = Holdfast_V1_PutRuleSetResponse()
        switch outcome {
        case .done(let name, let version, let isChanged, let warnings):
            answer.name = name
            answer.version = version
            answer.isChanged = isChanged
            answer.warnings = warnings.map { Holdfast_V1_DocumentFault($0) }
        case .invalid(let faults): throw Status(faults: faults)
        case .refused(let refusal): throw Status(refusal)
        }
        return answer
    }

    package func assignRuleSet(
        _ request: Holdfast_V1_AssignRuleSetRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_AssignRuleSetResponse {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.name(request.channel, "channel")
        validator.name(request.name, "name")
        validator.note(request.note, "note")
        if request.version < 0 { validator.fail("version", "must not be negative") }
        try validator.check()
        var body = DigestBuilder(method: "AssignRuleSet")
        body.add(request.channel)
        body.add(request.name)
        body.add(Int64(request.version))
        let header = CommandHeader(network: request.idempotencyKey, body, origin)
        let outcome = try await answering { () async throws(Failure) in
            try await keeping.assign(
                header,
                channel: request.channel,
                name: request.name,
                version: request.version == 0 ? nil : request.version,
                note: request.note,
            )
        }
        var answer = Holdfast_V1_AssignRuleSetResponse()
        switch outcome {
        case .done(_, let isChanged): answer.isChanged = isChanged
        case .refused(let refusal): throw Status(refusal, fields: RequestFields(id: "name"))
        }
        return answer
    }

    // MARK: Queries

    package func validateRuleSet(
        _ request: Holdfast_V1_ValidateRuleSetRequest
    ) async throws(Status) -> Holdfast_V1_ValidateRuleSetResponse {
        let draft = try await answering { () async throws(Failure) in
            try keeping.check(DocumentFile(request.file))
        }
        var answer = Holdfast_V1_ValidateRuleSetResponse()
        answer.isValid = draft.faults.allSatisfy(\.isWarning)
        answer.faults = draft.faults.map { Holdfast_V1_DocumentFault($0) }
        return answer
    }

    package func getRuleSet(
        _ request: Holdfast_V1_GetRuleSetRequest
    ) async throws(Status) -> Holdfast_V1_RuleSet {
        var validator = Validator()
        validator.name(request.name, "name")
        if request.version < 0 { validator.fail("version", "must not be negative") }
        try validator.check()
        let version = request.version == 0 ? nil : request.version
        let found = try await answering { () async throws(Failure) in
            try await keeping.ledger.ruleSet(name: request.name, version: version)
        }
        guard let found else {
            let id = version.map { "\(request.name) version \($0)" } ?? request.name
            throw Status(.notFound(kind: .ruleSet, id: id), fields: RequestFields(id: "name"))
        }
        return Holdfast_V1_RuleSet(found)
    }

    package func listRuleSets(
        _ request: Holdfast_V1_ListRuleSetsRequest
    ) async throws(Status) -> Holdfast_V1_ListRuleSetsResponse {
        let found = try await answering { () async throws(Failure) in
            try await keeping.ledger.ruleSets()
        }
        var answer = Holdfast_V1_ListRuleSetsResponse()
        answer.ruleSets = found.map { Holdfast_V1_RuleSet($0) }
        return answer
    }

    package func listRuleChanges(
        _ request: Holdfast_V1_ListRuleChangesRequest
    ) async throws(Status) -> Holdfast_V1_ListRuleChangesResponse {
        var validator = Validator()
        let size = validator.pageSize(request.pageSize, "page_size", standard: 50, max: 500)
        try validator.check()
        let fingerprint = PageToken.fingerprint("ListRuleChanges", [])
        let cursor = try numberCursor(request.pageToken, fingerprint)
        let found = try await answering { () async throws(Failure) in
            try await keeping.ledger.changes(before: cursor, limit: size + 1)
        }
        var answer = Holdfast_V1_ListRuleChangesResponse()
        answer.changes = found.prefix(size).map { Holdfast_V1_RuleChange($0) }
        if found.count > size {
            answer.nextPageToken = numberToken(found[size - 1].number, fingerprint)
        }
        return answer
    }
}

extension DocumentFile {
    fileprivate init(_ file: Holdfast_V1_DocumentFile) {
        self.init(name: file.name, text: file.text)
    }
}

extension Holdfast_V1_RuleSet {
    fileprivate init(_ stored: StoredRuleSet) {
        self.init()
        name = stored.rules.name
        version = stored.rules.version
        document = stored.document
        if stored.at.microseconds != 0 { putAt = Google_Protobuf_Timestamp(stored.at) }
        channels = stored.channels
    }
}

extension Holdfast_V1_RuleChange {
    fileprivate init(_ change: RuleChange) {
        self.init()
        number = change.number
        at = Google_Protobuf_Timestamp(change.at)
        channel = change.channel
        name = change.name
        version = change.version ?? 0
        note = change.note
        principal = change.origin.principal
        requestID = change.origin.requestID
        traceID = change.origin.traceID
    }
}
