// The limits of a server by name, for metrics: each tells which one has bitten.

/// A limit of the transport.
package enum RPCLimit: String, Hashable, Sendable, CaseIterable {
    case connections
    case connectionsPerAddress = "connections_per_address"
    case streams
    case headerList = "header_list"
    case continuations
    case messageSize = "message_size"
    case unreadBody = "unread_body"
    case unsentReplies = "unsent_replies"
    case tlsHandshakeTime = "tls_handshake_time"
    case prefaceTime = "preface_time"
    case headersTime = "headers_time"
    case messageTime = "message_time"
    case readerStall = "reader_stall"
    case idleTime = "idle_time"
    case connectionAge = "connection_age"
    case pings
    case keepalive
    case resets
    case provokedResets = "provoked_resets"
    case settings
    case priorities
    case windowUpdates = "window_updates"
    case emptyData = "empty_data"
    case unknownFrames = "unknown_frames"
    case calls
    case overload
}

extension RPCServerEvents {
    /// Tells of a message that went over its limit.
    func limitHit(by violation: MessageDeframer.Violation) {
        switch violation {
        case .tooLong, .unfoldsTooLong: limitHit?(.messageSize)
        case .compressed, .corrupt, .unknownFlag: break
        }
    }
}
