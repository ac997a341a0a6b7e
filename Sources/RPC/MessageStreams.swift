// The two ends of a streaming call as its handler sees them.
//
// `@unchecked Sendable` because both belong to the event loop of the call, on which its handler
// runs; every door checks that.

internal import Loop
internal import NIOCore

/// The requests of a call, in order; confined to the loop of the call.
///
/// A handler that takes them slowly makes the caller send slowly.
package final class MessageReader: @unchecked Sendable {
    private let connection: ServerConnection
    private let stream: ServerStream

    init(connection: ServerConnection, stream: ServerStream) {
        self.connection = connection
        self.stream = stream
    }

    /// The next request, or nil when the caller has sent its last.
    ///
    /// One at a time: a second wait while one is under way breaks an invariant.
    ///
    /// - Throws: why the call is over: cancelled, past its deadline, lost.
    package func next() async throws(Status) -> InboundMessage? {
        try await connection.nextMessage(of: stream).get()
    }
}

/// The replies of a call; confined to the loop of the call.
package final class MessageWriter: @unchecked Sendable {
    private let connection: ServerConnection
    private let stream: ServerStream

    init(connection: ServerConnection, stream: ServerStream) {
        self.connection = connection
        self.stream = stream
    }

    /// Waits until all that was sent is on its way: a writer of figures that age sends the next only
    /// then, so that a slow reader gets the latest and not all of them.
    ///
    /// - Throws: why the call is over: cancelled, past its deadline, lost.
    package func drained() async throws(Status) {
        if let over = await connection.drained(stream) { throw over }
    }

    /// Sends a reply, and waits while the caller has too much to read.
    ///
    /// Several tasks of a handler may send at once; each message stays whole.
    ///
    /// - Parameter compress: packs the message, if the caller can unpack it.
    /// - Throws: why the call is over: cancelled, past its deadline, lost.
    package func send(_ bytes: [UInt8], compress: Bool = false) async throws(Status) {
        if let over = await connection.send(bytes, compress: compress, on: stream) { throw over }
    }
}
