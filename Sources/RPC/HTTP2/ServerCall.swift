// One call as its handler sees it. Nothing of HTTP/2 shows here.
//
// `@unchecked Sendable` because the call belongs to one event loop, on which its handler runs;
// every door checks that.

package import Loop
package import NIOCore

/// One call on the server; confined to the event loop of its connection.
package final class ServerCall: @unchecked Sendable {
    private let owner: ServerLoop
    /// The loop that the handler runs on.
    package var loop: Loop { owner.loop }
    /// `/package.Service/Method`.
    package let path: String
    /// What the caller sent beside the message.
    package let metadata: Metadata
    /// Address and port of the caller.
    package let peer: String
    /// Who makes the call; nil when nobody asked.
    package let caller: Caller?
    /// When the answer must be out; nil means never.
    package let deadline: NIODeadline?

    private var replyMetadataState = Metadata()
    private var trailersState = Metadata()
    private var cancelled = false
    /// Whether the caller can unpack what we compress.
    package let acceptsGzip: Bool
    /// Whether the request of a unary call travelled compressed.
    package internal(set) var requestWasCompressed = false
    /// Whether the reply of a unary call is to be compressed, if the caller can unpack it.
    package var compressesReply = false

    init(
        owner: ServerLoop,
        path: String,
        metadata: Metadata,
        peer: String,
        caller: Caller?,
        deadline: NIODeadline?,
        acceptsGzip: Bool,
    ) {
        self.owner = owner
        self.path = path
        self.metadata = metadata
        self.peer = peer
        self.caller = caller
        self.deadline = deadline
        self.acceptsGzip = acceptsGzip
    }

    /// What goes out before the reply.
    package var replyMetadata: Metadata {
        get {
            loop.eventLoop.preconditionInEventLoop()
            return replyMetadataState
        }
        set {
            loop.eventLoop.preconditionInEventLoop()
            replyMetadataState = newValue
        }
    }

    /// What goes out after the reply, or with the error.
    package var trailers: Metadata {
        get {
            loop.eventLoop.preconditionInEventLoop()
            return trailersState
        }
        set {
            loop.eventLoop.preconditionInEventLoop()
            trailersState = newValue
        }
    }

    /// Whether nobody waits for the answer any more: reset, lost, or past its deadline.
    package var isCancelled: Bool {
        loop.eventLoop.preconditionInEventLoop()
        return cancelled
    }

    /// The time left until the deadline, not below zero; nil when there is none.
    package var remaining: TimeAmount? {
        guard let deadline else { return nil }
        return max(.zero, deadline - .now())
    }

    /// Runs a piece of work of a stream as if it were a call of its own: refused when the server
    /// has too much to do, and counted while it runs.
    ///
    /// - Parameters:
    ///   - priority: what goes first when not everything can be served.
    ///   - deadline: when the work must be done; nil means that of the call.
    /// - Throws: RESOURCE_EXHAUSTED with a delay, or what `body` throws.
    package func counted<Value>(
        _ priority: CallPriority,
        by deadline: NIODeadline? = nil,
        _ body: () async throws(Status) -> Value,
    ) async throws(Status) -> Value {
        loop.eventLoop.preconditionInEventLoop()
        let startedAt = NIODeadline.now()
        if let refusal = owner.callStarts(
            priority,
            by: deadline ?? self.deadline,
            at: startedAt,
        ) {
            throw refusal.status
        }
        defer {
            owner.callEnded(priority, startedAt: startedAt, at: .now(), cutShort: isCancelled)
        }
        return try await body()
    }

    func cancel() {
        cancelled = true
    }
}
