// What the transport's own failures mean as a code of gRPC; the one place that says so.

internal import CNghttp2

extension Status {
    /// The stream was reset by the peer with a code of HTTP/2 (RFC 9113, section 7).
    static func reset(byPeer code: UInt32) -> Status {
        let status: StatusCode =
            switch nghttp2_error_code(code) {
            case NGHTTP2_REFUSED_STREAM: .unavailable
            case NGHTTP2_CANCEL: .cancelled
            case NGHTTP2_ENHANCE_YOUR_CALM: .resourceExhausted
            case NGHTTP2_INADEQUATE_SECURITY: .permissionDenied
            default: .internal
            }
        return Status(status, "the peer reset the stream with HTTP/2 error \(code)")
    }

    /// The peer answered with a status of HTTP and no status of gRPC.
    static func http(_ code: Int) -> Status {
        let status: StatusCode =
            switch code {
            case 400: .internal
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .unimplemented
            case 429, 502, 503, 504: .unavailable
            default: .unknown
            }
        return Status(status, "the peer answered with HTTP status \(code)")
    }

    /// The connection ended before the answer.
    static func connectionLost(_ reason: String) -> Status {
        Status(.unavailable, "connection lost: \(reason)")
    }

    /// A message broke the framing of gRPC or a limit.
    static func framing(_ violation: MessageDeframer.Violation) -> Status {
        switch violation {
        case .compressed:
            Status(.internal, "message is marked as compressed, but no encoding was agreed on")
        case .corrupt:
            Status(.internal, "message is marked as compressed and cannot be unpacked")
        case .unfoldsTooLong(let bytesMax):
            Status(
                .resourceExhausted,
                "message is larger than the limit of \(bytesMax) when unpacked",
            )
        case .unknownFlag(let flag):
            Status(.internal, "message has the unknown flag \(flag)")
        case .tooLong(let length, let bytesMax):
            Status(
                .resourceExhausted,
                "message of \(length) bytes is larger than the limit of \(bytesMax)",
            )
        }
    }
}
