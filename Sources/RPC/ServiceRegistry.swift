// Which methods a server offers, and what handles each. Built once per event loop.

/// Handles a call with one request and one reply, on the event loop of its connection.
package typealias UnaryHandler =
    @Sendable (_ message: [UInt8], _ call: ServerCall) async throws(Status) -> [UInt8]

/// The methods of a server, by path.
package struct ServiceRegistry: Sendable {
    /// How requests and replies of a method alternate; streams would be further cases.
    enum Kind: Sendable {
        case unary(UnaryHandler)
    }

    /// One method.
    struct Method: Sendable {
        /// `/package.Service/Method`.
        let path: String
        /// The largest request that it takes, in bytes; nil means what the server says.
        let messageBytesMax: Int?
        let kind: Kind
    }

    private var methods: [String: Method] = [:]
    private var services: Set<String> = []

    package init() {}

    /// Full names of all services, sorted.
    package var serviceNames: [String] { services.sorted() }
    /// Paths of all methods, sorted.
    package var paths: [String] { methods.keys.sorted() }

    /// Adds a method with one request and one reply; a second of the same name replaces the first.
    ///
    /// - Parameters:
    ///   - service: full name, such as `package.v1.Service`.
    ///   - messageBytesMax: the largest request in bytes; nil means what the server says.
    package mutating func unary(
        service: String,
        method: String,
        messageBytesMax: Int? = nil,
        _ handler: @escaping UnaryHandler,
    ) {
        let path = "/\(service)/\(method)"
        services.insert(service)
        methods[path] = Method(
            path: path,
            messageBytesMax: messageBytesMax,
            kind: .unary(handler),
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
