// One stream of a server connection: which phase it is in, and what it has collected.

internal import Loop
internal import NIOCore

/// The server's side of one call.
final class ServerStream {
    /// How far the call is.
    enum Phase {
        /// Its header block is arriving.
        case head
        /// Its message is arriving.
        case body
        /// Its handler runs.
        case running
        /// It has its answer; whatever comes later is late and ignored.
        case answered
    }

    let id: Int32
    let startedAt: NIODeadline
    var phase = Phase.head
    var head = RequestHead()
    var method: ServiceRegistry.Method?
    var deadline: NIODeadline?
    var deadlineTimer: TimerToken?
    var deframer = MessageDeframer(messageBytesMax: 0)
    var message: [UInt8]?
    /// The peer has ended its side.
    var hasEnded = false
    var call: ServerCall?
    var caller: Caller?
    var task: Task<Void, Never>?
    var reply = ReplyBody()
    /// Bytes of the request that came after the answer.
    var lateBytes = 0
    /// Ends the wait for the rest of a request that has its answer.
    var lateTimer: TimerToken?
    /// The trailers of a good reply, if they are more than the code.
    var trailers: HeaderBlock?

    init(id: Int32, startedAt: NIODeadline) {
        self.id = id
        self.startedAt = startedAt
    }
}

/// A message on its way out, with its prefix.
struct ReplyBody {
    private var message: [UInt8] = []
    private var prefix: [UInt8] = []
    private var sent = 0

    init() {}

    init(_ message: [UInt8]) {
        self.message = message
        prefix = MessageDeframer.prefix(length: message.count)
    }

    /// Moves the next bytes into `buffer`; says how many, and whether they were the last.
    mutating func fill(
        _ buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> (count: Int, isLast: Bool) {
        var count = 0
        while sent < prefix.count, count < buffer.count {
            unsafe buffer[count] = prefix[sent]
            sent += 1
            count += 1
        }
        let start = sent - prefix.count
        let share = min(message.count - start, buffer.count - count)
        if share > 0 {
            let room = unsafe UnsafeMutableBufferPointer(rebasing: buffer[count...])
            unsafe message.withUnsafeBufferPointer { message in
                let part = unsafe LentBytes(rebasing: message[start..<(start + share)])
                _ = unsafe room.update(fromContentsOf: part)
            }
            sent += share
            count += share
        }
        return (count, sent == prefix.count + message.count)
    }
}
