// The parser gives the same replies however the bytes are cut.

import Testing

@testable import Redis

@Suite struct ReplyParserTests {
    private static let samples: [(String, RedisReply)] = [
        ("+OK\r\n", .status("OK")),
        ("+\r\n", .status("")),
        (":-9223372036854775808\r\n", .integer(.min)),
        (":42\r\n", .integer(42)),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("$0\r\n\r\n", .bytes([])),
        ("$4\r\n\r\n\r\n\r\n", .bytes([13, 10, 13, 10])),
        ("*0\r\n", .array([])),
        (
            "-NOSCRIPT No matching script.\r\n",
            .error(RedisServerError(code: "NOSCRIPT", message: "No matching script."))
        ),
        ("-ERR\r\n", .error(RedisServerError(code: "ERR", message: ""))),
        (
            "*4\r\n*2\r\n:1\r\n*0\r\n$-1\r\n*1\r\n*1\r\n$1\r\nx\r\n-E e\r\n",
            .array([
                .array([.integer(1), .array([])]), .null, .array([.array([.bytes([120])])]),
                .error(RedisServerError(code: "E", message: "e")),
            ])
        ),
    ]

    private func parse(_ pieces: [ArraySlice<UInt8>]) throws -> [RedisReply] {
        var parser = ReplyParser(replyBytesMax: 1 << 20)
        var replies: [RedisReply] = []
        for piece in pieces {
            unsafe piece.withUnsafeBytes { unsafe parser.feed($0) }
            while true {
                let next = parser.next()
                if case .reply(let reply) = next {
                    replies.append(reply)
                    continue
                }
                if case .invalid(let reason) = next {
                    throw RedisError(.protocol, reason)
                }
                break
            }
        }
        return replies
    }

    @Test func `each reply is understood`() throws {
        for (text, reply) in Self.samples {
            #expect(try parse([Array(text.utf8)[...]]) == [reply])
        }
    }

    @Test func `replies cut in two at every place are the same`() throws {
        let bytes = Array(Self.samples.map(\.0).joined().utf8)
        let replies = Self.samples.map(\.1)
        for cut in 0...bytes.count {
            #expect(try parse([bytes[..<cut], bytes[cut...]]) == replies)
        }
    }

    @Test(arguments: 1...17)
    func `replies cut into pieces are the same`(size: Int) throws {
        let bytes = Array(Self.samples.map(\.0).joined().utf8)
        let pieces = stride(from: 0, to: bytes.count, by: size)
            .map {
                bytes[$0..<min($0 + size, bytes.count)]
            }
        #expect(try parse(pieces) == Self.samples.map(\.1))
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", "$x\r\n", ":1x\r\n", "$-2\r\n", "*-2\r\n", "\0\0\0\0\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    ])
    func `bytes that are no reply are an error`(text: String) {
        #expect(throws: RedisError.self) { try parse([Array(text.utf8)[...]]) }
    }

    @Test func `a reply that is too large is an error before it is complete`() {
        let start = Array("$900000000\r\n".utf8) + [UInt8](repeating: 1, count: 2 << 20)
        #expect(throws: RedisError.self) { try parse([start[...]]) }
    }

    @Test func `a seeded stream of random bytes never breaks the parser`() {
        var generator = Seeded(state: 7)
        let alphabet = Array("+-:$*0123456789\r\n\r\nab".utf8)
        for _ in 0..<5_000 {
            let bytes = (0..<40).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            let whole = try? parse([bytes[...]])
            let cut = try? parse(bytes.indices.map { bytes[$0...$0] })
            #expect(whole == cut)
        }
    }
}

/// SplitMix64: the same numbers in every run.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
