// What to do when more arrives than can be served: refuse at once what would wait too long.
//
// A server that takes everything serves nobody: its queue grows until every answer comes after its
// deadline. So the number of calls in flight has a limit of its own, which follows the latency. Each
// window looks at the fastest call of each priority: when even that one took longer than the target,
// there is a standing queue (the idea of CoDel, Nichols and Jacobson, "Controlling Queue Delay", 2012)
// and the limit shrinks by a share; when the limit was in use and no queue stood, it grows. And a
// call whose deadline is nearer than the time that calls take now (Little's law: in flight by rate)
// is refused before it costs anything.
//
// Priorities share the limit: low may fill 60 % of it, normal 85 %, and high goes half over it (it must
// find room also while the limit shrinks), so that what ends work goes before what begins some. Pure: the clock is the caller's.

/// Decides which calls of one event loop may run.
struct OverloadGuard {
    /// The bounds within which the guard works.
    struct Limits: Hashable, Sendable {
        /// Calls in flight, at most ever.
        var callsMax: Int
        /// Calls in flight that are always allowed.
        var callsMin = 64
        /// The latency of the fastest call that tells of a standing queue, in nanoseconds.
        var targetNanoseconds: Int64 = 100_000_000
        /// How long latencies are collected before the limit moves, in nanoseconds.
        var windowNanoseconds: Int64 = 100_000_000

        init(callsMax: Int) {
            self.callsMax = callsMax
            callsMin = min(callsMin, callsMax)
        }
    }

    /// Whether a call may run.
    enum Verdict: Hashable, Sendable {
        case run
        /// More is in flight than is ever allowed.
        case full
        /// More is in flight than can be served in time.
        case overloaded
        /// It could not be answered within its deadline.
        case tooLate
    }

    private struct Window {
        var endsAt: Int64 = 0
        var fastest: [4 of Int64] = .init(repeating: .max)
        var counts: [4 of Int] = .init(repeating: 0)
        var inFlightMax = 0
    }

    /// Fewer answers than this say nothing about a window.
    private static let answersMin = 5
    private static let retryStepMilliseconds: Int64 = 40
    private static let shrink = 0.85
    private static let growth = 1.1

    private let limits: Limits
    private var window = Window()
    private(set) var inFlight = 0
    /// Calls in flight that are allowed now.
    private(set) var limit: Double
    /// Answers per nanosecond while a queue stands, smoothed over windows; 0 while none does.
    private var rate = 0.0

    init(_ limits: Limits) {
        self.limits = limits
        limit = Double(limits.callsMax)
    }

    /// When a call that is refused now should come again, in milliseconds.
    ///
    /// In steps: the answer that carries it is made once for all refusals that name the same time,
    /// and how much is in flight changes with every call.
    var retryMilliseconds: Int64 {
        let step = Self.retryStepMilliseconds
        let wait = 2 * waitNanoseconds / 1_000_000
        return min(1_000, max(1, (wait + step - 1) / step) * step)
    }

    /// How long a call takes that starts now, as far as is known.
    private var waitNanoseconds: Int64 {
        rate > 0 ? Int64(min(Double(inFlight) / rate, 1e12)) : 0
    }

    /// Counts a call in, or says why it may not run.
    ///
    /// - Parameters:
    ///   - remaining: nanoseconds until its deadline; nil when it has none.
    ///   - now: nanoseconds of a monotonic clock.
    mutating func admit(_ priority: CallPriority, remaining: Int64?, now: Int64) -> Verdict {
        if now >= window.endsAt { roll(now) }
        if priority != .exempt {
            if inFlight >= limits.callsMax { return .full }
            if Double(inFlight) >= share(of: priority) { return .overloaded }
            if let remaining, inFlight > limits.callsMin, remaining < waitNanoseconds {
                return .tooLate
            }
        }
        inFlight += 1
        window.inFlightMax = max(window.inFlightMax, inFlight)
        return .run
    }

    /// Counts a call out.
    mutating func ended(_ priority: CallPriority, after nanoseconds: Int64) {
        inFlight -= 1
        let index = priority.rawValue
        window.counts[index] += 1
        window.fastest[index] = min(window.fastest[index], nanoseconds)
    }

    private func share(of priority: CallPriority) -> Double {
        let share =
            switch priority {
            case .low: 0.6 * limit
            case .normal: 0.85 * limit
            case .high, .exempt: 1.5 * limit
            }
        // With hardly anything in flight there is no queue to be afraid of.
        return max(share, Double(limits.callsMin) / 2)
    }

    /// What was answered while a queue stood is what can be answered; what was answered without one is
    /// only what was asked for, and says nothing: a sudden burst must not be measured by the quiet
    /// before it.
    private mutating func learnRate(_ now: Int64, _ isQueueStanding: Bool) {
        guard isQueueStanding else {
            rate = 0
            return
        }
        let answers = window.counts[0] + window.counts[1] + window.counts[2]
        let measured = Double(answers) / Double(now - window.endsAt + limits.windowNanoseconds)
        rate = rate == 0 ? measured : 0.7 * rate + 0.3 * measured
    }

    /// Moves the limit by what the window has seen.
    private mutating func roll(_ now: Int64) {
        var isQueueStanding = false
        for index in 0..<CallPriority.exempt.rawValue
        where window.counts[index] >= Self.answersMin {
            if window.fastest[index] > limits.targetNanoseconds { isQueueStanding = true }
        }
        learnRate(now, isQueueStanding)
        if isQueueStanding {
            let used = min(limit, Double(window.inFlightMax))
            limit = max(Double(limits.callsMin), used * Self.shrink)
        } else if Double(window.inFlightMax) >= 0.8 * limit {
            limit = min(Double(limits.callsMax), limit * Self.growth + 1)
        }
        window = Window()
        window.endsAt = now + limits.windowNanoseconds
        window.inFlightMax = inFlight
    }
}
