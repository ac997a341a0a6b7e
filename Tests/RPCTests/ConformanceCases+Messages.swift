// Cases of RFC 9113, section 8, and of RFC 7541: messages of HTTP, and the coding of header blocks.

@testable import RPC

extension ConformanceCase {
    /// A request whose header block breaks the rules: its stream is reset.
    private static func malformed(
        _ section: String,
        _ what: String,
        changing changed: [String: String?] = [:],
        adding added: [(String, String)] = [],
    ) -> ConformanceCase {
        ConformanceCase(section, what, .reset(Code.protocolError)) {
            [.headers(1, $0.block(changing: changed, adding: added))]
        }
    }

    static let headerFields =
        [
            malformed("8.2", "upper case in a name", adding: [("X-Test", "ok")]),
            malformed("8.2", "a blank in a name", adding: [("x test", "ok")]),
            malformed("8.2", "a line end in a value", adding: [("x-test", "a\r\nb")]),
            malformed("8.2.2", "connection", adding: [("connection", "keep-alive")]),
            malformed("8.2.2", "keep-alive", adding: [("keep-alive", "1")]),
            malformed("8.2.2", "proxy-connection", adding: [("proxy-connection", "close")]),
            malformed("8.2.2", "transfer-encoding", adding: [("transfer-encoding", "chunked")]),
            malformed("8.2.2", "upgrade", adding: [("upgrade", "websocket")]),
            malformed(
                "8.2.2",
                "te other than trailers",
                adding: [("te", "trailers, deflate;q=0.5")]
            ),
            malformed("8.3", "an unknown pseudo header", adding: [(":test", "ok")]),
            malformed("8.3", "a pseudo header of answers", adding: [(":status", "200")]),
            malformed(
                "8.3",
                "a pseudo header after others",
                adding: [("x", "y"), (":scheme", "http")]
            ),
            malformed("8.3.1", "an empty path", changing: [":path": ""]),
            malformed("8.3.1", "no method", changing: [":method": nil]),
            malformed("8.3.1", "no scheme", changing: [":scheme": nil]),
            malformed("8.3.1", "no path", changing: [":path": nil]),
            malformed("8.1.1", "content-length without a body", adding: [("content-length", "5")]),
            malformed(
                "8.1.1",
                "content-length that is no number",
                adding: [("content-length", "-1")]
            ),
            malformed(
                "8.1.1",
                "two content-lengths",
                adding: [("content-length", "0"), ("content-length", "0")],
            ),
        ]
        + [":method", ":scheme", ":path", ":authority"]
        .map { name in
            ConformanceCase("8.3.1", "\(name) twice", .reset(Code.protocolError)) { kind in
                let fields = kind.fields()
                return [.headers(1, HPACK.block(fields.filter { $0.0 == name } + fields))]
            }
        }

    static let bodies = [
        ConformanceCase("8.1", "HEADERS that do not end the request", .reset(1)) {
            [
                .headers(1, $0.block(), end: false),
                .headers(1, HPACK.field("x-test", "ok"), end: false),
            ]
        },
        ConformanceCase("8.1", "trailers", .answer) {
            [
                .headers(1, $0.block(), end: false), .data(1, [0, 0, 0, 0, 0], end: false),
                .headers(1, HPACK.field("x-test", "ok")),
            ]
        },
        ConformanceCase("8.1", "a pseudo header in trailers", .reset(Code.protocolError)) {
            [
                .headers(1, $0.block(), end: false),
                .headers(1, HPACK.field(":method", "POST")),
            ]
        },
        ConformanceCase("8.1", "upper case in trailers", .reset(Code.protocolError)) {
            [.headers(1, $0.block(), end: false), .headers(1, HPACK.field("X", "y"))]
        },
        ConformanceCase("8.1.1", "more than content-length in one frame", .reset(1)) {
            [
                .headers(1, $0.block(adding: [("content-length", "1")]), end: false),
                .data(1, Array("test".utf8)),
            ]
        },
        ConformanceCase("8.1.1", "more than content-length in two frames", .reset(1)) {
            [
                .headers(1, $0.block(adding: [("content-length", "4")]), end: false),
                .data(1, Array("test".utf8), end: false), .data(1, Array("test".utf8)),
            ]
        },
        ConformanceCase("8.1.1", "less than content-length", .reset(Code.protocolError)) {
            [
                .headers(1, $0.block(adding: [("content-length", "9")]), end: false),
                .data(1, Array("test".utf8)),
            ]
        },
        ConformanceCase("8.1.1", "less than content-length, then trailers", .reset(1)) {
            [
                .headers(1, $0.block(adding: [("content-length", "9")]), end: false),
                .headers(1, HPACK.field("x-test", "ok")),
            ]
        },
        ConformanceCase("8.1.1", "exactly content-length", .answer) {
            [
                .headers(1, $0.block(adding: [("content-length", "5")]), end: false),
                .data(1, [0, 0, 0, 0, 0]),
            ]
        },
    ]

    /// A request followed by bytes that no decoder may accept.
    private static func coding(
        _ section: String,
        _ what: String,
        _ bytes: [UInt8],
    ) -> ConformanceCase {
        ConformanceCase(section, what, .goAway(Code.compression)) {
            [.headers(1, $0.block() + bytes)]
        }
    }

    static let headerCoding = [
        coding("HPACK 2.3.3", "an index beyond the tables", [0xc6]),
        coding("HPACK 2.3.3", "a name beyond the tables", [0x7f, 0x07, 1, 0x61]),
        coding("HPACK 4.2", "a table size at the end of a block", [0x20]),
        coding("HPACK 5.1", "a number that is too large", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        coding("HPACK 5.2", "a string longer than its block", [0, 1, 0x61, 100, 0x61]),
        coding("HPACK 5.2", "padding longer than 7 bits", [0, 1, 0x78, 0x82, 0x1f, 0xff]),
        coding("HPACK 5.2", "padding that is not of ones", [0, 1, 0x78, 0x81, 0x18]),
        coding("HPACK 5.2", "the end of a string within", [0, 1, 0x78, 0x84, 255, 255, 255, 255]),
        coding("HPACK 6.1", "index 0", [0x80]),
        ConformanceCase("HPACK 6.3", "a table larger than allowed", .goAway(Code.compression)) {
            [.headers(1, [0x3f, 0xe2, 0x1f] + $0.block())]
        },
        ConformanceCase("HPACK 6.3", "a table made smaller", .answer) {
            [.headers(1, [0x20] + $0.block())]
        },
    ]
}
