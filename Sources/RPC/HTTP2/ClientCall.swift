// One call of a client: its request, what has come back, and who waits for it.
//
// `@unchecked Sendable` because any task may make a call; from then on it belongs to the client's
// loop.

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
    let message: [UInt8]
    let requestMetadata: Metadata
    let deadline: NIODeadline?
    var phase = Phase.waiting
    /// How often the call was put on a connection that refused it unseen.
    var attempts = 0
    var stream: Int32?
    weak var connection: ClientConnection?
    var deadlineTimer: TimerToken?
    var isCancelled = false
    var completion: ((Result<UnaryAnswer, Status>) -> Void)?
    var request = ReplyBody()
    var isRequestSent = false
    var response = ResponseHead()
    var deframer: MessageDeframer
    var answers: [[UInt8]] = []

    init(
        path: String,
        message: [UInt8],
        metadata: Metadata,
        deadline: NIODeadline?,
        messageBytesMax: Int,
    ) {
        self.path = path
        self.message = message
        requestMetadata = metadata
        self.deadline = deadline
        deframer = MessageDeframer(messageBytesMax: messageBytesMax)
    }

    /// Hands out the outcome, the first only.
    func complete(_ outcome: Result<UnaryAnswer, Status>) {
        if phase == .done { return }
        phase = .done
        let completion = completion
        self.completion = nil
        completion?(outcome)
    }

    /// What the peer's side says, now that it has ended.
    func outcome() -> Result<UnaryAnswer, Status> {
        if let status = response.failure { return .failure(status) }
        guard deframer.isAtBoundary else {
            return .failure(Status(.internal, "the reply was cut short"))
        }
        guard let message = answers.first, answers.count == 1 else {
            return .failure(Status(.internal, "\(answers.count) replies to a unary call"))
        }
        return .success(
            UnaryAnswer(
                message: message,
                metadata: response.metadata,
                trailers: response.trailers,
            )
        )
    }
}

/// The header blocks of a reply: head and trailers, or both in one.
struct ResponseHead {
    private(set) var metadata = Metadata()
    private(set) var trailers = Metadata()
    private var isHeadComplete = false
    private var httpStatus: Int?
    private var isGRPC = false
    private var statusNumber: Int?
    private var message = ""
    private var details: [StatusDetail] = []
    private var foreignEncoding: String?
    private var bytesCount = 0
    private var fieldsCount = 0

    /// Takes one field; false when the blocks go over a limit.
    mutating func receive(name: LentBytes, value: LentBytes, limits: SessionLimits) -> Bool {
        fieldsCount += 1
        bytesCount += name.count + value.count + 32
        if fieldsCount > limits.headerFieldsMax || bytesCount > limits.headerListBytesMax {
            return false
        }
        if unsafe equals(name, ":status") {
            httpStatus = unsafe Int(String(decoding: value, as: UTF8.self))
        } else if unsafe equals(name, "content-type") {
            isGRPC = unsafe String(decoding: value, as: UTF8.self).hasPrefix("application/grpc")
        } else if unsafe equals(name, "grpc-status") {
            statusNumber = unsafe Int(String(decoding: value, as: UTF8.self)) ?? -1
        } else if unsafe equals(name, "grpc-message") {
            message = unsafe PercentEncoding.decode(value)
        } else if unsafe equals(name, "grpc-status-details-bin") {
            details = unsafe Base64.decode(value).flatMap(Status.decodeDetails) ?? []
        } else if unsafe equals(name, "grpc-encoding") {
            let isIdentity = unsafe equals(value, "identity")
            foreignEncoding = isIdentity ? nil : unsafe String(decoding: value, as: UTF8.self)
        } else if isHeadComplete {
            _ = unsafe trailers.receive(name: name, value: value)
        } else {
            _ = unsafe metadata.receive(name: name, value: value)
        }
        return true
    }

    /// A block has ended.
    ///
    /// Blocks of status 1xx only announce the real head.
    mutating func blockEnded() {
        if let httpStatus, httpStatus < 200, !isHeadComplete {
            self.httpStatus = nil
            return
        }
        isHeadComplete = true
    }

    /// Whether the head alone shows that no reply will come that could be read.
    var isHopeless: Bool { httpStatus != 200 || !isGRPC || foreignEncoding != nil }

    /// Why the call failed; nil when it went well.
    var failure: Status? {
        if let statusNumber {
            if statusNumber == 0 {
                return foreignEncoding.map { Status(.internal, "reply in encoding \($0)") }
            }
            let code = StatusCode(rawValue: statusNumber) ?? .unknown
            return Status(code, message, details: details)
        }
        if httpStatus != 200 { return .http(httpStatus ?? 0) }
        if !isGRPC { return Status(.unknown, "the reply is not gRPC") }
        return Status(.internal, "the reply ended without a status")
    }
}
