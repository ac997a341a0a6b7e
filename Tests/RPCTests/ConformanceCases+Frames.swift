// Cases of RFC 9113, sections 4 and 5: frames, header blocks, the states of streams.

@testable import RPC

/// HTTP/2 error codes as cases expect them.
enum Code {
    static let protocolError: UInt32 = 1
    static let flowControl: UInt32 = 3
    static let streamClosed: UInt32 = 5
    static let frameSize: UInt32 = 6
    static let refusedStream: UInt32 = 7
    static let compression: UInt32 = 9
    static let calm: UInt32 = 11
}

extension ConformanceCase {
    static let frameFormat = [
        ConformanceCase("3.4", "a request", .answer) { [.headers(1, $0.block())] },
        ConformanceCase("4.1", "an unknown type", .nothing) { _ in
            [RawFrame(type: 0x16, flags: 0, stream: 0, payload: [1, 2, 3])]
        },
        ConformanceCase("4.1", "unknown flags", .nothing) { _ in [.ping(flags: 0x16)] },
        ConformanceCase("4.1", "the reserved bit", .nothing) { _ in
            [RawFrame(type: 6, stream: 0x8000_0000, payload: Array(1...8))]
        },
        ConformanceCase("4.2", "DATA as large as allowed", .answer) {
            [.headers(1, $0.block(), end: false), .data(1, Array(repeating: 0, count: 16_384))]
        },
        ConformanceCase("4.2", "DATA that is too large", .goAway(Code.frameSize)) {
            [.headers(1, $0.block(), end: false), .data(1, Array(repeating: 0, count: 16_385))]
        },
        ConformanceCase("4.2", "HEADERS that are too large", .goAway(Code.frameSize)) {
            [.headers(1, $0.block() + Array(repeating: 0, count: 16_385))]
        },
        ConformanceCase("4.3", "a block that is cut", .goAway(Code.compression)) { _ in
            [.headers(1, [0x40])]
        },
        ConformanceCase("4.3", "PRIORITY within a block", .goAway(Code.protocolError)) {
            [.headers(1, $0.block(), flags: 0), .priority(1)]
        },
        ConformanceCase("4.3", "another stream within a block", .goAway(Code.protocolError)) {
            [.headers(1, $0.block(), flags: 0), .headers(3, $0.block())]
        },
        ConformanceCase("5.5", "an unknown frame within a block", .goAway(Code.protocolError)) {
            [.headers(1, $0.block(), flags: 0), RawFrame(type: 0x16)]
        },
        ConformanceCase("5.5", "an unknown frame on a stream", .answer) {
            [
                .headers(1, $0.block(), end: false), RawFrame(type: 0x16, stream: 1, payload: [1]),
                .data(1, []),
            ]
        },
    ]

    static let idleStreams = [
        ConformanceCase("5.1", "idle: DATA", .goAway(Code.protocolError)) { _ in [.data(1, [0])] },
        ConformanceCase("5.1", "idle: RST_STREAM", .goAway(Code.protocolError)) { _ in
            [.reset(1)]
        },
        ConformanceCase("5.1", "idle: WINDOW_UPDATE", .goAway(Code.protocolError)) { _ in
            [.windowUpdate(1, 100)]
        },
        ConformanceCase("5.1", "idle: CONTINUATION", .goAway(Code.protocolError)) {
            [.continuation(1, $0.block())]
        },
        ConformanceCase("5.1", "idle: PRIORITY", .nothing) { _ in [.priority(1)] },
        ConformanceCase("5.1.1", "an even number", .goAway(Code.protocolError)) {
            [.headers(2, $0.block())]
        },
        ConformanceCase("5.1.1", "a number that goes back", .goAway(Code.protocolError)) {
            [.headers(5, $0.block()), .headers(3, $0.block())]
        },
        ConformanceCase("5.1.1", "back in a later gap", .goAway(Code.protocolError)) {
            [.headers(3, $0.block()), .headers(9, $0.block()), .headers(7, $0.block())]
        },
        ConformanceCase("5.1.1", "DATA on a number left out", .goAway(Code.protocolError)) {
            [.headers(5, $0.block()), .data(3, [0])]
        },
        ConformanceCase("5.1.1", "the same number again", .goAway(Code.streamClosed)) {
            [.headers(5, $0.block()), .headers(5, $0.block())]
        },
        ConformanceCase("5.1.1", "a number that is over", .goAway(Code.streamClosed)) {
            [.headers(1, $0.block()), .headers(3, $0.block()), .headers(1, $0.block())]
        },
        ConformanceCase("5.1.1", "numbers left out", .answer) {
            [.headers(1, $0.block()), .headers(77, $0.block()), .headers(1_001, $0.block())]
        },
    ]

