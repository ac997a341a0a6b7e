// Reads the binary format of Postgres. The bytes come from the server that we trust to keep its own
// protocol: a length that does not fit stops the process rather than yielding a wrong number.

internal import Base

extension FixedWidthInteger {
    /// Reads a big-endian integer that fills `binary`.
    init(binary: UnsafeRawBufferPointer) {
        let size = MemoryLayout<Self>.size
        invariant(binary.count == size, "an integer of \(size) bytes has other bytes")
        self = unsafe Self(bigEndian: binary.loadUnaligned(as: Self.self))
    }
}

extension Bool {
    init(binary: UnsafeRawBufferPointer) {
        self = unsafe UInt8(binary: binary) != 0
    }
}

extension String {
    init(binary: UnsafeRawBufferPointer) {
        self = unsafe String(decoding: binary, as: UTF8.self)
    }
}

extension [UInt8] {
    init(binary: UnsafeRawBufferPointer) {
        self = unsafe Array(binary)
    }
}

extension ID {
    init(binary: UnsafeRawBufferPointer) {
        invariant(binary.count == 16, "a uuid has 16 bytes")
        unsafe self.init(
            high: UInt64(bigEndian: binary.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: binary.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
        )
    }
}

extension Instant {
    init(binary: UnsafeRawBufferPointer) {
        let microseconds = unsafe Int64(binary: binary)
        let (sum, overflow) = microseconds.addingReportingOverflow(postgresEpochMicroseconds)
        // Only `infinity` overflows; it stays the latest moment there is.
        self.init(microseconds: overflow ? .max : sum)
    }
}

/// Reads an array of one dimension (or none, when it is empty).
func decodeArray<Element>(
    _ binary: UnsafeRawBufferPointer,
    _ decode: (UnsafeRawBufferPointer) -> Element,
) -> [Element?] {
    var offset = 0
    func next() -> Int {
        invariant(offset + 4 <= binary.count, "an array ends early")
        defer { offset += 4 }
        return unsafe Int(
            Int32(bigEndian: binary.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        )
    }
    let dimensions = next()
    _ = next()
    _ = next()
    if dimensions == 0 { return [] }
    invariant(dimensions == 1, "an array has \(dimensions) dimensions")
    let count = next()
    _ = next()
    var elements: [Element?] = []
    elements.reserveCapacity(count)
    for _ in 0..<count {
        let length = next()
        if length < 0 {
            elements.append(nil)
            continue
        }
        invariant(offset + length <= binary.count, "an array ends early")
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: binary[offset..<(offset + length)])
        unsafe elements.append(decode(bytes))
        offset += length
    }
    return elements
}
