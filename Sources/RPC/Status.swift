// The outcome of a call, as gRPC names it. Knows nothing of HTTP/2 or of the bytes on the wire.

/// The codes of gRPC, with their numbers on the wire.
package enum StatusCode: Int, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// The name that gRPC's documents use, such as `INVALID_ARGUMENT`.
    package var name: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }
}

/// How a call ended when it did not succeed.
package struct Status: Error, Hashable, Sendable {
    package var code: StatusCode { didSet { prepared = nil } }
    /// For developers, in English; may be shown to the caller.
    package var message: String { didSet { prepared = nil } }
    /// Typed details, carried in `grpc-status-details-bin`.
    package var details: [StatusDetail] { didSet { prepared = nil } }
    /// The header block that tells all this, if it was made in advance.
    private(set) var prepared: PreparedBlock?

    package init(_ code: StatusCode, _ message: String, details: [StatusDetail] = []) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// The same status with its bytes for the wire, for one that is answered again and again.
    ///
    /// Packing the details costs more than all the rest of a refusal. A change makes it an ordinary
    /// one again.
    package func ready() -> Status {
        var status = self
        status.prepared = PreparedBlock(HeaderBlock(answering: self))
        return status
    }
}

/// A header block that many answers share; part of no comparison, because it says what the status says.
final class PreparedBlock: Hashable, Sendable {
    let block: HeaderBlock

    init(_ block: HeaderBlock) {
        self.block = block
    }

    static func == (one: PreparedBlock, other: PreparedBlock) -> Bool { true }
    func hash(into hasher: inout Hasher) {}
}

extension Status {
    /// When to try again, if the status says so.
    var retryDelayMilliseconds: Int64? {
        for case .retryInfo(let delayMilliseconds) in details { return delayMilliseconds }
        return nil
    }
}

extension Status: CustomStringConvertible {
    package var description: String { "\(code.name): \(message)" }
}

/// A typed detail of a status: the messages of `google/rpc/error_details.proto`.
package enum StatusDetail: Hashable, Sendable {
    case badRequest([FieldViolation])
    case preconditionFailure([PreconditionViolation])
    case errorInfo(reason: String, domain: String, metadata: [String: String])
    case retryInfo(delayMilliseconds: Int64)
    case resourceInfo(type: String, name: String, owner: String, description: String)
    /// A detail of a type that this module does not know.
    case other(typeURL: String, value: [UInt8])
}

/// One field of a request that is wrong.
package struct FieldViolation: Hashable, Sendable {
    /// The path of the field, such as `lines[2].quantity`.
    package var field: String
    package var description: String

    package init(field: String, description: String) {
        self.field = field
        self.description = description
    }
}

/// One condition of the system's state that does not hold.
package struct PreconditionViolation: Hashable, Sendable {
    package var type: String
    package var subject: String
    package var description: String

    package init(type: String, subject: String, description: String) {
        self.type = type
        self.subject = subject
        self.description = description
    }
}
