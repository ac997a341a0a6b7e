// The place of one connection: a lane keeps its place while connections come and go.

/// A place for a connection, and the units that wait for exactly this one.
final class Slot {
    enum Phase {
        case connecting
        case up(Link)
        /// The last attempt failed, or the connection was lost; the next attempt is due then.
        case down(untilMs: UInt64)
    }

    let id: SlotID
    var phase = Phase.connecting
    /// Units of a writer or a session; those of the pool wait in one queue for all.
    var queue = UnitQueue()
    /// The wait before the next attempt to connect, milliseconds.
    private var backoffMs: UInt64 = 0
    var lastError: PostgresError?

    init(_ id: SlotID) {
        self.id = id
    }

    var link: Link? {
        if case .up(let link) = phase { link } else { nil }
    }

    /// The connection is gone or was not made: wait a little longer each time.
    func wentDown(nowMs: UInt64) {
        phase = .down(untilMs: nowMs + backoffMs)
        backoffMs = min(max(backoffMs * 2, 20), 1_000)
    }

    /// A unit was answered: the connection works.
    func proved() {
        backoffMs = 0
    }
}
