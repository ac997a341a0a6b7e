// A request that was encoded once, whose fixed places are written over for each call: encoding by
// swift-protobuf would cost more than all the rest of a call.

internal import Base
internal import SwiftProtobuf

/// A framed request with places of fixed length.
struct RequestTemplate: Sendable {
    /// A place in the bytes.
    struct Place: Hashable, Sendable {
        var start: Int
        var count: Int
    }

    /// Five bytes of framing and the message.
    let framed: [UInt8]

    /// - Parameter message: with a mark at each place that is to be written over.
    init(_ message: some Message) {
        let bytes: [UInt8]
        do {
            bytes = try message.serializedBytes()
        } catch {
            invariantBroken("a request of our own cannot be encoded: \(error)")
        }
        let count = UInt32(bytes.count)
        framed =
            [
                0, UInt8(count >> 24 & 0xff), UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff),
                UInt8(count & 0xff),
            ] + bytes
    }

    /// Where a mark stands, which must be there exactly once.
    func place(of mark: String) -> Place {
        let mark = Array(mark.utf8)
        let starts = framed.indices.filter { framed[$0...].starts(with: mark) }
        invariant(starts.count == 1, "a mark stands \(starts.count) times in a request")
        return Place(start: starts[0], count: mark.count)
    }
}

/// Numbers and ids as text of a fixed length, written into a request.
extension [UInt8] {
    /// Writes a number in hexadecimal digits that fill the place.
    mutating func write(hexadecimal number: UInt64, at place: RequestTemplate.Place) {
        var rest = number
        var index = place.start + place.count
        while index > place.start {
            index -= 1
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            self[index] = digit < 10 ? 48 + digit : 87 + digit
            rest >>= 4
        }
    }

    /// Writes a number in decimal digits that fill the place.
    mutating func write(decimal number: Int, at place: RequestTemplate.Place) {
        var rest = number
        var index = place.start + place.count
        while index > place.start {
            index -= 1
            self[index] = 48 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Writes an id in the form of a UUID.
    mutating func write(_ id: ID, at place: RequestTemplate.Place) {
        var index = place.start
        for byte in 0..<16 {
            if byte == 4 || byte == 6 || byte == 8 || byte == 10 {
                self[index] = UInt8(ascii: "-")
                index += 1
            }
            let value = id[byte: byte]
            self[index] = value >> 4 < 10 ? 48 + value >> 4 : 87 + value >> 4
            self[index + 1] = value & 15 < 10 ? 48 + value & 15 : 87 + value & 15
            index += 2
        }
    }
}
