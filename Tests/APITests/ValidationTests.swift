// What a request may hold, field by field, and what is read from metadata and tokens.

import Base
import Domain
import RPC
import SwiftProtobuf
import Testing

@testable import API

@Suite struct ValidatorTests {
    @Test(arguments: [
        ("A", true), ("", false), (String(repeating: "x", count: 64), true),
        (String(repeating: "x", count: 65), false), (" A", false), ("A ", false), ("A B", true),
        ("A\tB", false), ("A\u{0}B", false), ("A\u{7f}", false), ("A\u{85}", false),
        ("Ä", false), ("e\u{301}", false), ("\u{1F600}", false), ("\u{a0}A", false),
        ("a/B_1.~", true),
    ])
    func `a name has 1 to 64 characters of printable ASCII`(text: String, isValid: Bool) {
        var validator = Validator()
        validator.name(text, "sku")
        #expect(validator.violations.isEmpty == isValid)
        #expect(isValid || validator.violations[0].field == "sku")
    }

    @Test func `keys have up to 128 bytes, notes up to 256 and may be empty`() {
        for (length, keyIsValid, noteIsValid) in [
            (0, false, true), (1, true, true), (128, true, true), (129, false, true),
            (256, false, true), (257, false, false),
        ] {
            var keys = Validator()
            keys.key(String(repeating: "k", count: length), "idempotency_key")
            #expect(keys.violations.isEmpty == keyIsValid)
            var notes = Validator()
            notes.note(String(repeating: "n", count: length), "reason")
            #expect(notes.violations.isEmpty == noteIsValid)
        }
        var validator = Validator()
        validator.optionalName("", "node")
        validator.optionalKey("", "owner")
        #expect(validator.violations.isEmpty)
    }

    @Test(
        arguments: [
            (0, false), (1, true), (1_000_000, true), (1_000_001, false), (-1, false),
            (Int64.min, false), (Int64.max, false),
        ] as [(Int64, Bool)]
    )
    func `a quantity is 1 to a million`(value: Int64, isValid: Bool) {
        var validator = Validator()
        validator.quantity(value, "lines[3].quantity")
        #expect(validator.violations.isEmpty == isValid)
    }

    @Test func `a request has 1 to 500 lines`() {
        for (count, isValid) in [(0, false), (1, true), (500, true), (501, false)] {
            var validator = Validator()
            #expect(validator.lineCount(count, "lines") == isValid)
        }
        var validator = Validator()
        #expect(validator.lineCount(0, "lines", minimum: 0) == true)
    }

    @Test func `all violations are told at once, at most 20`() {
        var validator = Validator()
        for index in 0..<50 { validator.quantity(0, "lines[\(index)].quantity") }
        let status = #expect(throws: Status.self) { try validator.check() }
        #expect(status?.code == .invalidArgument)
        guard case .badRequest(let violations) = status?.details.first else {
            Issue.record("no field violations")
            return
        }
        #expect(violations.count == 20)
        #expect(violations[3].field == "lines[3].quantity")
    }

    @Test(
        arguments: [
            (0, 0, 0), (1, 1_999, 1_000_001), (-1, 500_000_000, -500_000),
            (-62_135_596_800, 0, -62_135_596_800_000_000), (-62_135_596_801, 0, nil),
            (253_402_300_800, 0, nil), (0, -1, nil), (0, 1_000_000_000, nil), (Int64.max, 0, nil),
        ] as [(Int64, Int32, Int64?)]
    )
    func `a moment lies in the years 1 to 9999`(
        seconds: Int64,
        nanos: Int32,
        microseconds: Int64?,
    ) {
        var validator = Validator()
        let timestamp = Google_Protobuf_Timestamp(seconds: seconds, nanos: nanos)
        let instant = validator.instant(timestamp, "by")
        #expect(instant?.microseconds == microseconds)
        #expect(validator.violations.isEmpty == (microseconds != nil))
        if let instant {
            let back = Google_Protobuf_Timestamp(instant)
            #expect(back.seconds == seconds && back.nanos == nanos / 1_000 * 1_000)
        }
    }

