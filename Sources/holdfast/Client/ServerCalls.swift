// Calls to a server: messages in, messages out, and every way of failing as one error.

internal import Base
internal import Foundation
internal import Loop
internal import NIOCore
internal import NIOPosix
internal import RPC
internal import SwiftProtobuf

/// The services of a server, by their full names.
enum ServiceName: String {
    case inventory = "holdfast.v1.InventoryService"
    case reservations = "holdfast.v1.ReservationService"
    case orders = "holdfast.v1.OrderService"
    case fulfilment = "holdfast.v1.FulfilmentService"
    case counts = "holdfast.v1.CountService"
    case ledger = "holdfast.v1.LedgerService"
    case ops = "holdfast.v1.OpsService"
    case network = "holdfast.v1.NetworkService"
    case rules = "holdfast.v1.RuleService"
    case routing = "holdfast.v1.RoutingService"
}

/// A connection to a server.
final class ServerCalls: Sendable {
    private let client: RPCClient
    private let timeoutMs: Int64
    /// What goes with every call: the credentials.
    private let metadata: Metadata

    private init(client: RPCClient, timeoutMs: Int64, metadata: Metadata) {
        self.client = client
        self.timeoutMs = timeoutMs
        self.metadata = metadata
    }

    /// Connects, runs `body` and closes, whatever happens.
    static func with<Value: Sendable>(
        _ options: CallOptions,
        _ body: (ServerCalls) async throws -> Value,
    ) async throws -> Value {
        let address = try options.address()
        let timeoutMs = try options.timeoutMs()
        var metadata = Metadata()
        if let token = try options.token() { try metadata.add("authorization", "Bearer \(token)") }
        var configuration = RPCClientConfiguration()
        configuration.connectMillisecondsMax = min(timeoutMs, 5_000)
        configuration.tls = try options.tls.settings()
        configuration.userAgent = "holdfast/\(holdfastVersion)"
        // A page of positions may hold a thousand rows of long names.
        configuration.messageBytesMax = 64 * 1_024 * 1_024
        let client: RPCClient
        do {
            client = try await RPCClient.connect(
                host: address.host,
                port: address.port,
                loop: Loop(MultiThreadedEventLoopGroup.singleton.next()),
                configuration: configuration,
            )
        } catch {
            if error.code == .failedPrecondition { throw CommandError(.invalid, error.message) }
            // With TLS there are more reasons than that nobody is there.
            throw CommandError(
                .unreachable,
                configuration.tls == nil
                    ? "no server answers at \(address.host):\(address.port)" : error.message,
                hint: "is it running? --server HOST:PORT or HOLDFAST_SERVER names another",
            )
        }
        do {
            let value = try await body(
                ServerCalls(client: client, timeoutMs: timeoutMs, metadata: metadata)
            )
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// Makes a call.
    ///
    /// - Parameter key: the idempotency key within the request, to tell the caller how to find out
    ///   what became of a request that was never answered.
    func call<Answer: Message>(
        _ service: ServiceName,
        _ method: String,
        _ request: some Message,
        key: String? = nil,
    ) async throws -> Answer {
        do {
            return try await answer(service, method, request)
        } catch let status as Status {
            var error = CommandError(status)
            if let key, error.exit == .unreachable {
                error.hint = "what became of it is unknown; try again with --key \(key)"
            } else if let key, error.exit != .denied, let hint = error.hint {
                error.hint = "\(hint); use --key \(key)"
            }
            throw error
        }
    }

    /// Makes a call that carries an idempotency key, again while the server says that it cannot now.
    func callPatiently<Answer: Message>(
        _ service: ServiceName,
        _ method: String,
        _ request: some Message,
        attemptsMax: Int = 6,
    ) async throws -> Answer {
        var attempt = 1
        while true {
            do {
                return try await answer(service, method, request)
            } catch let status as Status {
                guard attempt < attemptsMax, isWorthRetrying(status) else {
                    throw CommandError(status)
                }
                try await Task.sleep(for: .milliseconds(100 << attempt))
                attempt += 1
            }
        }
    }

    /// Makes a call that is answered again and again, until `take` has enough, the task is cancelled
    /// or the server ends it.
    ///
    /// The first answer has to come within the time that every call has; those after it come when
    /// there is something to tell.
    func answers<Answer: Message>(
        _ service: ServiceName,
        _ method: String,
        _ request: some Message,
        take: (Answer) throws -> Bool,
    ) async throws {
        let bytes: [UInt8] = try request.serializedBytes()
        let stream = client.stream("/\(service.rawValue)/\(method)", metadata: metadata)
        let timeoutMs = timeoutMs
        let impatience = Task {
            try await Task.sleep(for: .milliseconds(timeoutMs))
            await stream.cancel()
        }
        defer { impatience.cancel() }
        var hasFirst = false
        do {
            try await withTaskCancellationHandler {
                try await stream.send(bytes)
                await stream.finish()
                while let message = try await stream.next() {
                    hasFirst = true
                    impatience.cancel()
                    if try !take(Answer(serializedBytes: message.bytes)) { break }
                }
            } onCancel: {
                Task { await stream.cancel() }
            }
            await stream.cancel()
        } catch let status as Status {
            if Task.isCancelled { throw CancellationError() }
            if status.code == .cancelled, !hasFirst {
                throw CommandError(.unreachable, "no answer within \(timeoutMs) ms")
            }
            throw CommandError(status)
        } catch {
            await stream.cancel()
            throw error
        }
    }

    private func answer<Answer: Message>(
        _ service: ServiceName,
        _ method: String,
        _ request: some Message,
    ) async throws -> Answer {
        let bytes: [UInt8] = try request.serializedBytes()
        let answer = try await client.unary(
            "/\(service.rawValue)/\(method)",
            bytes,
            metadata: metadata,
            timeoutMilliseconds: timeoutMs,
        )
        return try Answer(serializedBytes: answer.message)
    }
}

private func isWorthRetrying(_ status: Status) -> Bool {
    switch status.code {
    case .unavailable, .resourceExhausted, .aborted, .deadlineExceeded: true
    default: false
    }
}
