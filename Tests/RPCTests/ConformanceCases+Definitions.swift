// Cases of RFC 9113, section 6: each type of frame, its length, its stream, its values.

@testable import RPC

extension ConformanceCase {
    static let dataAndHeaders = [
        ConformanceCase("6.1", "DATA on no stream", .goAway(Code.protocolError)) { _ in
            [.data(0, [0])]
        },
        ConformanceCase("6.1", "DATA with too much padding", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), end: false),
                RawFrame(type: 0, flags: 9, stream: 1, payload: [6, 1, 2, 3, 4, 5]),
            ]
        },
        ConformanceCase("6.1", "DATA with padding", .answer) {
            [
                .headers(1, $0.block(), end: false),
                RawFrame(type: 0, flags: 9, stream: 1, payload: [5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ]
        },
        ConformanceCase("6.2", "HEADERS on no stream", .goAway(Code.protocolError)) {
            [.headers(0, $0.block())]
        },
        ConformanceCase("6.2", "HEADERS with too much padding", .goAway(Code.protocolError)) {
            let block = $0.block()
            return [
                .headers(1, [UInt8(block.count + 1)] + block, flags: 4 | RawFrame.padded)
            ]
        },
        ConformanceCase("6.2", "HEADERS with padding and priority", .answer) {
            [
                .headers(
                    1,
                    [3] + bigEndian(0) + [255] + $0.block() + [0, 0, 0],
                    flags: 4 | RawFrame.padded | RawFrame.prioritized,
                )
            ]
        },
        ConformanceCase("6.3", "PRIORITY on no stream", .goAway(Code.protocolError)) { _ in
            [.priority(0)]
        },
        ConformanceCase("6.3", "PRIORITY of 4 bytes", .goAway(Code.frameSize)) { _ in
            [RawFrame(type: 2, stream: 1, payload: [0, 0, 0, 0])]
        },
        ConformanceCase("6.4", "RST_STREAM on no stream", .goAway(Code.protocolError)) { _ in
            [.reset(0)]
        },
        ConformanceCase("6.4", "RST_STREAM of 3 bytes", .goAway(Code.frameSize)) {
            [
                .headers(1, $0.block(), end: false),
                RawFrame(type: 3, stream: 1, payload: [0, 0, 0]),
            ]
        },
        ConformanceCase("8.4", "PUSH_PROMISE", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), end: false),
                RawFrame(type: 5, flags: 4, stream: 1, payload: bigEndian(3) + $0.block()),
            ]
        },
    ]

    static let settings = [
        ConformanceCase("6.5", "an acknowledgement with a payload", .goAway(Code.frameSize)) { _ in
            [RawFrame(type: 4, flags: 1, payload: [0, 0, 0, 0, 0, 0])]
        },
        ConformanceCase("6.5", "SETTINGS on a stream", .goAway(Code.protocolError)) { _ in
            [RawFrame(type: 4, stream: 1)]
        },
        ConformanceCase("6.5", "SETTINGS of 3 bytes", .goAway(Code.frameSize)) { _ in
            [RawFrame(type: 4, payload: [0, 3, 0])]
        },
        ConformanceCase("6.5.2", "ENABLE_PUSH 2", .goAway(Code.protocolError)) { _ in
            [.settings([(2, 2)])]
        },
        ConformanceCase("6.5.2", "a window that is too large", .goAway(Code.flowControl)) { _ in
            [.settings([(4, 0x8000_0000)])]
        },
        ConformanceCase("6.5.2", "frames that are too small", .goAway(Code.protocolError)) { _ in
            [.settings([(5, 16_383)])]
        },
        ConformanceCase("6.5.2", "frames that are too large", .goAway(Code.protocolError)) { _ in
            [.settings([(5, 16_777_216)])]
        },
        ConformanceCase("6.5.2", "an unknown setting", .answer) {
            [.settings([(0xff, 1)]), .headers(1, $0.block())]
        },
        ConformanceCase("6.5.2", "too many entries", .goAway(Code.calm)) { _ in
            [.settings(Array(repeating: (0xff, 1), count: 17))]
        },
        ConformanceCase("6.5.3", "the last of two values counts", .answer) {
            [.settings([(4, 1), (4, 100)]), .headers(1, $0.block())]
        },
    ]

    static let connectionFrames = [
        ConformanceCase("6.7", "an acknowledgement nobody asked for", .nothing) { _ in
            [.ping(flags: 1)]
        },
        ConformanceCase("6.7", "PING on a stream", .goAway(Code.protocolError)) { _ in
            [RawFrame(type: 6, stream: 1, payload: Array(1...8))]
        },
        ConformanceCase("6.7", "PING of 6 bytes", .goAway(Code.frameSize)) { _ in
            [.ping(Array(1...6))]
        },
        ConformanceCase("6.8", "GOAWAY on a stream", .goAway(Code.protocolError)) { _ in
            [.goAway(stream: 1)]
        },
        ConformanceCase("6.9", "an increment of 0", .goAway(Code.protocolError)) { _ in
            [.windowUpdate(0, 0)]
        },
        ConformanceCase("6.9", "an increment of 0 on a stream", .goAway(Code.protocolError)) {
            [.headers(1, $0.block(), end: false), .windowUpdate(1, 0)]
        },
        ConformanceCase("6.9", "WINDOW_UPDATE of 3 bytes", .goAway(Code.frameSize)) { _ in
            [RawFrame(type: 8, payload: [0, 0, 1])]
        },
        ConformanceCase("6.9.1", "a window beyond its limit", .goAway(Code.flowControl)) { _ in
            [.windowUpdate(0, 0x7fff_ffff), .windowUpdate(0, 0x7fff_ffff)]
        },
        ConformanceCase("7", "GOAWAY with an unknown code", .lastAnswer) {
            [
                .headers(1, $0.block(), end: false),
                RawFrame(type: 7, payload: bigEndian(0) + bigEndian(0xff)), .data(1, []),
            ]
        },
        ConformanceCase("7", "RST_STREAM with an unknown code", .nothing) {
            [.headers(1, $0.block(), end: false), .reset(1, 0xff)]
        },
    ]

    static let continuations = [
        ConformanceCase("6.10", "a block in three parts", .answer) {
            let block = $0.block()
            return [
                .headers(1, Array(block[..<5]), flags: 0),
                .continuation(1, Array(block[5..<10]), flags: 0),
                .continuation(1, Array(block[10...])),
            ]
        },
        ConformanceCase("6.10", "a block in four parts", .goAway(Code.calm)) {
            let block = $0.block()
            return [
                .headers(1, Array(block[..<5]), flags: 0),
                .continuation(1, Array(block[5..<10]), flags: 0),
                .continuation(1, Array(block[10..<15]), flags: 0),
                .continuation(1, Array(block[15...])),
            ]
        },
        ConformanceCase("6.10", "DATA within a block", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), flags: 0), .continuation(1, [], flags: 0), .data(1, [0]),
            ]
        },
        ConformanceCase("6.10", "CONTINUATION on no stream", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), flags: 0),
                .continuation(0, HPACK.field("x", "y")),
            ]
        },
        ConformanceCase("6.10", "CONTINUATION of another stream", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), flags: 0),
                .continuation(3, HPACK.field("x", "y")),
            ]
        },
        ConformanceCase("6.10", "after the end of HEADERS", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), end: false),
                .continuation(1, HPACK.field("x", "y")),
            ]
        },
        ConformanceCase("6.10", "after the end of a block", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), end: false, flags: 0),
                .continuation(1, HPACK.field("x", "y")),
                .continuation(1, HPACK.field("x", "y")),
            ]
        },
        ConformanceCase("6.10", "after DATA", .goAway(Code.protocolError)) {
            [
                .headers(1, $0.block(), end: false), .data(1, [0], end: false),
                .continuation(1, HPACK.field("x", "y")),
            ]
        },
    ]
}
