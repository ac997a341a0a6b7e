// The one door to the Postgres thread: any thread puts commands in, the thread takes them all at
// once. An eventfd wakes the thread, and only when it sleeps: a burst costs one wake-up. The lock is
// held for a few instructions and never while anything waits.

internal import Base
private import CLibpq
private import Glibc
private import Synchronization

/// Commands on their way to the Postgres thread.
final class Inbox: Sendable {
    private struct State {
        var commands: [Command] = []
        var isAsleep = false
        /// No more units; set by shutdown.
        var isClosed = false
        /// The thread has ended; nothing can be delivered any more.
        var isEnded = false
        var outstanding = 0
        /// Units that came too late to be accepted.
        var late = 0
        var statistics = PostgresStatistics()
    }

    private let state = Mutex(State())
    private let queueMax: Int
    /// Readable when the thread should wake up.
    let eventDescriptor: Int32

    init(queueMax: Int) {
        self.queueMax = queueMax
        eventDescriptor = holdfast_eventfd()
        invariant(eventDescriptor >= 0, "eventfd failed with \(errno)")
    }

    deinit {
        _ = Glibc.close(eventDescriptor)
    }

    // MARK: Other threads

    /// Accepts a unit, or says why not.
    func submit(_ unit: Unit, _ route: Route, now: Deadline) -> PostgresError? {
        let (refusal, mustWake) = state.withLock { state -> (PostgresError?, Bool) in
            if state.isClosed { return (PostgresError(.shutDown, ""), false) }
            if unit.deadline.hasPassed(at: now) {
                state.late += 1
                return (PostgresError(.late, ""), false)
            }
            if state.outstanding >= queueMax {
                return (PostgresError(.queueFull, "\(queueMax) units are waiting"), false)
            }
            state.outstanding += 1
            state.commands.append(.submit(unit, route))
            defer { state.isAsleep = false }
            return (nil, state.isAsleep)
        }
        if mustWake { wake() }
        return refusal
    }

    /// Passes on anything but a unit; false when the thread has ended.
    func send(_ command: Command, closing: Bool = false) -> Bool {
        let (accepted, mustWake) = state.withLock { state -> (Bool, Bool) in
            if state.isEnded { return (false, false) }
            if closing { state.isClosed = true }
            state.commands.append(command)
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        if mustWake { wake() }
        return accepted
    }

    func statistics() -> PostgresStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.unitsLate += state.late
            return statistics
        }
    }

    private func wake() {
        // Fails only when the counter is full, and then the thread wakes up anyway.
        _ = eventfd_write(eventDescriptor, 1)
    }

    // MARK: The Postgres thread

    /// Takes all commands; tells how many units were finished since the last call.
    func take(finished: Int, _ statistics: PostgresStatistics) -> [Command] {
        state.withLock { state in
            state.isAsleep = false
            state.outstanding -= finished
            state.statistics = statistics
            state.statistics.unitsOutstanding = state.outstanding
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    /// Whether the thread may sleep; from then on a command wakes it.
    func fallAsleep() -> Bool {
        state.withLock { state in
            if !state.commands.isEmpty { return false }
            state.isAsleep = true
            return true
        }
    }

    /// Clears the wake-up.
    func drainEvent() {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(eventDescriptor, &count)
    }

    /// Refuses everything from now on and returns what came too late.
    func end() -> [Command] {
        state.withLock { state in
            state.isClosed = true
            state.isEnded = true
            let commands = state.commands
            state.commands = []
            return commands
        }
    }
}

extension Deadline {
    /// Milliseconds of the monotonic clock.
    var milliseconds: UInt64 { UInt64(nanoseconds / 1_000_000) }
}
