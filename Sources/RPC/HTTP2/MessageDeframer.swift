// Cuts a stream of bytes into the messages of gRPC: a flag, four bytes of length, the message.
//
// Pure: bytes in, messages out, cut at any boundary. A message that is too long is known from its
// length alone, before memory is spent on it; one that unfolds to too much stops at the limit.

/// Collects messages out of the DATA of one stream.
struct MessageDeframer {
    /// How the peer broke the framing; the stream is of no more use.
    enum Violation: Error, Hashable {
        /// The message is compressed, and nothing was agreed on.
        case compressed
        /// The message is compressed and cannot be unpacked.
        case corrupt
        /// The flag is neither 0 nor 1.
        case unknownFlag(UInt8)
        /// The length goes over the limit; both in bytes.
        case tooLong(length: Int, bytesMax: Int)
        /// Unpacked it goes over the limit, in bytes.
        case unfoldsTooLong(bytesMax: Int)
    }

    /// Length of the flag and the length field, in bytes.
    static let prefixLength = 5

    private let messageBytesMax: Int
    /// What a message with the flag set is packed in.
    var encoding = MessageEncoding.identity
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    /// The length of the message that is being collected, once its prefix is complete.
    private var length = 0
    private var isCompressed = false
    private var message: [UInt8] = []

    init(messageBytesMax: Int) {
        self.messageBytesMax = messageBytesMax
    }

    /// Whether the bytes so far end exactly at the end of a message.
    var isAtBoundary: Bool { prefixCount == 0 }

    /// Bytes of the message that is being collected.
    var partCount: Int { message.count }

    /// Takes the next bytes and hands out each message that they complete.
    mutating func feed(
        _ bytes: LentBytes,
        onMessage: (InboundMessage) -> Void,
    ) throws(Violation) {
        var position = 0
        let end = bytes.count
        while true {
            while prefixCount < Self.prefixLength {
                if position == end { return }
                prefix = unsafe prefix << 8 | UInt64(bytes[position])
                position += 1
                prefixCount += 1
                if prefixCount == Self.prefixLength { try readPrefix() }
            }
            let share = min(length - message.count, end - position)
            if share > 0 {
                unsafe message.append(
                    contentsOf: LentBytes(rebasing: bytes[position..<(position + share)])
                )
                position += share
            }
            if message.count < length { return }
            try onMessage(takeMessage())
        }
    }

    private mutating func takeMessage() throws(Violation) -> InboundMessage {
        let complete = message
        message = []
        prefix = 0
        prefixCount = 0
        if !isCompressed { return InboundMessage(bytes: complete, wasCompressed: false) }
        do throws(Gzip.Failure) {
            let bytes = try Gzip.decompress(complete, bytesMax: messageBytesMax)
            return InboundMessage(bytes: bytes, wasCompressed: true)
        } catch {
            switch error {
            case .corrupt: throw .corrupt
            case .tooLong: throw .unfoldsTooLong(bytesMax: messageBytesMax)
            }
        }
    }

    private mutating func readPrefix() throws(Violation) {
        length = Int(prefix & 0xffff_ffff)
        let flag = UInt8(truncatingIfNeeded: prefix >> 32)
        if flag > 1 { throw .unknownFlag(flag) }
        if length > messageBytesMax {
            throw .tooLong(length: length, bytesMax: messageBytesMax)
        }
        isCompressed = flag == 1
        if isCompressed, encoding == .identity { throw .compressed }
        // Room for a short message at once; a long one earns its room by arriving.
        message.reserveCapacity(min(length, 65_536))
    }
}
