// Joins an HTTP/2 session to a channel: what is read goes in, and once per turn of the loop what the
// session has to say goes out in one write.
//
// When the peer does not read, nothing more is taken from the session: replies then wait inside it,
// bounded by the number of streams, and not in the socket's queue.

internal import Loop
internal import NIOCore

/// The session of one connection and the channel that it talks through; confined to the loop.
final class Wire {
    /// Bytes taken from the session before they are written.
    private static let writeBytesMax = 262_144
    /// A larger buffer than this is not kept for the next write.
    private static let keptBytesMax = 65_536

    let loop: Loop
    private(set) var session: Session?
    private var context: ChannelHandlerContext?
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    private var failure: ConnectionEnd?

    init(loop: Loop) {
        self.loop = loop
    }

    /// Why the connection was ended, if the peer is to blame.
    var brokenBy: ConnectionEnd? { failure }

    /// Starts the session on a channel that has just become active.
    func open(_ context: ChannelHandlerContext, _ session: Session) {
        self.context = context
        self.session = session
        scheduleFlush()
    }

    /// Lets go of the session and the channel, which is closed or about to be.
    func release() {
        session = nil
        context = nil
    }

    /// Feeds what was read.
    ///
    /// A peer that breaks the rules is told so and cut off.
    func receive(_ buffer: ByteBuffer) {
        guard let session, failure == nil else { return }
        do throws(SessionError) {
            try feed(buffer, to: session)
        } catch {
            end(error.end)
        }
        scheduleFlush()
    }

    /// Tells the peer why, reads nothing more and closes the channel when this turn ends.
    func end(_ end: ConnectionEnd) {
        guard let session, failure == nil else { return }
        failure = end
        session.end(end)
        scheduleFlush()
    }

    private func feed(_ buffer: ByteBuffer, to session: Session) throws(SessionError) {
        let result: Result<Void, SessionError> = unsafe buffer.withUnsafeReadableBytes { bytes in
            do throws(SessionError) {
                return .success(try unsafe session.receive(bytes))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Makes sure that the session is asked for output when this turn ends.
    func scheduleFlush() {
        if isFlushScheduled { return }
        isFlushScheduled = true
        loop.atTurnEnd(.flush) { self.flush() }
    }

    /// Closes the channel; `channelInactive` follows.
    func close() {
        context?.close(promise: nil)
    }

    private func flush() {
        isFlushScheduled = false
        do throws(SessionError) {
            while let session, let context, context.channel.isWritable {
                guard try fillOutput(from: session) else { break }
                context.writeAndFlush(NIOAny(output), promise: nil)
            }
        } catch {
            if failure == nil { failure = error.end }
        }
        if let session, failure != nil || !session.isAlive { close() }
    }

    /// Takes what fits into one write; false when there is nothing.
    private func fillOutput(from session: Session) throws(SessionError) -> Bool {
        if output.capacity > Self.keptBytesMax {
            output = ByteBuffer()
        } else {
            // Takes the storage back if the last write has already let go of it.
            output.clear()
        }
        while output.writerIndex < Self.writeBytesMax {
            guard let bytes = try unsafe session.nextOutput() else { break }
            unsafe output.writeBytes(bytes)
        }
        return output.readableBytes > 0
    }
}
