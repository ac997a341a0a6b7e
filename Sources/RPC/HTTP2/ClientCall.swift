// One call of a client: its requests, what has come back, and who waits for it.
//
// `@unchecked Sendable` because any task may make a call; from then on it belongs to the client's
// loop.

internal import Base
internal import Loop
internal import NIOCore

/// The client's side of one call; confined to the client's loop once it is started.
final class ClientCall: @unchecked Sendable {
    /// How far the call is.
    enum Phase {
        /// Not started: waits for a connection, or for the peer to take one more stream.
        case waiting
        /// Its stream is open.
        case open
        /// It has its outcome; whatever comes later is ignored.
        case done
    }

    let path: String
    /// The only request of a unary call, kept so that the call can be sent again unseen.
    let message: [UInt8]?
    let compresses: Bool
    let requestMetadata: Metadata
    let deadline: NIODeadline?
    var phase = Phase.waiting
    /// How often the call was put on a connection that refused it unseen.
    var attempts = 0
    var stream: Int32?
    weak var connection: ClientConnection?
    var deadlineTimer: TimerToken?
    var isCancelled = false
    /// Called once with nil when the call has ended well, or with why it has not.
    var completion: ((Status?) -> Void)?
    /// Called when something came in or there is room to send more; for streams.
    var onChange: (() -> Void)?

    var requests = OutboundBody()
    /// The session has asked for bytes when there were none.
    var isDeferred = false
    var response = ResponseHead()
    var deframer: MessageDeframer
    var answers = InboundQueue()

    init(
        path: String,
        message: [UInt8]?,
        compresses: Bool,
        metadata: Metadata,
        deadline: NIODeadline?,
        messageBytesMax: Int,
    ) {
        self.path = path
        self.message = message
        self.compresses = compresses
        requestMetadata = metadata
        self.deadline = deadline
        deframer = MessageDeframer(messageBytesMax: messageBytesMax)
    }

    /// Whether the call may be sent again from its beginning: a stream whose first bytes have left
    /// cannot, unless they are at hand.
    var canStartOver: Bool { message != nil || !requests.hasBegun }

    /// Puts the requests back to where they began.
    func rewind() {
        guard let message else { return }
        requests = OutboundBody()
        requests.append(
            compresses ? Gzip.compress(message) : message,
            isCompressed: compresses,
        )
        requests.isComplete = true
    }

    /// Hands out the outcome, the first only.
    func complete(_ failure: Status?) {
        if phase == .done { return }
        phase = .done
        let completion = completion
        self.completion = nil
        completion?(failure)
    }

    /// Why the call failed, now that the peer's side has ended; nil when it went well.
    func failure() -> Status? {
        if let status = response.failure { return status }
        if !deframer.isAtBoundary { return Status(.internal, "the reply was cut short") }
        if message != nil, answers.total != 1 {
            return Status(.internal, "\(answers.total) replies to a unary call")
        }
        return nil
    }

    /// The reply of a unary call that went well.
    func answer() -> UnaryAnswer {
        guard let reply = answers.popFirst() else { invariantBroken("a good end without a reply") }
        return UnaryAnswer(
            message: reply.bytes,
            metadata: response.metadata,
            trailers: response.trailers,
            wasCompressed: reply.wasCompressed,
        )
    }
}