    @Test(
        arguments: [
            (1, 0, 1_000), (0, 999_999_999, nil), (86_400, 0, 86_400_000), (86_400, 1_000_000, nil),
            (-5, 0, nil), (5, -1, nil), (Int64.max, 0, nil),
        ] as [(Int64, Int32, Int64?)]
    )
    func `a hold is a second to a day long`(seconds: Int64, nanos: Int32, expected: Int64?) {
        var validator = Validator()
        var duration = Google_Protobuf_Duration()
        duration.seconds = seconds
        duration.nanos = nanos
        let range = Limits.holdMinMs...Limits.holdMaxMs
        #expect(validator.milliseconds(duration, "ttl", in: range) == expected)
        #expect(validator.violations.isEmpty == (expected != nil))
    }

    @Test func `an id has the 36 characters of a UUID`() {
        var validator = Validator()
        #expect(validator.id("0190a3b2-0000-8000-8000-00000000000a", "id") != nil)
        #expect(validator.id("", "id") == nil)
        #expect(validator.id("0190a3b2000080008000-00000000000a", "id") == nil)
        #expect(validator.violations.count == 2)
    }
}

@Suite struct PageTokenTests {
    private let fingerprint = PageToken.fingerprint("ListOrders", ["1", "web"])

    @Test func `a token is read by the call and filter it was made for, and no other`() throws {
        for length in 0..<40 {
            let cursor = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            let token = PageToken(fingerprint: fingerprint, cursor: cursor)
            #expect(try PageToken(token.text, fingerprint: fingerprint) == token)
            for other in [
                PageToken.fingerprint("ListOrders", ["1", "shop"]),
                PageToken.fingerprint("ListOrders", ["1web"]),
                PageToken.fingerprint("ListPositions", ["1", "web"]),
            ] {
                let status = #expect(throws: Status.self) {
                    try PageToken(token.text, fingerprint: other)
                }
                #expect(status?.code == .invalidArgument)
            }
        }
    }

    @Test func `a mangled token is refused, whichever character was changed`() {
        let text = PageToken(fingerprint: fingerprint, cursor: [1, 2, 3, 4]).text
        for index in text.indices {
            for replacement in ["", "A", "_", "=", "é"] where String(text[index]) != replacement {
                var mangled = text
                mangled.replaceSubrange(index...index, with: replacement)
                let status = #expect(throws: Status.self) {
                    try PageToken(mangled, fingerprint: fingerprint)
                }
                guard case .badRequest(let violations) = status?.details.first else {
                    Issue.record("no field violation")
                    continue
                }
                #expect(violations.map(\.field) == ["page_token"])
            }
        }
    }

    @Test func `a cursor gives back what was put in, and nothing beyond`() {
        var bytes: [UInt8] = []
        bytes.appendCursor("Ä")
        bytes.appendCursor(Int64.min)
        bytes.appendCursor("")
        var reader = CursorReader(bytes)
        #expect(reader.text() == "Ä")
        #expect(reader.number() == .min)
        #expect(!reader.isAtEnd)
        #expect(reader.text() == "")
        #expect(reader.isAtEnd)
        #expect(reader.text() == nil)
        #expect(reader.number() == nil)
        var broken = CursorReader([2, 0xff, 0xfe])
        #expect(broken.text() == nil)
    }
}

@Suite struct CallOriginTests {
    @Test func `metadata names principal, request and trace`() throws {
        var metadata = Metadata()
        try metadata.add("x-holdfast-principal", "shop-1")
        try metadata.add("x-request-id", "req-7")
        try metadata.add(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        )
        let origin = Origin(metadata) { "new" }
        #expect(origin.principal == "shop-1" && origin.requestID == "req-7")
        #expect(origin.traceID == "0af7651916cd43dd8448eb211c80319c")
    }

    @Test func `what is missing or too long is replaced`() throws {
        #expect(
            Origin(Metadata()) { "new" }
                == Origin(principal: "anonymous", requestID: "new", traceID: "")
        )
        var metadata = Metadata()
        try metadata.add("x-request-id", String(repeating: "x", count: 129))
        try metadata.add("x-holdfast-principal", "")
        #expect(
            Origin(metadata) { "new" }
                == Origin(principal: "anonymous", requestID: "new", traceID: "")
        )
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
    ])
    func `a malformed traceparent gives no trace`(header: String) throws {
        var metadata = Metadata()
        try metadata.add("traceparent", header)
        #expect(Origin(metadata) { "new" }.traceID == "")
    }
}
