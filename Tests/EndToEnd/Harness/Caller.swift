// Our own client, with a call for every method that the tests use.

import Loop
import Messages
import NIOCore
import NIOPosix
import RPC
import SwiftProtobuf
import Synchronization

/// A connection to a server.
final class Caller: Sendable {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    private static let keys = Mutex(0)

    let client: RPCClient
    /// The token that goes with every call, or nil.
    private let token: String?

    init(_ server: ServerProcess, token: String? = nil) async throws {
        self.token = token
        client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: server.grpcPort,
            loop: Loop(Self.group.next()),
        )
    }

    /// A key that nobody used before.
    static func newKey(_ what: String = "k") -> String {
        keys.withLock { count in
            count += 1
            return "\(what)-\(count)"
        }
    }

    /// Makes a call with any message, and returns the bytes of the answer.
    func bytes(
        _ path: String,
        _ request: some Message,
        metadata: Metadata = Metadata(),
        timeoutMs: Int64 = 20_000,
    ) async throws -> [UInt8] {
        let message: [UInt8] = try request.serializedBytes()
        var metadata = metadata
        if let token { try metadata.add("authorization", "Bearer \(token)") }
        return
            try await client.unary(
                path,
                message,
                metadata: metadata,
                timeoutMilliseconds: timeoutMs,
            )
            .message
    }

    /// Makes a call.
    func call<Answer: Message>(
        _ path: String,
        _ request: some Message,
        metadata: Metadata = Metadata(),
        timeoutMs: Int64 = 20_000,
    ) async throws -> Answer {
        let bytes = try await bytes(path, request, metadata: metadata, timeoutMs: timeoutMs)
        return try Answer(serializedBytes: bytes)
    }

    /// Starts a call with a stream.
    func stream(_ path: String, timeoutMs: Int64? = nil) throws -> ClientStream {
        var metadata = Metadata()
        if let token { try metadata.add("authorization", "Bearer \(token)") }
        return client.stream(path, metadata: metadata, timeoutMilliseconds: timeoutMs)
    }

    /// Makes a call again while the server says that it cannot now; true refusals are thrown.
    func patiently<Answer: Message>(_ path: String, _ request: some Message) async throws -> Answer
    {
        var attempt = 0
        while true {
            do {
                return try await call(path, request, timeoutMs: 3_000)
            } catch let status as Status {
                attempt += 1
                guard status.isTemporary, attempt < 400 else { throw status }
                try await Task.sleep(for: .milliseconds(25))
            }
        }
    }
}

extension Status {
    /// True when the same call may succeed later; nothing is known about this one.
    var isTemporary: Bool {
        switch code {
        case .unavailable, .aborted, .deadlineExceeded, .resourceExhausted: true
        default: false
        }
    }

    /// The machine-readable reason.
    var reason: String? {
        for detail in details {
            if case .errorInfo(let reason, _, _) = detail { return reason }
        }
        return nil
    }

    /// When to come again, in milliseconds; nil when it does not say.
    var retryAfterMs: Int64? {
        for detail in details {
            if case .retryInfo(let milliseconds) = detail { return milliseconds }
        }
        return nil
    }

    /// The fields at fault: of the request first, then what ErrorInfo names.
    var fields: [String] {
        var fields: [String] = []
        for detail in details {
            switch detail {
            case .badRequest(let violations): fields += violations.map(\.field)
            case .errorInfo(_, _, let metadata): fields += metadata["field"].map { [$0] } ?? []
            default: break
            }
        }
        return fields
    }
}

/// The status that a call is refused with; nil when it succeeds.
func refusal(_ body: () async throws -> some Any) async throws -> Status? {
    do {
        _ = try await body()
        return nil
    } catch let status as Status {
        return status
    }
}

/// Paths of methods.
enum Path {
    static func inventory(_ method: String) -> String { "/holdfast.v1.InventoryService/\(method)" }
    static func reservation(_ method: String) -> String {
        "/holdfast.v1.ReservationService/\(method)"
    }
    static func order(_ method: String) -> String { "/holdfast.v1.OrderService/\(method)" }
}
