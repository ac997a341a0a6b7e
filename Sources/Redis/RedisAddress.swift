// Where a Redis server listens, and how a connection to it behaves. Plain values only.

/// The address of a Redis server.
package enum RedisAddress: Sendable, Hashable {
    case unix(String)
    case tcp(host: String, port: Int)

    /// Reads `unix:/path`, `/path`, `host:port`, `[v6]:port` or `host` (port 6379), else is nil.
    ///
    /// `redis://` and `tcp://` may stand in front.
    package init?(_ text: String) {
        var rest = Substring(text)
        if rest.hasPrefix("unix:") {
            rest = rest.dropFirst(5)
            if rest.hasPrefix("//") { rest = rest.dropFirst(2) }
            guard rest.hasPrefix("/") else { return nil }
            self = .unix(String(rest))
            return
        }
        if rest.hasPrefix("/") {
            self = .unix(String(rest))
            return
        }
        for scheme in ["redis://", "tcp://"] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
        }
        var host = rest
        var port = Substring("6379")
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            let tail = rest[rest.index(after: end)...]
            if !tail.isEmpty {
                guard tail.hasPrefix(":") else { return nil }
                port = tail.dropFirst()
            }
        } else if let colon = rest.firstIndex(of: ":") {
            host = rest[..<colon]
            port = rest[rest.index(after: colon)...]
        }
        guard !host.isEmpty, !host.contains("/"), let number = Int(port), (1...65_535) ~= number
        else { return nil }
        self = .tcp(host: String(host), port: number)
    }
}

extension RedisAddress {
    /// Reads several addresses with commas between them; nil when there is none, or one is wrong.
    package static func list(_ text: String) -> [RedisAddress]? {
        var addresses: [RedisAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = part.drop { $0 == " " }
            guard let address = RedisAddress(String(word)) else { return nil }
            addresses.append(address)
        }
        return addresses
    }
}

extension RedisAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

/// How a connection behaves.
package struct RedisConfiguration: Sendable {
    /// The longest to wait for a connection, and for each answer about who is there, milliseconds.
    package var connectTimeoutMs: Int
    /// The longest to wait for a reply, milliseconds; then the connection is closed, because later
    /// replies would be out of step.
    package var replyTimeoutMs: Int
    /// For servers with an access control list; needs a password too.
    package var username: String?
    package var password: String?
    /// True: only a server that says that it is the primary (`ROLE`) is connected to.
    package var wantsPrimary: Bool
    /// Commands sent and not answered yet; more are refused with `queueFull`.
    package var pendingMax: Int
    /// The largest reply in bytes; a larger one ends the connection.
    package var replyBytesMax: Int
    /// The first and the longest wait before the next attempt to connect, milliseconds.
    package var backoffMinMs: Int
    package var backoffMaxMs: Int

    package init(
        connectTimeoutMs: Int = 1_000,
        replyTimeoutMs: Int = 1_000,
        username: String? = nil,
        password: String? = nil,
        wantsPrimary: Bool = false,
        pendingMax: Int = 65_536,
        replyBytesMax: Int = 64 << 20,
        backoffMinMs: Int = 10,
        backoffMaxMs: Int = 500,
    ) {
        self.connectTimeoutMs = connectTimeoutMs
        self.replyTimeoutMs = replyTimeoutMs
        self.username = username
        self.password = password
        self.wantsPrimary = wantsPrimary
        self.pendingMax = pendingMax
        self.replyBytesMax = replyBytesMax
        self.backoffMinMs = backoffMinMs
        self.backoffMaxMs = backoffMaxMs
    }
}
