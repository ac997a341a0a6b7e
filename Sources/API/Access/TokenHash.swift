// Bearer tokens: how one is made, and the hash that is kept of it.
//
// A token is 256 random bits, so its hash needs neither salt nor slowness: those are for passwords,
// which can be guessed and which two people may share. Nobody can list 2^256 tokens, with a table or
// without; and a fast hash is what every call can afford.

internal import Crypto

/// The SHA-256 of a bearer token's text.
package struct TokenHash: Hashable, Sendable {
    /// Its 32 bytes, big-endian, eight in each word.
    package let words: SIMD4<UInt64>

    private static let prefix = "sha256:"

    /// The hash of a token.
    package init(token: some Sequence<UInt8>) {
        var words = SIMD4<UInt64>.zero
        var count = 0
        for byte in SHA256.hash(data: Array(token)) {
            words[count >> 3] = words[count >> 3] << 8 | UInt64(byte)
            count += 1
        }
        self.words = words
    }

    /// Reads `sha256:` and 64 hex digits; nil when it is something else.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let digits = Array(text.utf8.dropFirst(Self.prefix.utf8.count))
        guard digits.count == 64 else { return nil }
        var words = SIMD4<UInt64>.zero
        for (index, digit) in digits.enumerated() {
            guard let value = hexValue(digit) else { return nil }
            words[index >> 4] = words[index >> 4] << 4 | value
        }
        self.words = words
    }

    /// The hash as a file holds it.
    package var text: String { Self.prefix + words.indices.map { hexText(words[$0]) }.joined() }

    /// The first eight digits: enough to tell the tokens of a file apart.
    package var id: String { String(hexText(words[0]).prefix(8)) }
}

/// Makes bearer tokens.
package enum BearerToken {
    /// Marks our tokens for people and for scanners of leaked secrets.
    package static let prefix = "hf_"
    /// A token that is longer is none of ours and is not looked at.
    package static let bytesMax = 256

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )

    /// A new token: the prefix and 43 characters that carry 256 random bits.
    package static func make(using generator: inout some RandomNumberGenerator) -> String {
        var text = Array(prefix.utf8)
        // 43 characters of 6 bits; the last carries the 4 bits that are left.
        for index in 0..<43 {
            let bits: UInt8 = generator.next()
            text.append(alphabet[Int(bits & (index == 42 ? 0x3c : 0x3f))])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

private func hexText(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

private func hexValue(_ digit: UInt8) -> UInt64? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(digit - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(digit - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(digit - UInt8(ascii: "A") + 10)
    default: nil
    }
}
