// Every limit of the server by name, so that each can be counted when it bites.

/// A limit that a peer, or all of them together, ran into.
package enum RPCLimit: String, CaseIterable, Sendable {
    /// Connections of the whole server.
    case connections
    case connectionsPerAddress = "connections_per_address"
    /// Streams that one connection may have open.
    case streams
    /// Size or number of the fields of a header block.
    case headerList = "header_list"
    case continuations
    case messageSize = "message_size"
    /// Bytes of requests that wait on one connection.
    case unreadBody = "unread_body"
    /// What waits on one connection because the peer does not read.
    case unsentReplies = "unsent_replies"
    case tlsHandshakeTime = "tls_handshake_time"
    case prefaceTime = "preface_time"
    case headersTime = "headers_time"
    case messageTime = "message_time"
    /// How long a peer may leave its answers unread.
    case readerStall = "reader_stall"
    case idleTime = "idle_time"
    case connectionAge = "connection_age"
    case pings
    /// A peer that did not answer our PING.
    case keepalive
    /// RST_STREAM by the peer.
    case resets
    /// RST_STREAM of ours that the peer provoked.
    case provokedResets = "provoked_resets"
    case settings
    case priorities
    case windowUpdates = "window_updates"
    /// DATA frames that neither carry nor end anything.
    case emptyData = "empty_data"
    /// Frames that mean nothing to us.
    case unknownFrames = "unknown_frames"
    /// Calls of the whole server that run at once.
    case calls
    /// Calls refused because the server has more to do than it can finish in time.
    case overload

    /// Its place among all of them.
    package var number: Int { Self.numbers[self] ?? 0 }

    private static let numbers = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) }
    )
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
