// The nine bytes before every frame, and the walk from one to the next through what was read.
//
// The HTTP/2 library tells of no frame that it ignores, which is just what a flood is made of. So the
// frames are counted here, before it sees them.

/// Types of frames that are told apart; every other is unknown.
enum FrameType {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
}

/// Error codes of RFC 9113, section 7.
enum HTTP2Code: UInt32, Sendable {
    case noError = 0
    case protocolError = 1
    case internalError = 2
    case streamClosed = 5
    case refusedStream = 7
    case cancel = 8
    case enhanceYourCalm = 11
}

/// What stands before the payload of a frame.
struct FrameHeader: Hashable, Sendable {
    static let bytesCount = 9
    private static let endStreamFlag: UInt8 = 1
    private static let endHeadersFlag: UInt8 = 4
    private static let paddedFlag: UInt8 = 8

    /// Bytes of the payload.
    var length: Int
    var type: UInt8
    var flags: UInt8
    /// 0 is the connection itself.
    var stream: Int32

    /// DATA or HEADERS that end the sender's side.
    var endsStream: Bool { flags & Self.endStreamFlag != 0 }
    /// HEADERS or CONTINUATION that complete a header block.
    var endsBlock: Bool { flags & Self.endHeadersFlag != 0 }
    /// SETTINGS or PING that answer one of ours; the bit is the same.
    var isAcknowledgement: Bool { flags & Self.endStreamFlag != 0 }
    var isPadded: Bool { flags & Self.paddedFlag != 0 }
}

extension FrameHeader {
    /// Reads a header that was not cut, which nearly none is.
    fileprivate init(wholeAt start: Int, in bytes: UnsafeRawBufferPointer) {
        let first = unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
        self.init(UInt128(UInt64(bigEndian: first)) << 8 | UInt128(unsafe bytes[start + 8]))
    }

    /// From the nine bytes as one number, the first the highest.
    fileprivate init(_ bytes: UInt128) {
        length = Int(truncatingIfNeeded: bytes >> 48) & 0xff_ffff
        type = UInt8(truncatingIfNeeded: bytes >> 40)
        flags = UInt8(truncatingIfNeeded: bytes >> 32)
        // The highest bit is reserved.
        stream = Int32(truncatingIfNeeded: bytes) & Int32.max
    }
}

/// Finds the headers of frames in what a client sends, however it is cut.
struct FrameScanner {
    /// The greeting of a client, before its first frame.
    private static let prefaceBytes = 24

    /// Bytes to pass over until the next header.
    private var skipped = prefaceBytes
    /// What has come of a header that was cut.
    private var part: UInt128 = 0
    private var partCount = 0

    /// Calls `judge` for each header that `bytes` complete, with the place where it begins in them,
    /// until it answers false; says how many bytes came before the header that it stopped at.
    mutating func scan(
        _ bytes: UnsafeRawBufferPointer,
        _ judge: (_ header: FrameHeader, _ start: Int) -> Bool,
    ) -> Int {
        var offset = 0
        while true {
            let passed = min(skipped, bytes.count - offset)
            skipped -= passed
            offset += passed
            if partCount == 0, bytes.count - offset >= FrameHeader.bytesCount {
                let start = offset
                offset += FrameHeader.bytesCount
                let header = unsafe FrameHeader(wholeAt: start, in: bytes)
                skipped = header.length
                if !judge(header, start) { return start }
                continue
            }
            let taken = min(FrameHeader.bytesCount - partCount, bytes.count - offset)
            let start = max(0, offset - partCount)
            for index in offset..<(offset + taken) {
                part = unsafe part << 8 | UInt128(bytes[index])
            }
            partCount += taken
            offset += taken
            guard partCount == FrameHeader.bytesCount else { return bytes.count }
            let header = FrameHeader(part)
            part = 0
            partCount = 0
            skipped = header.length
            if !judge(header, start) { return start }
        }
    }
}
