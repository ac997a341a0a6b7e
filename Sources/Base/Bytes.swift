// Integers as bytes, for digests and the gate's scripts.

extension [UInt8] {
    /// Appends eight bytes, the least significant first.
    package mutating func append(littleEndian value: Int64) {
        var rest = UInt64(bitPattern: value)
        for _ in 0..<8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
