// Integers as bytes, for digests and the wire. Whole words at a time: these run some hundred times a call.

extension [UInt8] {
    /// Appends eight bytes, the least significant first.
    package mutating func append(littleEndian value: Int64) {
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// Appends the 16 bytes of an id, the most significant first.
    package mutating func append(id: ID) {
        unsafe Swift.withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) {
            unsafe append(contentsOf: $0)
        }
    }
}
