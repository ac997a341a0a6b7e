// Units that wait for a connection. Each leaves in its turn, or when its caller's time is over: what
// nobody waits for is not sent.

internal import Base
internal import DequeModule

/// A queue of units, oldest first, of which late ones can be taken out wherever they stand.
struct UnitQueue {
    /// A look through the queue costs its length: not more often than this.
    private static let sweepPauseMs: Int64 = 5

    private(set) var units = Deque<Unit>()
    /// The earliest deadline of those that wait, or an earlier one.
    private var earliest = Deadline.never
    private var sweptAt = Deadline(nanoseconds: 0)

    var isEmpty: Bool { units.isEmpty }
    var first: Unit? { units.first }

    /// When there may be late ones to take out.
    var nextSweep: Deadline {
        max(earliest, sweptAt.advanced(milliseconds: Self.sweepPauseMs))
    }

    mutating func append(_ unit: Unit) {
        earliest = min(earliest, unit.deadline)
        units.append(unit)
    }

    mutating func popFirst() -> Unit? {
        let unit = units.popFirst()
        if units.isEmpty { earliest = .never }
        return unit
    }

    /// Takes out what is late at `now`; nothing when it was looked for a moment ago.
    mutating func takeLate(_ now: Deadline) -> [Unit] {
        if earliest == .never || !nextSweep.hasPassed(at: now) { return [] }
        sweptAt = now
        var late: [Unit] = []
        earliest = .never
        units.removeAll { unit in
            if unit.deadline.hasPassed(at: now) {
                late.append(unit)
                return true
            }
            earliest = min(earliest, unit.deadline)
            return false
        }
        return late
    }
}
