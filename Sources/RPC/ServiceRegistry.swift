// Which methods a server offers, and what handles each. Built once per event loop.

/// Handles a call with one request and one reply, on the event loop of its connection.
package typealias UnaryHandler =
    @Sendable (_ message: [UInt8], _ call: ServerCall) async throws(Status) -> [UInt8]

/// Handles a call with a stream on one side or on both, on the event loop of its connection.
///
/// The call ends when the handler returns; what it sent goes out before the status.
package typealias StreamHandler =
    @Sendable (
        _ requests: MessageReader, _ replies: MessageWriter, _ call: ServerCall
    ) async throws(Status) -> Void

/// What goes first when not everything can be served.
package enum CallPriority: Int, Sendable, CaseIterable {
    /// Turned away first: it can be asked again at no loss.
    case low
    case normal
    /// Ends work that was begun, so it goes before new work.
    case high
    /// Never turned away: health, and what operators need to see what is wrong.
    case exempt
}

/// The methods of a server, by path.
package struct ServiceRegistry: Sendable {
    /// Which sides of a method stream.
    enum Shape: Sendable {
        case clientStream
        case serverStream
        case bidirectional
    }

    /// How requests and replies of a method alternate.
    enum Kind: Sendable {
        case unary(UnaryHandler)
        case stream(Shape, StreamHandler)
    }

    /// One method; an object, so that each call that is about it counts one reference and not those of
    /// all that it knows.
    final class Method: Sendable {
        /// `/package.Service/Method`.
        let path: String
        /// The largest request that it takes, in bytes; nil means what the server says.
        let messageBytesMax: Int?
        let priority: CallPriority
        let kind: Kind

        init(path: String, messageBytesMax: Int?, priority: CallPriority, kind: Kind) {
            self.path = path
            self.messageBytesMax = messageBytesMax
            self.priority = priority
            self.kind = kind
        }

        /// Whether its calls may last.
        var isStream: Bool {
            if case .stream = kind { true } else { false }
        }

        /// Whether a second request is a mistake.
        var takesOneRequest: Bool {
            switch kind {
            case .unary, .stream(.serverStream, _): true
            case .stream: false
            }
        }

        /// Whether a second reply is a mistake.
        var givesOneReply: Bool {
            switch kind {
            case .unary, .stream(.clientStream, _): true
            case .stream: false
            }
        }
    }

    private var methods: [String: Method] = [:]
    private var services: Set<String> = []

    package init() {}

    /// Full names of all services, sorted.
    package var serviceNames: [String] { services.sorted() }

    /// Paths of all methods, sorted.
    package var methodPaths: [String] { methods.keys.sorted() }

    /// Adds a method with one request and one reply; a second of the same name replaces the first.
    ///
    /// - Parameters:
    ///   - service: full name, such as `package.v1.Service`.
    ///   - messageBytesMax: the largest request in bytes; nil means what the server says.
    package mutating func unary(
        service: String,
        method: String,
        messageBytesMax: Int? = nil,
        priority: CallPriority = .normal,
        _ handler: @escaping UnaryHandler,
    ) {
        add(service, method, messageBytesMax, priority, .unary(handler))
    }

    /// Adds a method with many requests and one reply.
    package mutating func clientStream(
        service: String,
        method: String,
        messageBytesMax: Int? = nil,
        priority: CallPriority = .normal,
        _ handler: @escaping StreamHandler,
    ) {
        add(service, method, messageBytesMax, priority, .stream(.clientStream, handler))
    }

    /// Adds a method with one request and many replies.
    package mutating func serverStream(
        service: String,
        method: String,
        messageBytesMax: Int? = nil,
        priority: CallPriority = .normal,
        _ handler: @escaping StreamHandler,
    ) {
        add(service, method, messageBytesMax, priority, .stream(.serverStream, handler))
    }

    /// Adds a method with many requests and many replies, in any order.
    package mutating func bidirectional(
        service: String,
        method: String,
        messageBytesMax: Int? = nil,
        priority: CallPriority = .normal,
        _ handler: @escaping StreamHandler,
    ) {
        add(service, method, messageBytesMax, priority, .stream(.bidirectional, handler))
    }

    private mutating func add(
        _ service: String,
        _ method: String,
        _ messageBytesMax: Int?,
        _ priority: CallPriority,
        _ kind: Kind,
    ) {
        let path = "/\(service)/\(method)"
        services.insert(service)
        methods[path] = Method(
            path: path,
            messageBytesMax: messageBytesMax,
            priority: priority,
            kind: kind,
        )
    }

    /// The method at `path`, or the refusal that names what is missing.
    func method(at path: String) throws(Status) -> Method {
        if let method = methods[path] { return method }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty else {
            throw Status(.unimplemented, "malformed path \(path)")
        }
        guard services.contains(String(parts[1])) else {
            throw Status(.unimplemented, "unknown service \(parts[1])")
        }
        throw Status(.unimplemented, "unknown method \(parts[2]) of service \(parts[1])")
    }
}