    static let endedStreams = [
        ConformanceCase("5.1", "half closed: DATA", .goAway(Code.streamClosed)) {
            [.headers(1, $0.block()), .data(1, [0])]
        },
        ConformanceCase("5.1", "half closed by DATA: DATA", .goAway(Code.streamClosed)) {
            [.headers(1, $0.block(), end: false), .data(1, []), .data(1, [0])]
        },
        ConformanceCase("5.1", "half closed: HEADERS", .goAway(Code.streamClosed)) {
            [.headers(1, $0.block()), .headers(1, $0.block())]
        },
        ConformanceCase("5.1", "half closed: CONTINUATION", .goAway(Code.protocolError)) {
            [.headers(1, $0.block()), .continuation(1, $0.block())]
        },
        ConformanceCase("5.1", "half closed: WINDOW_UPDATE", .answer) {
            [.headers(1, $0.block()), .windowUpdate(1, 1)]
        },
        ConformanceCase("5.1", "half closed: PRIORITY", .answer) {
            [.headers(1, $0.block()), .priority(1)]
        },
        ConformanceCase("5.1", "half closed: RST_STREAM", .nothing) {
            [.headers(1, $0.block()), .reset(1)]
        },
        ConformanceCase("5.1", "reset: DATA", .goAway(Code.streamClosed)) {
            [.headers(1, $0.block(), end: false), .reset(1), .data(1, [0])]
        },
        ConformanceCase("5.1", "reset: HEADERS", .goAway(Code.streamClosed)) {
            [.headers(1, $0.block(), end: false), .reset(1), .headers(1, $0.block())]
        },
        ConformanceCase("5.1", "reset: CONTINUATION", .goAway(Code.protocolError)) {
            [.headers(1, $0.block(), end: false), .reset(1), .continuation(1, $0.block())]
        },
        ConformanceCase("5.1", "reset: RST_STREAM, WINDOW_UPDATE, PRIORITY", .nothing) {
            [
                .headers(1, $0.block(), end: false), .reset(1), .reset(1), .windowUpdate(1, 1),
                .priority(1),
            ]
        },
        ConformanceCase("5.1", "reset by us: DATA until its end", .reset(Code.protocolError)) {
            [
                .headers(1, $0.block(adding: [("Upper", "1")]), end: false),
                .data(1, [0], end: false), .data(1, [0], end: true),
            ]
        },
        ConformanceCase("5.1", "reset by us: DATA after its end", .goAway(Code.streamClosed)) {
            [
                .headers(1, $0.block(adding: [("Upper", "1")]), end: false),
                .data(1, [0], end: true), .data(1, [0]),
            ]
        },
        ConformanceCase("5.1", "reset by both: DATA", .goAway(Code.streamClosed)) {
            [
                .headers(1, $0.block(adding: [("Upper", "1")]), end: false), .reset(1),
                .data(1, [0]),
            ]
        },
        ConformanceCase("5.3.1", "HEADERS that depend on themselves", .goAway(1)) {
            [
                .headers(
                    1,
                    bigEndian(1) + [15] + $0.block(),
                    flags: RawFrame.endHeaders | RawFrame.prioritized,
                )
            ]
        },
        ConformanceCase("5.3.1", "PRIORITY that depends on itself", .goAway(1)) { _ in
            [.priority(1, on: 1)]
        },
        ConformanceCase("5.3.1", "HEADERS that depend on another", .answer) {
            [
                .headers(
                    1,
                    bigEndian(3) + [15] + $0.block(),
                    flags: RawFrame.endHeaders | RawFrame.prioritized,
                )
            ]
        },
    ]
}
