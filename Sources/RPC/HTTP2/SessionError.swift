// The one error of the HTTP/2 library that ends a connection.

internal import CNghttp2

/// A failure of the HTTP/2 session itself: the connection is of no more use.
struct SessionError: Error, CustomStringConvertible {
    /// The error code of the library; negative.
    let code: Int32

    var description: String {
        guard let text = unsafe nghttp2_strerror(code) else { return "HTTP/2 error \(code)" }
        return unsafe String(cString: text)
    }

    /// One stream too many, of a peer that may not know the limit yet.
    var isRefusedStream: Bool { code == NGHTTP2_ERR_REFUSED_STREAM.rawValue }

    /// What the peer is told about it.
    var end: ConnectionEnd {
        switch nghttp2_error(rawValue: code) {
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
            ConnectionEnd(code: .protocolError, debug: "no preface of HTTP/2")
        case NGHTTP2_ERR_FLOODED:
            ConnectionEnd(code: .enhanceYourCalm, limit: .unsentReplies, debug: "flooded")
        case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
            ConnectionEnd(
                code: .enhanceYourCalm,
                limit: .continuations,
                debug: "too_many_continuations",
            )
        default: ConnectionEnd(code: .internalError, debug: "")
        }
    }
}
