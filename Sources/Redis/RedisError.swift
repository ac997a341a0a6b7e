// Why a command got no reply. What the server itself refuses is a `RedisReply.error`, not this.

/// A failure of the connection.
package struct RedisError: Error, Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// There is no connection; nothing was sent.
        case connectFailed
        /// The connection ended before the reply came.
        case connectionLost
        /// The reply did not come in time.
        case timeout
        /// The peer sent something that is no reply, or a reply to nothing.
        case `protocol`
        /// Too many commands wait for a reply; nothing was sent.
        case queueFull
        /// The connection was closed by its owner.
        case shutDown
    }

    package let kind: Kind
    package let message: String
    /// True when the command was written and nobody can say whether it was carried out.
    package let outcomeUnknown: Bool

    package init(_ kind: Kind, _ message: String, outcomeUnknown: Bool = false) {
        self.kind = kind
        self.message = message
        self.outcomeUnknown = outcomeUnknown
    }

    /// True when nothing was done and the same command may succeed later.
    package var isRetryable: Bool { !outcomeUnknown && kind != .shutDown }
}

extension RedisError: CustomStringConvertible {
    /// Carries no keys and no values.
    package var description: String {
        let what =
            switch kind {
            case .connectFailed: "redis cannot be reached"
            case .connectionLost: "redis connection lost"
            case .timeout: "redis did not answer in time"
            case .protocol: "redis broke its protocol"
            case .queueFull: "too many commands wait for redis"
            case .shutDown: "redis connection is shut down"
            }
        let text = message.isEmpty ? what : "\(what): \(message)"
        return outcomeUnknown ? "\(text) (outcome unknown)" : text
    }
}
