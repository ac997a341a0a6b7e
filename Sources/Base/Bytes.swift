// Integers as bytes, for digests and the gate.

extension [UInt8] {
    /// Appends eight bytes, the least significant first.
    package mutating func append(littleEndian value: Int64) {
        var rest = UInt64(bitPattern: value)
        for _ in 0..<8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// Appends the 16 bytes of an id, the most significant first.
    package mutating func append(id: ID) {
        for index in 0..<16 { append(id[byte: index]) }
    }
}
