// Opaque page tokens: where a list goes on, bound to the call and the filter that it was made for.
// They carry no authority: whoever forges one reads a page that it may read anyway.

package import Base
internal import Promising
package import RPC

/// A place in a list, for one method with one filter.
package struct PageToken: Hashable, Sendable {
    /// The filter's digest, with the method's name.
    package var fingerprint: ID
    /// The place, in the form of its list.
    package var cursor: [UInt8]

    package init(fingerprint: ID, cursor: [UInt8]) {
        self.fingerprint = fingerprint
        self.cursor = cursor
    }

    /// The digest of a method and the parts of its filter.
    package static func fingerprint(_ method: String, _ filter: [String]) -> ID {
        var builder = DigestBuilder()
        builder.add("page")
        builder.add(method)
        for part in filter { builder.add(part) }
        return builder.digest()
    }

    private static let version: UInt8 = 1
    private static let checksumBytes = 4
    private static let overhead = 1 + 16 + checksumBytes

    /// The token as callers see it: base64url without padding.
    package var text: String {
        var bytes = [Self.version]
        for index in 0..<16 { bytes.append(fingerprint[byte: index]) }
        bytes += cursor
        bytes += Self.checksum(bytes)
        return encodeBase64URL(bytes)
    }

    /// Reads a token that was made for this very fingerprint; INVALID_ARGUMENT when it was not.
    package init(_ text: String, fingerprint: ID) throws(Status) {
        guard let bytes = decodeBase64URL(text), bytes.count >= Self.overhead,
            bytes[0] == Self.version,
            Self.checksum(Array(bytes.dropLast(Self.checksumBytes)))
                == Array(bytes.suffix(Self.checksumBytes))
        else { throw Self.refusal("is no page token of ours") }
        guard ID(bytes: bytes[1..<17]) == fingerprint else {
            throw Self.refusal("belongs to another call or filter")
        }
        self.fingerprint = fingerprint
        cursor = Array(bytes[17..<(bytes.count - Self.checksumBytes)])
    }

    /// What the caller is told about a token that cannot be used.
    package static func refusal(_ description: String) -> Status {
        Status(
            .invalidArgument,
            "page_token \(description)",
            details: [.badRequest([FieldViolation(field: "page_token", description: description)])],
        )
    }

    /// FNV-1a: finds tokens that were cut or mangled on the way.
    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        var hash: UInt32 = 2_166_136_261
        for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return (0..<4).map { UInt8(truncatingIfNeeded: hash >> (24 - 8 * UInt32($0))) }
    }
}

/// Reads and writes cursors: integers and length-prefixed texts, one behind the other.
package struct CursorReader {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    package var isAtEnd: Bool { rest.isEmpty }

    /// The next number, or nil when the cursor is too short.
    package mutating func number() -> Int64? {
        guard rest.count >= 8 else { return nil }
        var value: UInt64 = 0
        for byte in rest.prefix(8) { value = value << 8 | UInt64(byte) }
        rest = rest.dropFirst(8)
        return Int64(bitPattern: value)
    }

    /// The next id, or nil when the cursor is too short.
    package mutating func id() -> ID? {
        guard let high = number(), let low = number() else { return nil }
        return ID(high: UInt64(bitPattern: high), low: UInt64(bitPattern: low))
    }

    /// The next text, or nil when there is none.
    package mutating func text() -> String? {
        guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return String(validating: rest.prefix(Int(count)), as: UTF8.self)
    }
}

extension [UInt8] {
    /// Adds a number to a cursor.
    package mutating func appendCursor(_ number: Int64) {
        for shift in stride(from: 56, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
        }
    }

    /// Adds an id to a cursor.
    package mutating func appendCursor(_ id: ID) {
        appendCursor(Int64(bitPattern: id.high))
        appendCursor(Int64(bitPattern: id.low))
    }

    /// Adds a text of at most 255 bytes to a cursor.
    package mutating func appendCursor(_ text: String) {
        invariant(text.utf8.count <= 255, "a text of a cursor is short")
        append(UInt8(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}

// MARK: base64url (RFC 4648, section 5)

private let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
)

private func encodeBase64URL(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
        bits = bits << 8 | UInt32(byte)
        count += 8
        while count >= 6 {
            count -= 6
            text.append(alphabet[Int(bits >> UInt32(count) & 63)])
        }
    }
    if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
    return String(decoding: text, as: UTF8.self)
}

private func decodeBase64URL(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for character in text.utf8 {
        guard let value = alphabet.firstIndex(of: character) else { return nil }
        bits = bits << 6 | UInt32(value)
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
    }
    // What is left over must be nothing: two texts never stand for the same bytes.
    guard count < 6, bits & (1 << UInt32(count) - 1) == 0 else { return nil }
    return bytes
}
