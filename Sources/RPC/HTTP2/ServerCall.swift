// One call as its handler sees it. Nothing of HTTP/2 shows here.
//
// `@unchecked Sendable` because the call belongs to one event loop, on which its handler runs;
// every door checks that.

package import Loop
package import NIOCore

/// One call on the server; confined to the event loop of its connection.
package final class ServerCall: @unchecked Sendable {
    /// The loop that the handler runs on.
    package let loop: Loop
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
        loop: Loop,
        path: String,
        metadata: Metadata,
        peer: String,
        caller: Caller?,
        deadline: NIODeadline?,
        acceptsGzip: Bool,
    ) {
        self.loop = loop
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

    func cancel() {
        cancelled = true
    }
}
