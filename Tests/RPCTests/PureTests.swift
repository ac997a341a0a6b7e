// The parts that only turn bytes into values and back.

import Testing

@testable import RPC

@Suite struct TimeoutTests {
    @Test(
        arguments: [
            ("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000),
            ("4m", 4_000_000), ("5u", 5_000), ("6n", 6), ("0n", 0), ("00000012S", 12_000_000_000),
            ("99999999n", 99_999_999), ("99999999H", Int64.max),
        ] as [(String, Int64)]
    )
    func `a well-formed timeout is read`(text: String, nanoseconds: Int64) {
        #expect(Timeout.parse(Array(text.utf8)) == nanoseconds)
    }

    @Test(arguments: ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789n", "1 S", " 1S", "1SS"])
    func `a malformed timeout is refused`(text: String) {
        #expect(Timeout.parse(Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            (0, "0n"), (-5, "0n"), (99_999_999, "99999999n"), (100_000_000, "100000u"),
            (100_000_001, "100001u"), (2_000_000_000, "2000000u"), (100_000_000_000, "100000m"),
            (200_000_000_000_000, "200000S"),
        ] as [(Int64, String)]
    )
    func `a timeout is written in the finest unit that fits`(nanoseconds: Int64, text: String) {
        #expect(Timeout.encode(nanoseconds: nanoseconds) == text)
    }

    @Test func `what is written is read as at least as long`() throws {
        var nanoseconds: Int64 = 1
        while nanoseconds < Int64.max / 3 {
            let read = try #require(
                Timeout.parse(Array(Timeout.encode(nanoseconds: nanoseconds).utf8))
            )
            #expect(read >= nanoseconds)
            nanoseconds *= 3
        }
    }
}

@Suite struct PercentEncodingTests {
    @Test(arguments: [
        ("plain text ~!", "plain text ~!"), ("100%", "100%25"), ("a\nb", "a%0Ab"),
        ("é", "%C3%A9"), ("", ""), ("\u{7f}", "%7F"),
    ])
    func `a text is encoded and decoded again`(text: String, wire: String) {
        #expect(PercentEncoding.encode(text) == wire)
        #expect(PercentEncoding.decode(Array(wire.utf8)) == text)
    }

    @Test(arguments: [
        ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%c3%a9", "é"), ("%FF", "\u{fffd}"),
        ("%%41", "%A"),
    ])
    func `a broken escape stands for itself`(wire: String, text: String) {
        #expect(PercentEncoding.decode(Array(wire.utf8)) == text)
    }
}

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
        ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ])
    func `bytes are written without padding and read with or without`(plain: String, wire: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.encode(bytes) == wire)
        #expect(Base64.decode(Array(wire.utf8)) == bytes)
        let padded = wire + String(repeating: "=", count: (4 - wire.utf8.count % 4) % 4)
        #expect(Base64.decode(Array(padded.utf8)) == bytes)
    }

    @Test(arguments: ["A", "AAAAA", "A===", "Zg=", "Zg===", "Zm9v=", "Z g", "Zg-_", "=Zg=", "Zg=a"])
    func `what is no base64 is refused`(wire: String) {
        #expect(Base64.decode(Array(wire.utf8)) == nil)
    }

    @Test func `every byte survives`() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(Base64.decode(Array(Base64.encode(bytes).utf8)) == bytes)
    }
}

@Suite struct MessageDeframerTests {
    private static let stream: [UInt8] =
        [0, 0, 0, 0, 3, 1, 2, 3] + [0, 0, 0, 0, 0] + [0, 0, 0, 0, 1, 9]
    private static let messages: [[UInt8]] = [[1, 2, 3], [], [9]]

    @Test func `messages are found whatever the cuts`() throws {
        for first in 0...Self.stream.count {
            for second in first...Self.stream.count {
                var deframer = MessageDeframer(messageBytesMax: 3)
                var messages: [[UInt8]] = []
                for part in [
                    Self.stream[..<first], Self.stream[first..<second], Self.stream[second...],
                ] {
                    try deframer.feed(part) { messages.append($0.bytes) }
                }
                #expect(messages == Self.messages)
                #expect(deframer.isAtBoundary)
            }
        }
    }

