// The messages of one side of a call on their way out, each behind its prefix.
//
// Most calls have one message: it lies in place, and the queue behind it costs nothing.

internal import DequeModule

/// Messages that wait to be taken by the session.
struct OutboundBody {
    private struct Message {
        var bytes: [UInt8]
        var isCompressed: Bool

        var count: Int { MessageDeframer.prefixLength + bytes.count }

        /// A byte of the prefix: the flag, then the length, most significant byte first.
        func prefixByte(_ index: Int) -> UInt8 {
            if index == 0 { return isCompressed ? 1 : 0 }
            let shift = (MessageDeframer.prefixLength - 1 - index) * 8
            return UInt8(truncatingIfNeeded: UInt32(bytes.count) >> UInt32(shift))
        }
    }

    private var current: Message?
    /// Bytes of `current` that were taken, its prefix included.
    private var taken = 0
    private var waiting = Deque<Message>()
    /// Bytes that wait, prefixes included.
    private(set) var byteCount = 0
    /// Whether anything was ever taken.
    private(set) var hasBegun = false
    /// No message will be added.
    var isComplete = false

    /// Whether everything was taken.
    var isEmpty: Bool { current == nil }

    /// Adds a message at the end; with `isCompressed` the bytes are packed already.
    mutating func append(_ bytes: [UInt8], isCompressed: Bool) {
        let message = Message(bytes: bytes, isCompressed: isCompressed)
        byteCount += message.count
        if current == nil {
            current = message
        } else {
            waiting.append(message)
        }
    }

    /// Drops what waits.
    mutating func removeAll() {
        current = nil
        taken = 0
        waiting = []
        byteCount = 0
    }

    /// Moves the next bytes into `buffer` and says how many.
    mutating func fill(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var count = 0
        while count < buffer.count, let message = current {
            while taken < MessageDeframer.prefixLength, count < buffer.count {
                unsafe buffer[count] = message.prefixByte(taken)
                taken += 1
                count += 1
            }
            let start = taken - MessageDeframer.prefixLength
            let share = start < 0 ? 0 : min(message.bytes.count - start, buffer.count - count)
            if share > 0 {
                let room = unsafe UnsafeMutableBufferPointer(rebasing: buffer[count...])
                unsafe message.bytes.withUnsafeBufferPointer { bytes in
                    let part = unsafe LentBytes(rebasing: bytes[start..<(start + share)])
                    _ = unsafe room.update(fromContentsOf: part)
                }
                taken += share
                count += share
            }
            if taken == message.count {
                current = waiting.popFirst()
                taken = 0
            }
        }
        hasBegun = hasBegun || count > 0
        byteCount -= count
        return count
    }
}
