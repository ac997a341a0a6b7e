// Many carts on one stream: each is a call of Reserve of its own, with its own deadline, its own place
// in the overload and its own answer; a refusal ends the cart, not the stream.

internal import Base
internal import Domain
internal import Loop
internal import Messages
internal import NIOCore
internal import Promising
internal import RPC
internal import SwiftProtobuf

/// A stream of carts; used on the loop of its call.
struct CartStream: Sendable {
    /// Decides one cart.
    typealias Reserve =
        @Sendable (
            Holdfast_V1_ReserveRequest, CallContext, _ isOver: () -> Bool
        ) async throws(Status) -> Holdfast_V1_Reservation

    /// Carts of one stream that are under way at once; more stay with the caller.
    static let cartsMax = 256
    /// No cart is begun while those under way have more than this, in bytes: an answer, which waits
    /// here until the caller reads it, is about as long as its cart.
    static let underWayBytesMax = 1_048_576
    /// How long an answer may take, when the cart does not say, in milliseconds.
    static let timeoutDefaultMs: Int64 = 2_000
    /// What a cart may say, in milliseconds.
    static let timeoutMs: ClosedRange<Int64> = 1...30_000

    /// A cart that is no longer under way.
    private struct Ended {
        let byteCount: Int
        /// Why its answer could not be sent; nil when it was.
        let failure: Status?
    }

    /// The answer that a cart gets when its time is over before it is decided; confined to the loop.
    private final class LateAnswer {
        var sending: Task<Status?, Never>?
    }

    let replies: MessageWriter
    let call: ServerCall
    let context: CallContext
    let reserve: Reserve

    /// Answers every cart, in the order in which they are decided.
    ///
    /// Ends when the caller has sent its last cart and has all answers. A message that is no cart
    /// cannot be answered by its number: it ends the stream, once the carts before it have their
    /// answers. What was begun when a stream breaks is found by its key, or was never done.
    func serve(_ requests: MessageReader) async throws(Status) {
        let outcome = await withTaskGroup(of: Ended.self) { group in
            var count = 0
            var byteCount = 0
            var failure: Status?
            do throws(Status) {
                while failure == nil {
                    // Room first: the time of a cart runs from when it is taken.
                    while count == Self.cartsMax || byteCount > Self.underWayBytesMax,
                        let ended = await group.next()
                    {
                        count -= 1
                        byteCount -= ended.byteCount
                        failure = failure ?? ended.failure
                    }
                    guard failure == nil, let message = try await requests.next() else { break }
                    let bytes = message.bytes
                    let request = try decode(Holdfast_V1_ReserveStreamRequest.self, bytes)
                    count += 1
                    byteCount += bytes.count
                    group.addTask {
                        Ended(byteCount: bytes.count, failure: await answer(request))
                    }
                }
            } catch {
                failure = error
            }
            for await ended in group { failure = failure ?? ended.failure }
            return failure
        }
        if let outcome { throw outcome }
    }

    /// Serves one cart; nil when its answer was sent.
    ///
    /// When its time is over it is answered so, even if what it waits for does not come back; it is
    /// under way until that does.
    private func answer(_ request: Holdfast_V1_ReserveStreamRequest) async -> Status? {
        let late = LateAnswer()
        var response = Holdfast_V1_ReserveStreamResponse()
        response.correlationID = request.correlationID
        do throws(Status) {
            let deadline = try deadline(of: request)
            let timers = call.loop.timers
            let timer = timers.schedule(at: deadline) {
                late.sending = call.loop.start { [correlationID = request.correlationID] in
                    await sendLate(correlationID)
                }
            }
            defer { timers.cancel(timer) }
            response.reservation = try await decide(request, by: deadline)
        } catch {
            response.error = Holdfast_V1_ReserveError(error)
        }
        if let sending = late.sending { return await sending.value }
        return await send(response)
    }

    private func sendLate(_ correlationID: UInt64) async -> Status? {
        var response = Holdfast_V1_ReserveStreamResponse()
        response.correlationID = correlationID
        response.error = Holdfast_V1_ReserveError(
            Status(.deadlineExceeded, "the time for the cart was over")
        )
        return await send(response)
    }

    private func send(_ response: Holdfast_V1_ReserveStreamResponse) async -> Status? {
        do throws(Status) {
            try await replies.send(try encode(response))
            return nil
        } catch {
            return error
        }
    }

    /// When the answer of a cart must be out.
    private func deadline(
        of request: Holdfast_V1_ReserveStreamRequest
    ) throws(Status) -> NIODeadline {
        var validator = Validator()
        if !request.hasCart { validator.fail("cart", "must be said") }
        let timeoutMs =
            request.hasTimeout
            ? validator.milliseconds(request.timeout, "timeout", in: Self.timeoutMs) ?? 0
            : Self.timeoutDefaultMs
        try validator.check()
        let own = NIODeadline.now() + .milliseconds(timeoutMs)
        return call.deadline.map { min($0, own) } ?? own
    }

    private func decide(
        _ request: Holdfast_V1_ReserveStreamRequest,
        by deadline: NIODeadline,
    ) async throws(Status) -> Holdfast_V1_Reservation {
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
        status.details = details.map { $0.inside(field) }
        return status
    }
}

extension StatusDetail {
    fileprivate func inside(_ field: String) -> StatusDetail {
        switch self {
        case .badRequest(let violations):
            return .badRequest(
                violations.map {
                    FieldViolation(field: "\(field).\($0.field)", description: $0.description)
                }
            )
        case .errorInfo(let reason, let domain, var metadata):
            if let named = metadata["field"] { metadata["field"] = "\(field).\(named)" }
            return .errorInfo(reason: reason, domain: domain, metadata: metadata)
        default:
            return self
        }
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
