// Base64 for binary metadata: written without padding, read with or without. Pure.

/// The alphabet of RFC 4648, section 4.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    /// The characters for `bytes`, without padding.
    static func encode(_ bytes: some Collection<UInt8>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                result.append(alphabet[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 {
            result.append(alphabet[Int(bits << UInt32(6 - bitCount) & 63)])
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The bytes again; nil when a character is foreign or the length is impossible.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let padding = UInt8(ascii: "=")
        let digits = text.prefix { $0 != padding }
        let paddingCount = text.count - digits.count
        guard text.dropFirst(digits.count).allSatisfy({ $0 == padding }),
            paddingCount == 0 || (paddingCount <= 2 && text.count.isMultiple(of: 4)),
            digits.count % 4 != 1
        else { return nil }

        var result: [UInt8] = []
        result.reserveCapacity(digits.count * 3 / 4)
        var bits: UInt32 = 0
        var bitCount = 0
        for digit in digits {
            guard let value = value(of: digit) else { return nil }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return result
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
