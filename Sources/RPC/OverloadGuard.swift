// What to do when more arrives than can be served: refuse at once what would wait too long.
//
// A server that takes everything serves nobody: its queue grows until every answer comes after its
// deadline. So the calls in flight have a limit that follows the latency. Each window looks at the
// fastest call of each priority: when even that one took longer than the target, there is a standing
// queue (the idea of CoDel, Nichols and Jacobson, "Controlling Queue Delay", 2012) and the limit of
// that priority shrinks by a share; when its limit was in use and no queue stood, it grows. And a call
// whose deadline is nearer than the time that calls of its kind take now (what those of the last window
// took, or Little's law: in flight by rate) is refused before it costs anything.
//
// Each priority has a limit of its own, because what one waits for need not be what the others wait
// for. Where they do wait for the same, lower ones give way first: a priority shrinks only when no
// lower one stands in a queue too that has anything left to give. Pure: the clock is the caller's.

/// Decides which calls of one event loop may run.
struct OverloadGuard {
    /// The bounds within which the guard works.
    struct Limits: Hashable, Sendable {
        /// Calls in flight, at most ever.
        var callsMax: Int
        /// Calls in flight of high priority that are always allowed; of normal ones half, of low ones
        /// a sixteenth.
        var callsMin = 64
        /// The latency of the fastest call that tells of a standing queue, in nanoseconds.
        var targetNanoseconds: Int64 = 100_000_000
        /// How long latencies are collected before the limits move, in nanoseconds.
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

    /// What is known of one priority.
    private struct Lane {
        var inFlight = 0
        /// Calls in flight that are allowed now.
        var limit: Double
        /// Calls in flight that are always allowed.
        var floor: Double
        /// Answers per nanosecond while a queue stands, smoothed over windows; 0 while none does.
        var rate = 0.0

        /// How long the calls of the last window took that were not cut short, in nanoseconds: half
        /// more than the mean, so that most that are let in come through.
        var usual: Int64 = 0

        // Of the window.
        var fastest = Int64.max
        /// Calls that were not cut short by their deadline or their caller, and how long they took.
        var whole = 0
        var wholeSum: Int64 = 0
        var count = 0
        var inFlightMax = 0

        /// How long the queue is that stands before a call that starts now, in nanoseconds.
        var wait: Int64 { rate > 0 ? Int64(min(Double(inFlight) / rate, 1e12)) : 0 }

        func isStanding(_ target: Int64) -> Bool {
            count >= OverloadGuard.answersMin && fastest > target
        }

        /// Begins the next window; `gives` says whether it is this one that gives way.
        mutating func roll(isStanding: Bool, gives: Bool, callsMax: Double, length: Double) {
            if isStanding {
                // What was answered while a queue stood is what can be answered; what was answered
                // without one is only what was asked for: a sudden burst must not be measured by
                // the quiet before it.
                let measured = Double(count) / length
                rate = rate == 0 ? measured : 0.7 * rate + 0.3 * measured
                let used = min(limit, Double(inFlightMax))
                if gives { limit = max(floor, used * OverloadGuard.shrink) }
            } else {
                rate = 0
                if Double(inFlightMax) >= 0.8 * limit {
                    limit = min(callsMax, limit * OverloadGuard.growth + 1)
                }
            }
            if whole >= OverloadGuard.answersMin {
                usual = wholeSum / Int64(whole) * 3 / 2
            } else if count == 0 {
                usual = 0
            }
            fastest = .max
            whole = 0
            wholeSum = 0
            count = 0
            inFlightMax = inFlight
        }
    }

    /// Fewer answers than this say nothing about a window.
    private static let answersMin = 5
    private static let retryStepMilliseconds: Int64 = 40
    private static let shrink = 0.85
    private static let growth = 1.1

    private let limits: Limits
    /// By the numbers of the priorities.
    private var lanes: [4 of Lane]
    private var windowEndsAt: Int64 = 0
    private(set) var inFlight = 0

    init(_ limits: Limits) {
        self.limits = limits
        lanes = .init { number in
            let share = [0.0625, 0.5, 1, 1][number]
            return Lane(limit: Double(limits.callsMax), floor: Double(limits.callsMin) * share)
        }
    }

    /// Calls in flight of a priority that are allowed now.
    func limit(of priority: CallPriority) -> Double { lanes[priority.rawValue].limit }

    func inFlight(of priority: CallPriority) -> Int { lanes[priority.rawValue].inFlight }

    /// When a call that is refused now should come again, in milliseconds.
    ///
    /// In steps: the answer that carries it is made once for all refusals that name the same time,
    /// and how much is in flight changes with every call.
    func retryMilliseconds(_ priority: CallPriority) -> Int64 {
        let step = Self.retryStepMilliseconds
        let wait = 2 * lanes[priority.rawValue].wait / 1_000_000
        return min(1_000, max(1, (wait + step - 1) / step) * step)
    }

    /// Counts a call in, or says why it may not run.
    ///
    /// - Parameters:
    ///   - remaining: nanoseconds until its deadline; nil when it has none.
    ///   - now: nanoseconds of a monotonic clock.
    mutating func admit(_ priority: CallPriority, remaining: Int64?, now: Int64) -> Verdict {
        if now >= windowEndsAt { roll(now) }
        let number = priority.rawValue
        if priority != .exempt {
            if inFlight >= limits.callsMax { return .full }
            let waiting = Double(lanes[number].inFlight)
            if waiting >= lanes[number].limit { return .overloaded }
            if let remaining, waiting > lanes[number].floor,
                remaining < max(lanes[number].wait, lanes[number].usual)
            {
                return .tooLate
            }
        }
        inFlight += 1
        lanes[number].inFlight += 1
        lanes[number].inFlightMax = max(lanes[number].inFlightMax, lanes[number].inFlight)
        return .run
    }

    /// Counts a call out.
    ///
    /// - Parameter cutShort: its deadline or its caller ended it, so it says little of how long calls
    ///   take.
    mutating func ended(
        _ priority: CallPriority,
        after nanoseconds: Int64,
        cutShort: Bool = false,
    ) {
        let number = priority.rawValue
        if !cutShort {
            lanes[number].whole += 1
            lanes[number].wholeSum += nanoseconds
        }
        inFlight -= 1
        lanes[number].inFlight -= 1
        lanes[number].count += 1
        lanes[number].fastest = min(lanes[number].fastest, nanoseconds)
    }

    /// Counts a call out that never began to run.
    mutating func abandoned(_ priority: CallPriority) {
        inFlight -= 1
        lanes[priority.rawValue].inFlight -= 1
    }

    /// Moves the limits by what the window has seen.
    private mutating func roll(_ now: Int64) {
        let length = Double(now - windowEndsAt + limits.windowNanoseconds)
        // Lower priorities have lower numbers; the exempt one only counts.
        var canLowerGive = false
        for number in 0..<CallPriority.exempt.rawValue {
            let lane = lanes[number]
            let isStanding = lane.isStanding(limits.targetNanoseconds)
            lanes[number]
                .roll(
                    isStanding: isStanding,
                    gives: !canLowerGive,
                    callsMax: Double(limits.callsMax),
                    length: length,
                )
            if isStanding, Double(lane.inFlightMax) > lane.floor { canLowerGive = true }
        }
        windowEndsAt = now + limits.windowNanoseconds
    }
}
