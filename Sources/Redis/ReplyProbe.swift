// The parser of replies without a connection: for whoever measures it. No connection uses it.

/// Takes bytes as Redis sends them.
package struct ReplyProbe: ~Copyable {
    private var parser = ReplyParser(replyBytesMax: 1 << 24)

    package init() {}

    /// The replies that `bytes` complete.
    package mutating func parse(_ bytes: [UInt8]) -> [RedisReply] {
        unsafe bytes.withUnsafeBytes { bytes in unsafe parser.feed(bytes) }
        var replies: [RedisReply] = []
        while case .reply(let reply) = parser.next() { replies.append(reply) }
        return replies
    }
}
