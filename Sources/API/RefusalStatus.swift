// What a refusal or a failure of a use case is for a caller: one mapping, used by every service.
// Nothing here decides anything.

internal import Base
package import Domain
package import Promising
package import RPC

/// How a request names the things that a refusal may point at.
package struct RequestFields: Sendable {
    /// True when SKUs stand in `lines`, false when the request itself has `sku` and `node`.
    package var hasLines: Bool
    /// The field that names the entity of the call.
    package var id: String
    /// Set for a transfer, whose nodes stand in `from_node` and `to_node`: the value of the latter.
    package var toNode: String?
    /// The field that says how many units.
    package var quantity: String
    /// Stands before the names of lines: the message that they are in.
    package var prefix: String

    package init(
        hasLines: Bool = true,
        id: String = "id",
        toNode: String? = nil,
        quantity: String = "quantity",
        prefix: String = "",
    ) {
        self.hasLines = hasLines
        self.id = id
        self.toNode = toNode
        self.quantity = quantity
        self.prefix = prefix
    }

    /// The request has `lines` and maybe an `id`.
    package static let lines = RequestFields()
    /// The request has `sku` and `node` itself.
    package static let single = RequestFields(hasLines: false)

    /// The path of a field of line `line` (from 0); a line below 0 stands for all of them.
    func path(line: Int, _ part: String, key: PositionKey? = nil) -> String {
        if part == "node", let toNode { return key?.node == toNode ? "to_node" : "from_node" }
        if !hasLines { return part }
        return line < 0 ? "\(prefix)lines" : "\(prefix)lines[\(line)].\(part)"
    }
}

extension Status {
    /// What the caller is told about a refusal.
    package init(_ refusal: Refusal, fields: RequestFields = .lines) {
        switch refusal {
        case .soldOut, .contended, .notEnough, .linesDiffer, .tooMany:
            self = .stock(refusal, fields)
        case .unknownPosition(let line, let key, let unknown):
            self = .unknownPosition(line, key, unknown, fields)
        case .unknownLine(let line, let number):
            self = .refused(
                .notFound,
                "the order has no line \(number)",
                reason: "LINE_UNKNOWN",
                field: fields.path(line: line, "number"),
                isBadRequest: true,
            )
        case .keyReused:
            self = .refused(
                .alreadyExists,
                "the idempotency key was used before with another body",
                reason: "KEY_REUSED",
                field: "idempotency_key",
                isBadRequest: true,
            )
        case .externalIDTaken(let orderID): self = .externalIDTaken(orderID)
        case .notFound(let kind, let id):
            self = .refused(
                .notFound,
                "no \(kind.rawValue) \(id)",
                reason: "\(kind.rawValue.uppercased())_NOT_FOUND",
                field: fields.id,
                metadata: ["id": id],
                isBadRequest: true,
                more: [.resource(kind, id, "there is none")],
            )
        case .wrongState(let kind, let id, let state):
            self = .refused(
                .failedPrecondition,
                "\(kind.rawValue) \(id) is \(state)",
                reason: "WRONG_STATE",
                field: fields.id,
                metadata: ["id": id, "state": state],
                more: [.precondition("STATE", "\(kind.rawValue)/\(id)", "is \(state)")],
            )
        case .ownProposal(let kind, let id):
            let what = "\(kind.rawValue) \(id) was proposed by the same caller"
            self = .refused(
                .permissionDenied,
                "\(what): somebody else has to approve it",
                reason: "OWN_PROPOSAL",
                field: fields.id,
                metadata: ["id": id],
            )
        case .noRoute(let obstacle): self = .noRoute(obstacle, fields, decision: nil)
        case .routed(let id):
            self = .reservation(
                id,
                "reservation \(id) was routed: it is confirmed as a whole, and not changed",
                reason: "ROUTED",
                state: "was routed",
                fields,
            )
        case .reservationExpired(let id):
            self = .reservation(
                id,
                "the time of reservation \(id) was over before the call",
                reason: "RESERVATION_EXPIRED",
                state: "has expired",
                fields,
            )
        }
    }

    private static func externalIDTaken(_ orderID: ID) -> Status {
        .refused(
            .alreadyExists,
            "the channel has an order with this external id already: \(orderID)",
            reason: "EXTERNAL_ID_TAKEN",
            field: "external_id",
            metadata: ["order_id": orderID.description],
            isBadRequest: true,
            more: [.resource(.order, orderID.description, "the order that has it")],
        )
    }

    /// A reservation with which that cannot be done.
    private static func reservation(
        _ id: ID,
        _ message: String,
        reason: String,
        state: String,
        _ fields: RequestFields,
    ) -> Status {
        .refused(
            .failedPrecondition,
            message,
            reason: reason,
            field: fields.id,
            metadata: ["id": id.description],
            more: [.precondition("STATE", "reservation/\(id)", state)],
        )
    }

    /// What the caller is told about a failure.
    package init(_ failure: Failure) {
        switch failure {
        case .unavailable(let what, let retryAfterMs):
            self = .retryable(.unavailable, "\(what) is unavailable", "UNAVAILABLE", retryAfterMs)
        case .overloaded(let what, let retryAfterMs):
            self = .retryable(
                .resourceExhausted,
                "too much is under way: \(what)",
                "OVERLOADED",
                retryAfterMs,
            )
        case .deadlineExceeded:
            self.init(.deadlineExceeded, "the time for the call was over")
        case .broken(let message):
            self.init(.internal, message)
        }
    }

