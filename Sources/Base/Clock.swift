// Time is passed in. A turn asks once and hands the value on; tests own the clock.

#if canImport(Glibc)
private import Glibc
#endif

/// A moment of UTC, in microseconds since 1970-01-01T00:00:00Z: what Postgres can store exactly.
package struct Instant: Hashable, Comparable, Sendable {
    /// Microseconds since the Unix epoch.
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package init(seconds: Int64) {
        self.microseconds = seconds * 1_000_000
    }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The moment that lies `milliseconds` later (earlier when negative).
    package func advanced(milliseconds: Int64) -> Instant {
        Instant(microseconds: microseconds + milliseconds * 1_000)
    }
}

/// Where moments come from.
package protocol Clock: Sendable {
    /// The current moment of UTC.
    func now() -> Instant
}

/// The clock of the machine.
package struct SystemClock: Clock {
    package init() {}

    package func now() -> Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

/// Nanoseconds of the clock that never jumps; its beginning means nothing.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
