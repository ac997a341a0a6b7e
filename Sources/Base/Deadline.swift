// How long somebody waits for what is done for him. It is set once, where a call begins, and read
// wherever work is handed on: to the gate, to a batch, to Postgres. What nobody waits for any more is
// not begun.

/// A moment of the monotonic clock, after which nobody waits for the answer.
package struct Deadline: Hashable, Comparable, Sendable {
    /// Nanoseconds of the monotonic clock: the same that NIO counts.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Somebody waits for ever: a worker, a step that has to be finished.
    package static let never = Deadline(nanoseconds: .max)

    /// This moment.
    package static var now: Deadline { Deadline(nanoseconds: monotonicNanoseconds()) }

    /// The deadline of the call that the current task works for.
    ///
    /// Tasks that serve several callers, and hooks of a loop, have none of their own.
    @TaskLocal package static var current = Deadline.never

    package static func < (left: Deadline, right: Deadline) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Whether nobody waits any more.
    package var hasPassed: Bool { self != .never && hasPassed(at: .now) }

    /// Whether nobody waits any more at `now`.
    package func hasPassed(at now: Deadline) -> Bool { self <= now }

    /// The moment that lies `milliseconds` later; never stays never.
    package func advanced(milliseconds: Int64) -> Deadline {
        let (sum, isTooLate) = nanoseconds.addingReportingOverflow(milliseconds * 1_000_000)
        return isTooLate ? .never : Deadline(nanoseconds: sum)
    }

    /// Whole milliseconds from `now` until then, rounded up; not below zero.
    package func milliseconds(from now: Deadline) -> Int64 {
        if self <= now { return 0 }
        return (nanoseconds - now.nanoseconds - 1) / 1_000_000 + 1
    }
}
