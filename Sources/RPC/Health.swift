// The health checking protocol of gRPC, asked for by load balancers and by people.
//
// State is behind a lock: it is read by a call in seconds, on whichever loop, not on the way of
// the calls that matter. A change leaves a mark with each watcher; the watcher then reads the state
// anew on its own loop, so one that reads slowly gets the latest and nothing piles up for it.

internal import Loop
internal import NIOCore
internal import SwiftProtobuf
internal import Synchronization

/// Which services are ready to serve; the empty name stands for the server as a whole.
package final class HealthService: Sendable {
    private typealias ServingStatus = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    private struct State {
        var isServing: [String: Bool] = ["": true]
        var isStopped = false
        var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var watchersEver: UInt64 = 0

        func status(of service: String) -> ServingStatus {
            guard let isServing = isServing[service] else { return .serviceUnknown }
            return isServing && !isStopped ? .serving : .notServing
        }

        func tellWatchers() {
            for mark in watchers.values { mark.yield() }
        }
    }

    private static let serviceName = "grpc.health.v1.Health"
    /// The largest request; service names are short.
    private static let requestBytesMax = 1_024
    /// Watchers of the whole server; each holds one of the calls that may be in flight.
    private static let watchersMax = 256

    /// When a watcher that does not read is looked at again, in milliseconds.

    private let state = Mutex(State())

    init() {}

    /// Sets what `Check` and `Watch` answer for a service; the empty name is the server as a whole.
    package func setServing(_ service: String, _ isServing: Bool) {
        state.withLock { state in
            state.isServing[service] = isServing
            state.tellWatchers()
        }
    }

    /// Answers NOT_SERVING for every known service, for good, and ends the watching.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.tellWatchers()
        }
    }

    /// Whether the service is ready; nil when nobody has spoken of it.
    package func isServing(_ service: String) -> Bool? {
        state.withLock { state in
            state.isServing[service].map { $0 && !state.isStopped }
        }
    }

    /// How many streams watch now.
    var watcherCount: Int { state.withLock { $0.watchers.count } }

    func register(in registry: inout ServiceRegistry) {
        for service in registry.serviceNames {
            state.withLock { state in
                if state.isServing[service] == nil { state.isServing[service] = true }
            }
        }
        registry.unary(
            service: Self.serviceName,
            method: "Check",
            messageBytesMax: Self.requestBytesMax,
            priority: .exempt,
        ) { message, _ throws(Status) in
            try self.check(message)
        }
        registry.serverStream(
            service: Self.serviceName,
            method: "Watch",
            messageBytesMax: Self.requestBytesMax,
            priority: .exempt,
        ) { requests, replies, _ async throws(Status) in
            guard let message = try await requests.next() else { return }
            try await self.watch(try Self.service(in: message.bytes), replies)
        }
    }

    // MARK: Answers

    private func check(_ message: [UInt8]) throws(Status) -> [UInt8] {
        let service = try Self.service(in: message)
        let status = state.withLock { $0.status(of: service) }
        if status == .serviceUnknown { throw Status(.notFound, "unknown service \(service)") }
        return try Self.response(status)
    }

    /// Sends the status of the service now, and again whenever it is another.
    private func watch(
        _ service: String,
        _ replies: MessageWriter,
    ) async throws(Status) {
        let (marks, mark) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let number = try addWatcher(mark)
        defer { removeWatcher(number) }
        // The first look needs no change.
        mark.yield()
        var told: ServingStatus?
        for await _ in marks {
            let (status, isStopped) = state.withLock { ($0.status(of: service), $0.isStopped) }
            if status != told {
                try await replies.send(try Self.response(status))
                told = status
                // What the peer has not read yet is old already: add nothing to it.
                try await replies.drained()
            }
            if isStopped { throw Status(.unavailable, "the server is shutting down") }
        }
        throw Status(.cancelled, "the watching was cancelled")
    }

    private func addWatcher(_ mark: AsyncStream<Void>.Continuation) throws(Status) -> UInt64 {
        let number: UInt64? = state.withLock { state in
            if state.watchers.count >= Self.watchersMax { return nil }
            state.watchersEver += 1
            state.watchers[state.watchersEver] = mark
            return state.watchersEver
        }
        guard let number else { throw Status(.resourceExhausted, "too many watch already") }
        return number
    }

    private func removeWatcher(_ number: UInt64) {
        state.withLock { $0.watchers[number] = nil }
    }

    // MARK: Messages

    private static func service(in message: [UInt8]) throws(Status) -> String {
        do {
            return try Grpc_Health_V1_HealthCheckRequest(serializedBytes: message).service
        } catch {
            throw Status(.invalidArgument, "the request is no HealthCheckRequest")
        }
    }

    private static func response(_ status: ServingStatus) throws(Status) -> [UInt8] {
        var response = Grpc_Health_V1_HealthCheckResponse()
        response.status = status
        do {
            return try response.serializedBytes()
        } catch {
            throw Status(.internal, "the response cannot be written")
        }
    }
}
