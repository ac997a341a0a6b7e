// The one compression that gRPC clients of every language know. Pure: bytes in, bytes out.
//
// What comes from outside may be a bomb: a kilobyte that unfolds to a gigabyte. So the result grows
// step by step and stops at the caller's limit, whatever the sender claims about its size.

internal import Base
internal import CZlib

/// Writes and reads the format of RFC 1952.
enum Gzip {
    /// Why compressed bytes cannot be taken.
    enum Failure: Error, Hashable {
        /// No gzip, cut short, or followed by something else.
        case corrupt
        /// It unfolds to more than the limit.
        case tooLong
    }

    /// Speed before size: messages are small, and a compressed one is the exception.
    private static let level: Int32 = 1
    /// How much the result grows at a time, in bytes.
    private static let stepBytes = 16_384

    /// The bytes in gzip.
    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var stream = unsafe z_stream()
        let code = unsafe holdfast_deflate_init_gzip(&stream, level)
        invariant(code == Z_OK, "out of memory for compression")
        defer { unsafe _ = deflateEnd(&stream) }
        let bound = unsafe Int(deflateBound(&stream, UInt(bytes.count)))
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { room, count in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.avail_in = UInt32(input.count)
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(room.count)
                let code = unsafe deflate(&stream, Z_FINISH)
                invariant(code == Z_STREAM_END, "the bound of compression was too low")
            }
            count = unsafe room.count - Int(stream.avail_out)
        }
    }

    /// What gzip holds, at most `bytesMax` bytes.
    static func decompress(_ bytes: [UInt8], bytesMax: Int) throws(Failure) -> [UInt8] {
        var stream = unsafe z_stream()
        let code = unsafe holdfast_inflate_init_gzip(&stream)
        invariant(code == Z_OK, "out of memory for decompression")
        defer { unsafe _ = inflateEnd(&stream) }
        let result: Result<[UInt8], Failure> = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            unsafe stream.avail_in = UInt32(input.count)
            return unsafe inflateAll(&stream, bytesMax: bytesMax)
        }
        return try result.get()
    }

    private static func inflateAll(
        _ stream: inout z_stream,
        bytesMax: Int,
    ) -> Result<[UInt8], Failure> {
        var result: [UInt8] = []
        var code = Z_OK
        while code == Z_OK {
            // One byte over the limit tells what is too long from what just fits.
            let share = min(stepBytes, bytesMax + 1 - result.count)
            let part = unsafe [UInt8](unsafeUninitializedCapacity: share) { room, count in
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(room.count)
                code = unsafe inflate(&stream, Z_NO_FLUSH)
                count = unsafe room.count - Int(stream.avail_out)
            }
            result.append(contentsOf: part)
            if result.count > bytesMax { return .failure(.tooLong) }
            // The input is all there: no progress means that it was cut short.
            if code == Z_BUF_ERROR || (code == Z_OK && part.isEmpty) { break }
        }
        let isWhole = unsafe code == Z_STREAM_END && stream.avail_in == 0
        return isWhole ? .success(result) : .failure(.corrupt)
    }
}
