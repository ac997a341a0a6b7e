// The messages of a peer that nobody has taken yet, and how much room the peer gets for more.
//
// The rule of flow control: while a message waits, the peer gets nothing back; once none waits, it
// gets everything back. So a stream holds one message that is being collected, plus what fits into
// its window, and a reader that is slow makes the writer slow. Pure.

internal import DequeModule

/// What one stream has received.
struct InboundQueue {
    /// The oldest message; most calls have one only, which costs no queue.
    private var first: InboundMessage?
    private var rest = Deque<InboundMessage>()
    /// Bytes of the window that the peer has not got back.
    private var withheld = 0
    /// Bytes of the messages that wait.
    private(set) var byteCount = 0
    /// Messages that ever came.
    private(set) var total = 0

    var isEmpty: Bool { first == nil }

    /// Adds a message that is complete.
    mutating func append(_ message: InboundMessage) {
        if first == nil {
            first = message
        } else {
            rest.append(message)
        }
        byteCount += message.bytes.count
        total += 1
    }

    /// Takes the oldest message; nil when none waits.
    mutating func popFirst() -> InboundMessage? {
        guard let message = first else { return nil }
        first = rest.popFirst()
        byteCount -= message.bytes.count
        return message
    }

    /// Drops what waits.
    mutating func removeAll() {
        first = nil
        rest = []
        byteCount = 0
    }

    /// Counts bytes that have come off the wire, and says how many the peer gets back now.
    mutating func received(_ count: Int) -> Int {
        withheld += count
        return released()
    }

    /// How many bytes the peer gets back, after messages were taken.
    mutating func released() -> Int {
        guard isEmpty else { return 0 }
        defer { withheld = 0 }
        return withheld
    }
}
