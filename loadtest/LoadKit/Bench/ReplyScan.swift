// What a benchmark needs of a reply, without decoding the rest: the id in field 1.

internal import Base

enum ReplyScan {
    private static let prefixLength = 5

    /// The UUID in field 1 of a framed `Reservation` or `Order`; nil when there is none.
    static func id(framed: [UInt8]) -> ID? {
        var index = prefixLength
        // Fields are written in order, so the id comes first: its tag, its length, its text.
        guard framed.count >= index + 38, framed[index] == 0x0a, framed[index + 1] == 36 else {
            return nil
        }
        index += 2
        return uuid(framed, from: index)
    }

    /// The UUID in field 1 of the message in field 1 of a framed reply; nil when there is none.
    static func innerID(framed: [UInt8]) -> ID? {
        var index = prefixLength
        guard framed.count > index + 2, framed[index] == 0x0a else { return nil }
        index += 1
        while index < framed.count, framed[index] >= 0x80 { index += 1 }
        index += 1
        guard framed.count >= index + 38, framed[index] == 0x0a, framed[index + 1] == 36 else {
            return nil
        }
        return uuid(framed, from: index + 2)
    }

    /// The UUID that is written in 36 bytes; nil when they are none.
    static func uuid(_ bytes: [UInt8], from start: Int) -> ID? {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for offset in 0..<36 {
            let byte = bytes[start + offset]
            if offset == 8 || offset == 13 || offset == 18 || offset == 23 {
                if byte != UInt8(ascii: "-") { return nil }
                continue
            }
            let value: UInt8
            switch byte {
            case 48...57: value = byte - 48
            case 97...102: value = byte - 87
            default: return nil
            }
            if digits < 16 {
                high = high << 4 | UInt64(value)
            } else {
                low = low << 4 | UInt64(value)
            }
            digits += 1
        }
        return ID(high: high, low: low)
    }
}
