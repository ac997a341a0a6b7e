// The header `grpc-timeout`: at most eight digits and a unit. Pure.

/// Reads and writes the value of `grpc-timeout`.
enum Timeout {
    private static let digitsMax = 8

    /// The timeout in nanoseconds (at most `Int64.max`); nil when the value is malformed.
    static func parse(_ value: some BidirectionalCollection<UInt8>) -> Int64? {
        guard let last = value.last, let unit = nanoseconds(ofUnit: last) else { return nil }
        let digits = value.dropLast()
        guard !digits.isEmpty, digits.count <= digitsMax else { return nil }
        var number: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        let product = number.multipliedReportingOverflow(by: unit)
        return product.overflow ? .max : product.partialValue
    }

    /// The value that says `nanoseconds`, in the finest unit that needs no more than eight digits,
    /// rounded up, so that the peer never gives up before the caller; nothing below zero.
    static func encode(nanoseconds: Int64) -> String {
        let nanoseconds = max(0, nanoseconds)
        for unit in [UInt8(ascii: "n"), UInt8(ascii: "u"), UInt8(ascii: "m"), UInt8(ascii: "S")] {
            let size = self.nanoseconds(ofUnit: unit) ?? 1
            let number = nanoseconds / size + (nanoseconds % size == 0 ? 0 : 1)
            if number < 100_000_000 { return "\(number)\(Character(UnicodeScalar(unit)))" }
        }
        let hours = nanoseconds / 3_600_000_000_000
        return "\(hours + 1)H"
    }

    private static func nanoseconds(ofUnit unit: UInt8) -> Int64? {
        switch unit {
        case UInt8(ascii: "H"): 3_600_000_000_000
        case UInt8(ascii: "M"): 60_000_000_000
        case UInt8(ascii: "S"): 1_000_000_000
        case UInt8(ascii: "m"): 1_000_000
        case UInt8(ascii: "u"): 1_000
        case UInt8(ascii: "n"): 1
        default: nil
        }
    }
}
