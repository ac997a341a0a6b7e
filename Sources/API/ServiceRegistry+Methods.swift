// How a typed method of a service becomes a handler of bytes. Services are confined to their event
// loop; the registry of that loop holds them in a box that checks so.

package import NIOCore
internal import Promising
package import RPC
package import SwiftProtobuf

/// Numbers a request that came without an id of its own.
package typealias RequestIDs = @Sendable () -> String

extension ServiceRegistry {
    /// Adds a method that takes one message and answers with another.
    ///
    /// - Parameters:
    ///   - bound: the service, which `body` gets on its loop.
    ///   - service: full name, such as `holdfast.v1.OrderService`.
    package mutating func add<
        Service,
        Request: SwiftProtobuf.Message,
        Reply: SwiftProtobuf.Message
    >(
        _ bound: NIOLoopBound<Service>,
        service: String,
        method: String,
        newRequestID: @escaping RequestIDs,
        _ body:
            @escaping @Sendable (Service, Request, CallContext) async throws(Status) -> Reply,
    ) {
        unary(
            service: service,
            method: method,
            priority: MethodPriority.of("/\(service)/\(method)"),
        ) { bytes, call async throws(Status) -> [UInt8] in
            let request = try decode(Request.self, bytes)
            let context = CallContext(call, newRequestID: newRequestID)
            return try await withinDeadline(of: call) { () async throws(Status) in
                try encode(try await body(bound.value, request, context))
            }
        }
    }
}

/// Runs a part of a use case and says what its failure is for the caller.
func answering<Value>(
    _ body: () async throws(Failure) -> Value
) async throws(Status) -> Value {
    do throws(Failure) {
        return try await body()
    } catch {
        throw Status(error)
    }
}
