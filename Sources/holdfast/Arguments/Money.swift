// Prices as people write them, and as the protocol carries them: whole minor units of a currency.
// Never by way of floating point.

/// Prices of one currency.
struct Currency: Equatable {
    /// ISO 4217, three capital letters.
    let code: String
    /// Digits after the point.
    let exponent: Int

    /// The currencies of ISO 4217 that do not have two digits after the point.
    private static let exponents: [String: Int] = [
        "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0,
        "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0,
        "XPF": 0,
        "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
        "CLF": 4, "UYW": 4,
    ]

    /// Nil when the code is not three capital letters.
    init?(_ code: String) {
        let isValid =
            code.utf8.count == 3
            && code.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        guard isValid else { return nil }
        self.code = code
        exponent = Self.exponents[code] ?? 2
    }

    /// Reads a price such as `2.55` or `3`; minor units, nil when it is none, is below zero or has
    /// more digits after the point than the currency.
    func parse(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, isDigits(whole) else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        if parts.count == 2, !isDigits(fraction) { return nil }
        guard fraction.count <= exponent else { return nil }
        let zeros = String(repeating: "0", count: exponent - fraction.count)
        return Int64(String(whole) + String(fraction) + zeros)
    }

    /// Minor units as a price, such as `2.55`.
    func text(_ minor: Int64) -> String {
        if exponent == 0 { return "\(minor)" }
        let sign = minor < 0 ? "-" : ""
        var digits = String(minor.magnitude)
        if digits.count <= exponent {
            digits = String(repeating: "0", count: exponent + 1 - digits.count) + digits
        }
        return "\(sign)\(digits.dropLast(exponent)).\(digits.suffix(exponent))"
    }
}

private func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
}
