// What a connection does with frames before the HTTP/2 library sees them, without a connection: for
// whoever measures it. No server uses it.

/// Finds and judges the frames of one client.
package struct FrameProbe {
    private var scanner = FrameScanner()
    private var frames = FrameGuard(SessionLimits())

    package init() {}

    /// Takes what was read; returns how many frames went on to the library.
    package mutating func read(_ bytes: [UInt8], now: Int64) -> Int {
        var passed = 0
        unsafe bytes.withUnsafeBytes { bytes in
            _ = unsafe scanner.scan(bytes) { header, _ in
                guard frames.received(header, now: now) == .goOn else { return false }
                passed += 1
                return true
            }
        }
        return passed
    }

    /// Notes a whole answer: head, message, trailers.
    package mutating func answered(stream: Int32) {
        let endHeaders: UInt8 = 4
        let endStream: UInt8 = 1
        for (type, flags) in [
            (FrameType.headers, endHeaders), (FrameType.data, 0),
            (FrameType.headers, endHeaders | endStream),
        ] {
            frames.sent(FrameHeader(length: 32, type: type, flags: flags, stream: stream))
        }
        frames.closed(stream: stream)
    }
}
