// Checks what a caller sent before anything is done with it. Collects what is wrong, field by field,
// so that a caller can mend a request at once; never looks at the state of the world.

package import Base
package import RPC
package import SwiftProtobuf

/// Collects the violations of one request.
///
/// Field paths are built only when something is wrong.
package struct Validator {
    /// Violations that one answer names; what is beyond them is not looked at.
    package static let violationsMax = 20

    package private(set) var violations: [FieldViolation] = []

    package init() {}

    /// Throws INVALID_ARGUMENT with every violation found, or nothing.
    package func check() throws(Status) {
        if violations.isEmpty { return }
        let names = violations.map(\.field).joined(separator: ", ")
        throw Status(
            .invalidArgument,
            "invalid: \(names)",
            details: [.badRequest(violations)],
        )
    }

    /// Notes a violation; those beyond the first `violationsMax` are dropped.
    package mutating func fail(_ field: String, _ description: String) {
        if violations.count < Self.violationsMax {
            violations.append(FieldViolation(field: field, description: description))
        }
    }

    // MARK: Texts

    /// A SKU, node or channel: 1 to 64 characters of printable ASCII.
    ///
    /// Two spellings of one accented letter would be one name here and two in the database.
    package mutating func name(_ text: String, _ field: @autoclosure () -> String) {
        self.text(text, 1...Limits.nameBytesMax, field)
        if !text.utf8.allSatisfy({ $0 < 0x80 }) { fail(field(), "must be ASCII") }
    }

    /// A SKU that callers may use: those that begin with `@` are the capacities of nodes, which only
    /// routing takes and the network sets.
    package mutating func sku(_ text: String, _ field: @autoclosure () -> String) {
        name(text, field())
        if text.utf8.first == UInt8(ascii: "@") {
            fail(field(), "must not begin with @: such SKUs are reserved")
        }
    }

    /// Like `name`, or empty.
    package mutating func optionalName(_ text: String, _ field: @autoclosure () -> String) {
        if !text.isEmpty { name(text, field()) }
    }

    /// An idempotency key, external id or the like: 1 to 128 bytes.
    package mutating func key(_ text: String, _ field: @autoclosure () -> String) {
        self.text(text, 1...Limits.keyBytesMax, field)
    }

    /// Like `key`, or empty.
    package mutating func optionalKey(_ text: String, _ field: @autoclosure () -> String) {
        self.text(text, 0...Limits.keyBytesMax, field)
    }

    /// A reason, reference or note: up to 256 bytes.
    package mutating func note(_ text: String, _ field: @autoclosure () -> String) {
        self.text(text, 0...Limits.noteBytesMax, field)
    }

    private mutating func text(_ text: String, _ bytes: ClosedRange<Int>, _ field: () -> String) {
        let length = text.utf8.count
        if length < bytes.lowerBound {
            fail(field(), "must not be empty")
        } else if length > bytes.upperBound {
            fail(field(), "has \(length) bytes, at most \(bytes.upperBound) are allowed")
        } else if text.utf8.first == UInt8(ascii: " ") || text.utf8.last == UInt8(ascii: " ") {
            fail(field(), "must not begin or end with a space")
        } else if hasControlCharacter(text) {
            fail(field(), "must not contain control characters")
        }
    }

    /// The id in its 36 characters; nil, with a violation, when it is none.
    package mutating func id(_ text: String, _ field: @autoclosure () -> String) -> ID? {
        if let id = ID(text) { return id }
        fail(field(), text.isEmpty ? "must not be empty" : "must be a UUID of 36 characters")
        return nil
    }

    // MARK: Numbers

    /// A number of units in `range`.
    package mutating func quantity(
        _ value: Int64,
        _ field: @autoclosure () -> String,
        in range: ClosedRange<Int64> = 1...Limits.quantityMax,
    ) {
        if !range.contains(value) {
            fail(field(), "is \(value), must be \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// How many lines there are: 1 to 500 unless `minimum` says 0.
    ///
    /// False when it is wrong: the lines need not be looked at then.
    package mutating func lineCount(
        _ count: Int,
        _ field: @autoclosure () -> String,
        minimum: Int = 1,
    ) -> Bool {
        if count < minimum {
            fail(field(), "must have at least one entry")
            return false
        }
        if count > Limits.linesMax {
            fail(field(), "has \(count) entries, at most \(Limits.linesMax) are allowed")
            return false
        }
        return true
    }

    /// The rows of a page; 0 stands for `standard`.
    package mutating func pageSize(
        _ value: Int32,
        _ field: @autoclosure () -> String,
        standard: Int,
        max: Int,
    ) -> Int {
        if value == 0 { return standard }
        if value < 0 || Int(value) > max { fail(field(), "is \(value), must be 0 to \(max)") }
        return Int(value)
    }

    // MARK: Times

    /// A moment, cut to microseconds; nil, with a violation, when it is none of the years 1 to 9999.
    package mutating func instant(
        _ value: Google_Protobuf_Timestamp,
        _ field: @autoclosure () -> String,
    ) -> Instant? {
        let seconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
        guard seconds.contains(value.seconds), (0...999_999_999).contains(value.nanos) else {
            fail(field(), "is no moment of the years 1 to 9999")
            return nil
        }
        return Instant(microseconds: value.seconds * 1_000_000 + Int64(value.nanos) / 1_000)
    }

    /// A length of time in milliseconds within `range`; nil, with a violation, when it is none.
    package mutating func milliseconds(
        _ value: Google_Protobuf_Duration,
        _ field: @autoclosure () -> String,
        in range: ClosedRange<Int64>,
    ) -> Int64? {
        let secondsMax: Int64 = 315_576_000_000
        let isValid =
            (-secondsMax...secondsMax).contains(value.seconds)
            && (-999_999_999...999_999_999).contains(value.nanos)
            && !(value.seconds > 0 && value.nanos < 0) && !(value.seconds < 0 && value.nanos > 0)
        let milliseconds = isValid ? value.seconds * 1_000 + Int64(value.nanos) / 1_000_000 : -1
        guard isValid, range.contains(milliseconds) else {
            fail(field(), "must be \(range.lowerBound) to \(range.upperBound) milliseconds long")
            return nil
        }
        return milliseconds
    }
}

/// True when a character of C0, DEL or C1 stands in `text`.
private func hasControlCharacter(_ text: String) -> Bool {
    let bytes = text.utf8.span
    var previous: UInt8 = 0
    for index in bytes.indices {
        let byte = bytes[index]
        if byte < 0x20 || byte == 0x7f { return true }
        if previous == 0xc2, (0x80...0x9f).contains(byte) { return true }
        previous = byte
    }
    return false
}
