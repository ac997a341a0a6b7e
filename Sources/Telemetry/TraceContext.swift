// The `traceparent` header of W3C Trace Context, level 1: read, never invented.

/// A caller's trace, as its `traceparent` names it.
package struct TraceContext: Hashable, Sendable {
    /// 32 lower-case hexadecimal digits, not all zero.
    package let traceID: String
    /// 16 lower-case hexadecimal digits, not all zero: the caller's span.
    package let parentID: String
    /// Whether the caller records this trace.
    package let isSampled: Bool

    /// Reads a header; nil when it is not one of the standard, which must then be ignored.
    ///
    /// A later version is read as far as version 00 goes.
    package init?(_ header: some StringProtocol) {
        let bytes = Array(header.utf8)
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            isHex(bytes[0..<2]), isHex(bytes[3..<35]), isHex(bytes[36..<52]), isHex(bytes[53..<55])
        else { return nil }
        let version = String(decoding: bytes[0..<2], as: UTF8.self)
        if version == "ff" { return nil }
        if version == "00", bytes.count != 55 { return nil }
        if bytes.count > 55, bytes[55] != dash { return nil }
        let zero = UInt8(ascii: "0")
        if bytes[3..<35].allSatisfy({ $0 == zero }) { return nil }
        if bytes[36..<52].allSatisfy({ $0 == zero }) { return nil }
        traceID = String(decoding: bytes[3..<35], as: UTF8.self)
        parentID = String(decoding: bytes[36..<52], as: UTF8.self)
        let flags = UInt8(String(decoding: bytes[53..<55], as: UTF8.self), radix: 16) ?? 0
        isSampled = flags & 1 == 1
    }
}

private let dash = UInt8(ascii: "-")

private func isHex(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
