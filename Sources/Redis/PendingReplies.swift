// The commands that wait for a reply, oldest first. A machine without I/O: Redis answers in order, so
// the next reply belongs to the oldest command.

internal import DequeModule
internal import NIOCore

/// Called on the loop with what became of a command.
package typealias RedisCompletion = (Result<RedisReply, RedisError>) -> Void

/// Commands in order of sending.
struct PendingReplies {
    private struct Entry {
        let completion: RedisCompletion
        let deadline: NIODeadline
    }

    private var entries = Deque<Entry>()
    /// How many of the last entries were not given to the socket yet.
    private var unwritten = 0

    var count: Int { entries.count }
    /// When the oldest command's reply is due.
    var firstDeadline: NIODeadline? { entries.first?.deadline }

    mutating func append(_ completion: @escaping RedisCompletion, deadline: NIODeadline) {
        entries.append(Entry(completion: completion, deadline: deadline))
        unwritten += 1
    }

    /// Everything appended so far was given to the socket.
    mutating func written() {
        unwritten = 0
    }

    /// A reply came: returns whom it belongs to; nil when nobody had asked.
    mutating func replied() -> RedisCompletion? {
        guard entries.count > unwritten else { return nil }
        return entries.popFirst()?.completion
    }

    /// The connection ended: returns everything that waits, and the error for each.
    mutating func ended(
        _ kind: RedisError.Kind,
        _ message: String,
        now: NIODeadline
    )
        -> [(completion: RedisCompletion, error: RedisError)]
    {
        let writtenCount = entries.count - unwritten
        let failures = entries.enumerated()
            .map { index, entry in
                // Only what is overdue timed out; the rest loses its connection because of it.
                let isCollateral = kind == .timeout && entry.deadline > now
                let error = RedisError(
                    isCollateral ? .connectionLost : kind,
                    message,
                    outcomeUnknown: index < writtenCount,
                )
                return (completion: entry.completion, error: error)
            }
        entries.removeAll()
        unwritten = 0
        return failures
    }
}
