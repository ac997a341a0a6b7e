// One stream of a server connection: which phase it is in, and what it has collected.

internal import Loop
internal import NIOCore

/// The server's side of one call; confined to the loop of its connection.
final class ServerStream {
    /// How far the call is.
    enum Phase {
        /// Its header block is arriving.
        case head
        /// Its only message is arriving; nothing runs yet.
        case body
        /// Its handler runs.
        case running
        /// It has its status; whatever comes later is late and ignored.
        case answered
    }

    /// What a handler waits for that takes the next message.
    typealias Reader = CheckedContinuation<Result<InboundMessage?, Status>, Never>
    /// What a handler waits for that has sent much; nil means that it may go on.
    typealias Writer = CheckedContinuation<Status?, Never>

    let id: Int32
    let startedAt: NIODeadline
    var phase = Phase.head
    var head = RequestHead()
    var method: ServiceRegistry.Method?
    var deadline: NIODeadline?
    var deadlineTimer: TimerToken?
    var call: ServerCall?
    var caller: Caller?
    var task: Task<Void, Never>?
    /// Why a handler that still runs need not go on.
    var over: Status?

    // What comes in.
    var deframer = MessageDeframer(messageBytesMax: 0)
    var inbox = InboundQueue()
    /// What the connection has counted of this stream as received and not taken, in bytes.
    var unreadCount = 0
    /// When the message that is being collected began; nil at a boundary.
    var messageStartedAt: NIODeadline?
    /// The peer has ended its side.
    var hasEnded = false
    /// It was answered with a status of HTTP: whoever asks is no client of gRPC.
    var isForeign = false
    /// Bytes of the request that came after the answer.
    var lateBytes = 0
    /// Ends the wait for the rest of a request that has its answer.
    var lateTimer: TimerToken?
    var reader: Reader?

    // What goes out.
    var isHeadSent = false
    var replies = OutboundBody()
    var replyCount = 0
    /// When the peer last took bytes, or was given the first to take.
    var progressAt: NIODeadline
    /// The session has asked for bytes when there were none.
    var isDeferred = false
    /// Who waits until no more than so many bytes wait.
    private var writers: [(bytesMax: Int, writer: Writer)] = []
    /// The trailers, if they are more than the code of a good end.
    var trailers: HeaderBlock?

    init(id: Int32, startedAt: NIODeadline) {
        self.id = id
        self.startedAt = startedAt
        progressAt = startedAt
    }

    /// Whether DATA of the peer still matters.
    var takesData: Bool {
        switch phase {
        case .body: true
        case .running:
            if case .stream = method?.kind { !hasEnded } else { false }
        case .head, .answered: false
        }
    }

    /// Takes the next message; the only one of its side counts once no second has come with it.
    func nextRequest() -> InboundMessage? {
        if !hasEnded, method?.takesOneRequest == true { return nil }
        return inbox.popFirst()
    }

    /// Gives the handler that waits for a message what there is: a message, the end, or why not.
    func wakeReader() {
        guard let reader else { return }
        if let over {
            self.reader = nil
            reader.resume(returning: .failure(over))
        } else if let message = nextRequest() {
            self.reader = nil
            reader.resume(returning: .success(message))
        } else if hasEnded {
            self.reader = nil
            reader.resume(returning: .success(nil))
        }
    }

    /// Makes `writer` wait until no more than `bytesMax` bytes wait, or the call is over.
    func wait(_ writer: Writer, untilBelow bytesMax: Int) {
        writers.append((bytesMax, writer))
    }

    /// Lets those who wait to send go on, if there is room again or the call is over.
    func wakeWriters() {
        if writers.isEmpty { return }
        let count = replies.byteCount
        let ready = writers.filter { over != nil || count <= $0.bytesMax }
        if ready.isEmpty { return }
        writers.removeAll { over != nil || count <= $0.bytesMax }
        for (_, writer) in ready { writer.resume(returning: over) }
    }
}
