// Servers and clients on loopback for the tests of this module.

import Base
import Logging
import Loop
import NIOCore
import NIOPosix
import Synchronization

@testable import RPC

/// Two event loops for all tests of this module.
enum TestLoops {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    static let all = group.makeIterator().map { Loop($0) }
    static var first: Loop { all[0] }
}

/// What handlers of the test service have seen.
final class Witness: Sendable {
    private let events = Mutex<[String]>([])

    func note(_ event: String) {
        events.withLock { $0.append(event) }
    }

    var all: [String] { events.withLock { $0 } }

    /// Waits until one of the events was noted, for at most five seconds.
    func seesOne(of events: [String]) async -> Bool {
        for _ in 0..<1_000 {
            if all.contains(where: events.contains) { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    /// Waits until `event` was noted, for at most five seconds.
    func sees(_ event: String, times: Int = 1) async -> Bool {
        for _ in 0..<1_000 {
            if all.count(where: { $0 == event }) >= times { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

let service = "test.v1.Echo"

func path(_ method: String) -> String { "/\(service)/\(method)" }

let richStatus = Status(
    .failedPrecondition,
    "naïve 100% ✓\nsecond line",
    details: [
        .badRequest([FieldViolation(field: "lines[2].quantity", description: "must be positive")]),
        .preconditionFailure([
            PreconditionViolation(type: "STATE", subject: "order/1", description: "shipped")
        ]),
        .errorInfo(reason: "SOLD_OUT", domain: "example.org", metadata: ["sku": "A1"]),
        .retryInfo(delayMilliseconds: 1_250),
        .resourceInfo(type: "sku", name: "A1", owner: "shop", description: "gone"),
        .other(typeURL: "type.googleapis.com/test.Unknown", value: [8, 1]),
    ],
)

/// Methods that the tests call.
func echoRegistry(_ witness: Witness) -> ServiceRegistry {
    var registry = ServiceRegistry()
    registry.unary(service: service, method: "Echo", messageBytesMax: 4_194_304) {
        message,
        call throws(Status) in
        call.loop.eventLoop.preconditionInEventLoop()
        for entry in call.metadata.entries {
            do throws(MetadataError) {
                switch entry.value {
                case .ascii(let text): try call.replyMetadata.add("reply-" + entry.name, text)
                case .binary(let bytes): try call.trailers.add("reply-" + entry.name, bytes: bytes)
                }
            } catch {
                throw Status(.internal, "\(error)")
            }
        }
        return message
    }
    registry.unary(service: service, method: "Small") { message, _ throws(Status) in message }
    registry.unary(service: service, method: "Fail") { _, call throws(Status) in
        do throws(MetadataError) {
            try call.trailers.add("why", "because")
        } catch {
            throw Status(.internal, "\(error)")
        }
        throw richStatus
    }
    registry.unary(service: service, method: "Sleep") { message, call throws(Status) in
        witness.note("started")
        do {
            try await Task.sleep(for: .milliseconds(Int(message.first ?? 0) * 100))
            witness.note("slept")
        } catch {
            witness.note(call.isCancelled ? "cancelled" : "interrupted")
            throw Status(.cancelled, "interrupted")
        }
        call.loop.eventLoop.preconditionInEventLoop()
        return message
    }
    registry.unary(service: service, method: "Spin") { message, call throws(Status) in
        witness.note("started")
        while !call.isCancelled { await Task.yield() }
        witness.note("cancelled")
        return message
    }
    registry.unary(service: service, method: "Remaining") { _, call throws(Status) in
        let milliseconds = (call.remaining?.nanoseconds ?? -1) / 1_000_000
        return Array("\(milliseconds) \(call.peer)".utf8)
    }
    return registry
}

func makeServer(
    _ configuration: RPCServerConfiguration = RPCServerConfiguration(),
    witness: Witness = Witness(),
    loops: [Loop] = TestLoops.all,
    registry: @escaping @Sendable (Witness) -> ServiceRegistry = echoRegistry,
) -> RPCServer {
    RPCServer(
        configuration: configuration,
        loops: loops,
        registry: { _ in registry(witness) },
        events: { _ in
            var events = RPCServerEvents()
            events.connectionOpened = { witness.note("connection opened") }
            events.connectionClosed = { witness.note("connection closed") }
            events.callStarted = { witness.note("start \($0)") }
            events.callEnded = { method, code, _ in witness.note("end \(method) \(code.name)") }
            events.limitHit = { witness.note("limit \($0.rawValue)") }
            return events
        },
        logger: quietLogger,
    )
}

/// A server and a client connected to it, both gone afterwards.
func withServer(
    _ configuration: RPCServerConfiguration = RPCServerConfiguration(),
    witness: Witness = Witness(),
    client clientConfiguration: RPCClientConfiguration = RPCClientConfiguration(),
    _ body: (_ client: RPCClient, _ port: Int, _ server: RPCServer) async throws -> Void,
) async throws {
    let server = makeServer(configuration, witness: witness)
    let port = try await server.start()
    let client = try await RPCClient.connect(
        host: "127.0.0.1",
        port: port,
        loop: TestLoops.first,
        configuration: clientConfiguration,
    )
    do {
        try await body(client, port, server)
    } catch {
        await client.close()
        await server.shutdown(graceMilliseconds: 0)
        throw error
    }
    await client.close()
    await server.shutdown(graceMilliseconds: 1_000)
}

/// The status that a call fails with; nil when it succeeds.
func failure(_ call: () async throws(Status) -> UnaryAnswer) async -> Status? {
    do throws(Status) {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}

/// Something that one task tells another once.
final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isSet: Bool { state.load(ordering: .acquiring) }

    func set() { state.store(true, ordering: .releasing) }
}
