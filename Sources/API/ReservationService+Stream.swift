// Many carts on one stream: each is a call of Reserve of its own, with its own deadline, its own place
// in the overload and its own answer; a refusal ends the cart, not the stream.

internal import Base
internal import Domain
internal import Messages
internal import NIOCore
internal import Promising
internal import RPC
internal import SwiftProtobuf

/// How a stream of carts is served.
enum CartStream {
    /// Carts of one stream that are under way at once; more stay with the caller.
    static let cartsMax = 256
    /// How long an answer may take, when the cart does not say, in milliseconds.
    static let timeoutDefaultMs: Int64 = 2_000
    /// What a cart may say, in milliseconds.
    static let timeoutMs: ClosedRange<Int64> = 1...30_000

    /// Answers every cart, in the order in which they are decided.
    ///
    /// Ends when the caller has sent its last cart and has all answers; what was begun when a stream
    /// breaks is finished without an answer, and found by its key.
    static func serve(
        _ requests: MessageReader,
        _ replies: MessageWriter,
        _ call: ServerCall,
        _ context: CallContext,
        reserve:
            @escaping @Sendable (
                Holdfast_V1_ReserveRequest, CallContext, _ isOver: () -> Bool
            ) async throws(Status) -> Holdfast_V1_Reservation,
    ) async throws(Status) {
        let outcome = await withTaskGroup(of: Status?.self) { group in
            var running = 0
            var failure: Status?
            do throws(Status) {
                while failure == nil, let message = try await requests.next() {
                    if running == cartsMax, let ended = await group.next() {
                        running -= 1
                        failure = failure ?? ended
                    }
                    let request = try decode(
                        Holdfast_V1_ReserveStreamRequest.self,
                        message.bytes,
                    )
                    running += 1
                    group.addTask {
                        await answer(request, replies, call, context, reserve)
                    }
                }
            } catch {
                failure = error
            }
            for await ended in group { failure = failure ?? ended }
            return failure
        }
        if let outcome { throw outcome }
    }

    /// Serves one cart; nil when its answer was sent.
    private static func answer(
        _ request: Holdfast_V1_ReserveStreamRequest,
        _ replies: MessageWriter,
        _ call: ServerCall,
        _ context: CallContext,
        _ reserve:
            @Sendable (
                Holdfast_V1_ReserveRequest, CallContext, _ isOver: () -> Bool
            ) async throws(Status) -> Holdfast_V1_Reservation,
    ) async -> Status? {
        var response = Holdfast_V1_ReserveStreamResponse()
        response.correlationID = request.correlationID
        do throws(Status) {
            response.reservation = try await decide(request, call, context, reserve)
        } catch {
            response.error = Holdfast_V1_ReserveError(error)
        }
        do throws(Status) {
            try await replies.send(try encode(response))
            return nil
        } catch {
            return error
        }
    }

    private static func decide(
        _ request: Holdfast_V1_ReserveStreamRequest,
        _ call: ServerCall,
        _ context: CallContext,
        _ reserve:
            @Sendable (
                Holdfast_V1_ReserveRequest, CallContext, _ isOver: () -> Bool
            ) async throws(Status) -> Holdfast_V1_Reservation,
    ) async throws(Status) -> Holdfast_V1_Reservation {
        var validator = Validator()
        if !request.hasCart { validator.fail("cart", "must be said") }
        let timeoutMs =
            request.hasTimeout
            ? validator.milliseconds(request.timeout, "timeout", in: timeoutMs) ?? 0
            : timeoutDefaultMs
        try validator.check()
        let own = NIODeadline.now() + .milliseconds(timeoutMs)
        let deadline = call.deadline.map { min($0, own) } ?? own
        var context = context
        context.origin.requestID += "/\(request.correlationID)"
        let cart = context
        do throws(Status) {
            return try await call.counted(.normal, by: deadline) { () async throws(Status) in
                try await within(deadline) { () async throws(Status) in
                    try await reserve(request.cart, cart) {
                        call.isCancelled || NIODeadline.now() >= deadline
                    }
                }
            }
        } catch {
            throw error.inside("cart")
        }
    }
}

extension Status {
    /// The same status for a request that is a field of another.
    fileprivate func inside(_ field: String) -> Status {
        var status = self
        status.details = details.map { detail in
            switch detail {
            case .badRequest(let violations):
                .badRequest(
                    violations.map {
                        FieldViolation(field: "\(field).\($0.field)", description: $0.description)
                    }
                )
            case .errorInfo(let reason, let domain, var metadata):
                {
                    if let named = metadata["field"] { metadata["field"] = "\(field).\(named)" }
                    return .errorInfo(reason: reason, domain: domain, metadata: metadata)
                }()
            default: detail
            }
        }
        return status
    }
}

extension Holdfast_V1_ReserveError {
    fileprivate init(_ status: Status) {
        self.init()
        code = Int32(status.code.rawValue)
        message = status.message
        for detail in status.details {
            switch detail {
            case .errorInfo(let reason, _, let metadata):
                self.reason = reason
                self.metadata = metadata
            case .retryInfo(let delayMilliseconds):
                retryAfter.seconds = delayMilliseconds / 1_000
                retryAfter.nanos = Int32(delayMilliseconds % 1_000) * 1_000_000
            case .badRequest(let violations):
                self.violations = violations.map { violation in
                    var field = Holdfast_V1_ReserveFieldViolation()
                    field.field = violation.field
                    field.description_p = violation.description
                    return field
                }
            default: break
            }
        }
    }
}
