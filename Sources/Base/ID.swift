// 128-bit identifiers: digests of idempotency keys and time-ordered ids, both stored as `uuid`.

/// A 128-bit identifier, printed in the usual form of a UUID.
package struct ID: Hashable, Comparable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (left: ID, right: ID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// Any id at all.
    package static func random() -> ID {
        var generator = SystemRandomNumberGenerator()
        return ID(high: generator.next(), low: generator.next())
    }

    /// A version 7 UUID (RFC 9562, section 5.7): milliseconds of `now`, then random bits, so that
    /// ids made later sort later and fill an index from its end.
    package static func timeOrdered(
        now: Instant,
        using generator: inout some RandomNumberGenerator,
    ) -> ID {
        let milliseconds = UInt64(clamping: now.microseconds / 1_000) & 0xffff_ffff_ffff
        let random = generator.next()
        return ID(
            high: milliseconds << 16 | 0x7000 | (random & 0x0fff),
            low: 0x8000_0000_0000_0000 | (generator.next() >> 2),
        )
    }
}

extension ID: CustomStringConvertible {
    /// The 36 characters of RFC 9562, lower case.
    package var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                text.append(UInt8(ascii: "-"))
            }
            let byte = self[byte: index]
            text.append(hexDigit(byte >> 4))
            text.append(hexDigit(byte & 15))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads the 36 characters of RFC 9562; nil when anything else stands there.
    package init?(_ text: some StringProtocol) {
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        var digits = 0
        for (index, character) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard digits < 32, let value = hexValue(character) else { return nil }
            if digits < 16 {
                halves.high = halves.high << 4 | value
            } else {
                halves.low = halves.low << 4 | value
            }
            digits += 1
        }
        guard digits == 32, text.utf8.count == 36 else { return nil }
        self.init(high: halves.high, low: halves.low)
    }

    /// One of the 16 bytes, the most significant first (the order on the wire and in Postgres).
    package subscript(byte index: Int) -> UInt8 {
        let half = index < 8 ? high : low
        return UInt8(truncatingIfNeeded: half >> UInt64(8 * (7 - index % 8)))
    }

    /// Reads 16 bytes, the most significant first.
    package init(bytes: some Collection<UInt8>) {
        invariant(bytes.count == 16, "an id has 16 bytes, got \(bytes.count)")
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        for byte in bytes {
            halves.high = halves.high << 8 | halves.low >> 56
            halves.low = halves.low << 8 | UInt64(byte)
        }
        self.init(high: halves.high, low: halves.low)
    }
}

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

private func hexValue(_ character: UInt8) -> UInt64? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(character - UInt8(ascii: "A") + 10)
    default: nil
    }
}
