// The percent-encoding of the header `grpc-message`. Pure.

/// Reads and writes the value of `grpc-message`.
enum PercentEncoding {
    /// The UTF-8 of `text`, with everything but printable ASCII, and `%` itself, as `%XX`.
    static func encode(_ text: String) -> String {
        if text.utf8.allSatisfy(isPlain) { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 16)
        for byte in text.utf8 {
            if isPlain(byte) {
                result.append(byte)
            } else {
                result.append(UInt8(ascii: "%"))
                result.append(upperHexDigit(byte >> 4))
                result.append(upperHexDigit(byte & 15))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The text again.
    ///
    /// What is no valid escape stands for itself, and what is no UTF-8 is repaired:
    /// a broken message must not hide the code beside it.
    static func decode(_ value: some Collection<UInt8>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(value.count)
        var rest = value[...]
        while let byte = rest.popFirst() {
            let escape = rest.prefix(2)
            if byte == UInt8(ascii: "%"),
                escape.count == 2,
                let high = escape.first.flatMap(hexValue),
                let low = escape.dropFirst().first.flatMap(hexValue)
            {
                result.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "%")
    }

    private static func upperHexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