    // MARK: Private

    private static func stock(_ refusal: Refusal, _ fields: RequestFields) -> Status {
        switch refusal {
        case .soldOut(let line, let key, let requested, let available):
            return stock(
                .failedPrecondition,
                "SOLD_OUT",
                fields.path(line: line, fields.quantity),
                key,
                "sold out",
                requested,
                available,
                "available",
                more: [.precondition("STOCK", key.subject, "\(available) available")]
            )
        case .contended(let line, let key, let requested, let available):
            return stock(
                .aborted,
                "CONTENDED",
                fields.path(line: line, fields.quantity),
                key,
                "others hold the last units and are about to be decided",
                requested,
                available,
                "available",
                more: [.retryInfo(delayMilliseconds: contendedRetryMs)]
            )
        case .notEnough(let line, let key, let requested, let available, let what):
            return stock(
                .failedPrecondition,
                "NOT_ENOUGH",
                fields.path(line: line, fields.quantity),
                key,
                "not enough units \(what)",
                requested,
                available,
                "available",
                metadata: ["what": what],
                more: [.precondition("STOCK", key.subject, "\(available) \(what)")]
            )
        case .linesDiffer(let line, let key, let expected, let given):
            return stock(
                .failedPrecondition,
                "LINES_DIFFER",
                fields.path(line: line, fields.quantity),
                key,
                "the lines are not what the reservation has",
                given,
                expected,
                "expected",
                more: [
                    .precondition(
                        "LINES",
                        key.subject,
                        "\(expected) held or confirmed, \(given) given"
                    )
                ]
            )
        case .tooMany(let line, let key):
            return refused(
                .failedPrecondition,
                "\(key.subject) would hold more units than a position may",
                reason: "TOO_MANY",
                field: fields.path(line: line, fields.quantity),
                metadata: ["sku": key.sku, "node": key.node],
                more: [.precondition("STOCK", key.subject, "too many units")],
            )
        default:
            return Status(.internal, "unmapped refusal \(refusal)")
        }
    }

    private static func stock(
        _ code: StatusCode,
        _ reason: String,
        _ field: String,
        _ key: PositionKey,
        _ message: String,
        _ requested: Int64,
        _ available: Int64,
        _ availableName: String,
        metadata: [String: String] = [:],
        more: [StatusDetail],
    ) -> Status {
        var metadata = metadata
        metadata["sku"] = key.sku
        metadata["node"] = key.node
        metadata["requested"] = "\(requested)"
        metadata[availableName] = "\(available)"
        return refused(
            code,
            "\(message): \(key.subject), \(requested) requested, \(available) \(availableName)",
            reason: reason,
            field: field,
            metadata: metadata,
            more: more,
        )
    }

    private static func unknownPosition(
        _ line: Int,
        _ key: PositionKey,
        _ unknown: UnknownPart,
        _ fields: RequestFields,
    ) -> Status {
        let (reason, part, message) =
            switch unknown {
            case .sku: ("SKU_UNKNOWN", "sku", "unknown SKU \(key.sku)")
            case .node: ("NODE_UNKNOWN", "node", "unknown node \(key.node)")
            case .combination:
                ("POSITION_UNKNOWN", "sku", "\(key.sku) was never received at \(key.node)")
            }
        return refused(
            .notFound,
            message,
            reason: reason,
            field: fields.path(line: line, part, key: key),
            metadata: ["sku": key.sku, "node": key.node],
            isBadRequest: true,
        )
    }

    /// A status with ErrorInfo that names the field at fault; as a violation of the request too
    /// when the request itself is what must change.
    static func refused(
        _ code: StatusCode,
        _ message: String,
        reason: String,
        field: String,
        metadata: [String: String] = [:],
        isBadRequest: Bool = false,
        more: [StatusDetail] = [],
    ) -> Status {
        var metadata = metadata
        metadata["field"] = field
        var details = [StatusDetail.errorInfo(reason: reason, domain: domain, metadata: metadata)]
        if isBadRequest {
            details.append(.badRequest([FieldViolation(field: field, description: message)]))
        }
        return Status(code, message, details: details + more)
    }

    private static func retryable(
        _ code: StatusCode,
        _ message: String,
        _ reason: String,
        _ retryAfterMs: Int64,
    ) -> Status {
        Status(
            code,
            message,
            details: [
                .errorInfo(reason: reason, domain: domain, metadata: [:]),
                .retryInfo(delayMilliseconds: retryAfterMs),
            ],
        )
    }

    /// The domain of every ErrorInfo of ours.
    private static let domain = "holdfast"
    /// When holds of others that were under way will have been decided, milliseconds.
    static let contendedRetryMs: Int64 = 50
}

extension StatusDetail {
    fileprivate static func resource(
        _ kind: EntityKind,
        _ id: String,
        _ description: String,
    ) -> StatusDetail {
        .resourceInfo(
            type: "holdfast.v1.\(kind.rawValue.capitalizedASCII)",
            name: id,
            owner: "",
            description: description,
        )
    }

    static func precondition(
        _ type: String,
        _ subject: String,
        _ description: String,
    ) -> StatusDetail {
        .preconditionFailure([
            PreconditionViolation(type: type, subject: subject, description: description)
        ])
    }
}

extension PositionKey {
    fileprivate var subject: String { "\(sku) at \(node)" }
}

extension String {
    /// The text with its first letter as a capital.
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