    @Test func `only the end of a message is a boundary`() throws {
        for count in 0...Self.stream.count {
            var deframer = MessageDeframer(messageBytesMax: 3)
            try deframer.feed(Self.stream[..<count]) { _ in }
            #expect(deframer.isAtBoundary == [0, 8, 13, 19].contains(count))
        }
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 4], .tooLong(length: 4, bytesMax: 3)),
            ([0, 255, 255, 255, 255], .tooLong(length: 4_294_967_295, bytesMax: 3)),
            ([1, 0, 0, 0, 1], .compressed),
            ([2, 0, 0, 0, 1], .unknownFlag(2)),
        ] as [([UInt8], MessageDeframer.Violation)]
    )
    func `a bad prefix is refused at once`(
        prefix: [UInt8],
        violation: MessageDeframer.Violation,
    ) {
        var deframer = MessageDeframer(messageBytesMax: 3)
        #expect(throws: violation) { try deframer.feed(prefix) { _ in } }
    }
}

@Suite struct MetadataTests {
    @Test(arguments: [
        "grpc-status", ":path", "te", "Content-Type", "user-agent", "GRPC-anything", "connection",
    ])
    func `a name of the protocol is refused`(name: String) {
        var metadata = Metadata()
        #expect(throws: MetadataError.reservedName(name.lowercased())) {
            try metadata.add(name, "x")
        }
    }

    @Test func `names and values must be what HTTP 2 can carry`() {
        var metadata = Metadata()
        #expect(throws: MetadataError.invalidName("a b")) { try metadata.add("a b", "x") }
        #expect(throws: MetadataError.invalidName("")) { try metadata.add("", "x") }
        #expect(throws: MetadataError.wrongSuffix("a-bin")) { try metadata.add("a-bin", "x") }
        #expect(throws: MetadataError.wrongSuffix("a")) { try metadata.add("a", bytes: []) }
        for value in [" x", "x ", "a\nb", "é", "\0"] {
            #expect(throws: MetadataError.invalidValue(name: "a")) { try metadata.add("a", value) }
        }
        #expect(metadata.isEmpty)
    }

    @Test func `names are lowered, repeat and keep their order`() throws {
        var metadata = Metadata()
        try metadata.add("Key", "1")
        try metadata.add("other", "2")
        try metadata.add("key", "3")
        #expect(metadata["key"] == "1")
        #expect(metadata.strings("key") == ["1", "3"])
        #expect(metadata.entries.map(\.name) == ["key", "other", "key"])
    }

    @Test func `binary values come with or without padding, alone or joined`() {
        var metadata = Metadata()
        let isRead = metadata.receive(
            name: Array("a-bin".utf8),
            value: Array("Zg==,Zm8, Zm9v".utf8),
        )
        #expect(isRead)
        #expect(metadata.bytes("a-bin") == [Array("f".utf8), Array("fo".utf8), Array("foo".utf8)])
        let isBrokenRead = metadata.receive(name: Array("a-bin".utf8), value: Array("!".utf8))
        #expect(!isBrokenRead)
    }
}

@Suite struct StatusTests {
    @Test func `codes have the numbers and names of gRPC`() {
        #expect(StatusCode.allCases.map(\.rawValue) == Array(0...16))
        #expect(StatusCode.invalidArgument.name == "INVALID_ARGUMENT")
        #expect(StatusCode(rawValue: 14) == .unavailable)
    }

    @Test func `details survive the wire`() throws {
        let bytes = try #require(richStatus.encodedDetails())
        #expect(Status.decodeDetails(bytes) == richStatus.details)
        #expect(Status.decodeDetails([0xff]) == nil)
        #expect(Status(.aborted, "x").encodedDetails() == nil)
    }
}
