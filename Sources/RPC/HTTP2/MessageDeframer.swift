// Cuts a stream of bytes into the messages of gRPC: a flag, four bytes of length, the message.
//
// Pure: bytes in, messages out, cut at any boundary. A message that is too long is known from its
// length alone, before memory is spent on it.

/// Collects messages out of the DATA of one stream.
struct MessageDeframer {
    /// How the peer broke the framing; the stream is of no more use.
    enum Violation: Error, Hashable {
        /// The message is compressed, and nothing was agreed on.
        case compressed
        /// The flag is neither 0 nor 1.
        case unknownFlag(UInt8)
        /// The length goes over the limit; both in bytes.
        case tooLong(length: Int, bytesMax: Int)
    }

    /// Length of the flag and the length field, in bytes.
    static let prefixLength = 5

    private let messageBytesMax: Int
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    /// The length of the message that is being collected, once its prefix is complete.
    private var length = 0
    private var message: [UInt8] = []

    init(messageBytesMax: Int) {
        self.messageBytesMax = messageBytesMax
    }

    /// Whether the bytes so far end exactly at the end of a message.
    var isAtBoundary: Bool { prefixCount == 0 }

    /// Takes the next bytes and hands out each message that they complete.
    mutating func feed(
        _ bytes: some RandomAccessCollection<UInt8>,
        onMessage: ([UInt8]) -> Void,
    ) throws(Violation) {
        var rest = bytes[...]
        while true {
            while prefixCount < Self.prefixLength {
                guard let byte = rest.popFirst() else { return }
                prefix = prefix << 8 | UInt64(byte)
                prefixCount += 1
                if prefixCount == Self.prefixLength { try readPrefix() }
            }
            let missing = length - message.count
            if rest.count < missing {
                message.append(contentsOf: rest)
                return
            }
            message.append(contentsOf: rest.prefix(missing))
            rest = rest.dropFirst(missing)
            let complete = message
            message = []
            prefix = 0
            prefixCount = 0
            onMessage(complete)
        }
    }

    private mutating func readPrefix() throws(Violation) {
        length = Int(prefix & 0xffff_ffff)
        let flag = UInt8(truncatingIfNeeded: prefix >> 32)
        if flag > 1 { throw .unknownFlag(flag) }
        if length > messageBytesMax {
            throw .tooLong(length: length, bytesMax: messageBytesMax)
        }
        if flag == 1 { throw .compressed }
        // Room for a short message at once; a long one earns its room by arriving.
        message.reserveCapacity(min(length, 65_536))
    }

    /// The prefix of an uncompressed message of `length` bytes.
    static func prefix(length: Int) -> [UInt8] {
        let length = UInt32(length)
        return [
            0,
            UInt8(truncatingIfNeeded: length >> 24),
            UInt8(truncatingIfNeeded: length >> 16),
            UInt8(truncatingIfNeeded: length >> 8),
            UInt8(truncatingIfNeeded: length),
        ]
    }
}
