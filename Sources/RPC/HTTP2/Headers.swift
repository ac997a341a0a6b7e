// Header blocks to send, in the form that the HTTP/2 library takes.
//
// Blocks that never change are built once from static strings, which live for ever, so that the
// library need not copy them. All others are copied by the library while it takes them.

internal import Base
internal import CNghttp2

#if canImport(Glibc)
private import Glibc
#endif

/// Header blocks that are the same for every call.
enum FixedHeaders {
    /// The head of every reply without metadata.
    nonisolated(unsafe) static let reply = unsafe [
        unsafe field(":status", "200"),
        unsafe field("content-type", "application/grpc"),
    ]

    /// The trailers of a call that went well, without metadata.
    nonisolated(unsafe) static let trailersOK = unsafe [unsafe field("grpc-status", "0")]

    private static func field(_ name: StaticString, _ value: StaticString) -> nghttp2_nv {
        unsafe nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.utf8Start),
            value: UnsafeMutablePointer(mutating: value.utf8Start),
            namelen: name.utf8CodeUnitCount,
            valuelen: value.utf8CodeUnitCount,
            flags: UInt8(
                NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
            ),
        )
    }
}

/// A header block put together for one call.
struct HeaderBlock: Sendable {
    private struct Field {
        let nameCount: Int
        let valueCount: Int
    }

    /// All names and values, one after the other.
    private var bytes: [UInt8] = []
    private var fields: [Field] = []

    /// Adds a field; the name in lower case.
    mutating func add(_ name: String, _ value: String) {
        fields.append(Field(nameCount: name.utf8.count, valueCount: value.utf8.count))
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func add(_ metadata: Metadata) {
        for entry in metadata.entries { add(entry.name, entry.value.wireText) }
    }

    /// Lends the block to `body`, which must not keep the pointer.
    func withFields<Result>(
        _ body: (_ fields: UnsafePointer<nghttp2_nv>?, _ count: Int) -> Result
    ) -> Result {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            var list: [nghttp2_nv] = unsafe []
            unsafe list.reserveCapacity(fields.count)
            var start = unsafe UnsafeMutablePointer(mutating: buffer.baseAddress)
            for field in fields {
                let value = unsafe start.map { unsafe $0 + field.nameCount }
                unsafe list.append(
                    nghttp2_nv(
                        name: start,
                        value: value,
                        namelen: field.nameCount,
                        valuelen: field.valueCount,
                        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue),
                    )
                )
                unsafe start = value.map { unsafe $0 + field.valueCount }
            }
            return unsafe list.withUnsafeBufferPointer { list in
                unsafe body(list.baseAddress, list.count)
            }
        }
    }
}

/// Bytes that a callback lends for as long as it runs.
typealias LentBytes = UnsafeBufferPointer<UInt8>

/// Whether lent bytes say exactly `text`.
func equals(_ bytes: LentBytes, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    guard let start = bytes.baseAddress else { return true }
    return unsafe memcmp(start, text.utf8Start, bytes.count) == 0
}
