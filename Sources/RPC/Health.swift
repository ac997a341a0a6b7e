// The health checking protocol of gRPC, asked for by load balancers and by people.
//
// State is behind a lock: it is read by a call in seconds, on whichever loop, not on the way of
// the calls that matter.

internal import SwiftProtobuf
internal import Synchronization

/// Which services are ready to serve; the empty name stands for the server as a whole.
package final class HealthService: Sendable {
    private struct State {
        var isServing: [String: Bool] = ["": true]
        var isStopped = false
    }

    private let state = Mutex(State())

    init() {}

    /// Sets what `Check` answers for a service; the empty name is the server as a whole.
    package func setServing(_ service: String, _ isServing: Bool) {
        state.withLock { $0.isServing[service] = isServing }
    }

    /// Answers NOT_SERVING for every known service, for good.
    func stop() {
        state.withLock { $0.isStopped = true }
    }

    /// Whether the service is ready; nil when nobody has spoken of it.
    package func isServing(_ service: String) -> Bool? {
        state.withLock { state in
            state.isServing[service].map { $0 && !state.isStopped }
        }
    }

    func register(in registry: inout ServiceRegistry) {
        for service in registry.serviceNames {
            state.withLock { state in
                if state.isServing[service] == nil { state.isServing[service] = true }
            }
        }
        registry.unary(service: "grpc.health.v1.Health", method: "Check") {
            message,
            _ throws(Status) in
            try self.check(message)
        }
    }

    private func check(_ message: [UInt8]) throws(Status) -> [UInt8] {
        do {
            let request = try Grpc_Health_V1_HealthCheckRequest(serializedBytes: message)
            guard let isServing = isServing(request.service) else {
                throw Status(.notFound, "unknown service \(request.service)")
            }
            var response = Grpc_Health_V1_HealthCheckResponse()
            response.status = isServing ? .serving : .notServing
            return try response.serializedBytes()
        } catch let status as Status {
            throw status
        } catch {
            throw Status(.invalidArgument, "the request is no HealthCheckRequest")
        }
    }
}
