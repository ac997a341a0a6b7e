// A status as the message `google.rpc.Status`, the content of `grpc-status-details-bin`.
//
// The header is a courtesy beside `grpc-status`: details that cannot be read never hide the code.

internal import SwiftProtobuf

extension Status {
    /// The bytes of `google.rpc.Status`, or nil when there is no detail to carry.
    func encodedDetails() -> [UInt8]? {
        if details.isEmpty { return nil }
        var wire = Google_Rpc_Status()
        wire.code = Int32(code.rawValue)
        wire.message = message
        wire.details = details.compactMap { $0.encoded() }
        return try? wire.serializedBytes()
    }

    /// The details in the bytes of a `google.rpc.Status`; nil when they are no such message.
    static func decodeDetails(_ bytes: [UInt8]) -> [StatusDetail]? {
        guard let wire = try? Google_Rpc_Status(serializedBytes: bytes) else { return nil }
        return wire.details.map(StatusDetail.init(decoding:))
    }
}

extension StatusDetail {
    private static let typePrefix = "type.googleapis.com/"

    fileprivate func encoded() -> Google_Protobuf_Any? {
        switch self {
        case .badRequest(let violations):
            var wire = Google_Rpc_BadRequest()
            wire.fieldViolations = violations.map { violation in
                var field = Google_Rpc_BadRequest.FieldViolation()
                field.field = violation.field
                field.description_p = violation.description
                return field
            }
            return Self.pack(wire)
        case .preconditionFailure(let violations):
            var wire = Google_Rpc_PreconditionFailure()
            wire.violations = violations.map { violation in
                var condition = Google_Rpc_PreconditionFailure.Violation()
                condition.type = violation.type
                condition.subject = violation.subject
                condition.description_p = violation.description
                return condition
            }
            return Self.pack(wire)
        case .errorInfo(let reason, let domain, let metadata):
            var wire = Google_Rpc_ErrorInfo()
            wire.reason = reason
            wire.domain = domain
            wire.metadata = metadata
            return Self.pack(wire)
        case .retryInfo(let delayMilliseconds):
            var wire = Google_Rpc_RetryInfo()
            wire.retryDelay.seconds = delayMilliseconds / 1_000
            wire.retryDelay.nanos = Int32(delayMilliseconds % 1_000) * 1_000_000
            return Self.pack(wire)
        case .resourceInfo(let type, let name, let owner, let description):
            var wire = Google_Rpc_ResourceInfo()
            wire.resourceType = type
            wire.resourceName = name
            wire.owner = owner
            wire.description_p = description
            return Self.pack(wire)
        case .other(let typeURL, let value):
            var wire = Google_Protobuf_Any()
            wire.typeURL = typeURL
            wire.value = collected(value)
            return wire
        }
    }

    fileprivate init(decoding wire: Google_Protobuf_Any) {
        self = Self.decodeKnown(wire) ?? .other(typeURL: wire.typeURL, value: Array(wire.value))
    }

    private static func decodeKnown(_ wire: Google_Protobuf_Any) -> StatusDetail? {
        switch wire.typeURL.split(separator: "/").last {
        case "google.rpc.BadRequest":
            return (try? Google_Rpc_BadRequest(serializedBytes: wire.value))
                .map { detail in
                    .badRequest(
                        detail.fieldViolations.map {
                            FieldViolation(field: $0.field, description: $0.description_p)
                        }
                    )
                }
        case "google.rpc.PreconditionFailure":
            return (try? Google_Rpc_PreconditionFailure(serializedBytes: wire.value))
                .map { detail in
                    .preconditionFailure(
                        detail.violations.map {
                            PreconditionViolation(
                                type: $0.type,
                                subject: $0.subject,
                                description: $0.description_p,
                            )
                        }
                    )
                }
        case "google.rpc.ErrorInfo":
            return (try? Google_Rpc_ErrorInfo(serializedBytes: wire.value))
                .map {
                    .errorInfo(reason: $0.reason, domain: $0.domain, metadata: $0.metadata)
                }
        case "google.rpc.RetryInfo":
            return (try? Google_Rpc_RetryInfo(serializedBytes: wire.value))
                .map {
                    let delay = $0.retryDelay
                    let whole = delay.seconds.multipliedReportingOverflow(by: 1_000)
                    if whole.overflow { return .retryInfo(delayMilliseconds: .max) }
                    let sum = whole.partialValue
                        .addingReportingOverflow(Int64(delay.nanos / 1_000_000))
                    return .retryInfo(delayMilliseconds: sum.overflow ? .max : sum.partialValue)
                }
        case "google.rpc.ResourceInfo":
            return (try? Google_Rpc_ResourceInfo(serializedBytes: wire.value))
                .map {
                    .resourceInfo(
                        type: $0.resourceType,
                        name: $0.resourceName,
                        owner: $0.owner,
                        description: $0.description_p,
                    )
                }
        default:
            return nil
        }
    }

    private static func pack(_ message: some SwiftProtobuf.Message) -> Google_Protobuf_Any? {
        guard let bytes: [UInt8] = try? message.serializedBytes() else { return nil }
        var wire = Google_Protobuf_Any()
        wire.typeURL = typePrefix + type(of: message).protoMessageName
        wire.value = collected(bytes)
        return wire
    }
}

/// The bytes as the type that the generated code holds them in, without naming its module.
func collected<Bytes: RangeReplaceableCollection<UInt8>>(_ bytes: [UInt8]) -> Bytes {
    Bytes(bytes)
}
