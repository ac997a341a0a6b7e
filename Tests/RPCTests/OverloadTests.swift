// Overload, played with a clock of the test's own: what is served, what is refused, who goes first.

import Testing

@testable import RPC

/// A server with a queue, played event by event.
private struct Play {
    /// What a run has seen of one priority.
    struct Count {
        var offered = 0
        var refused = 0
        var inTime = 0
        var late = 0
    }

    private struct Call {
        var priority: CallPriority
        var arrived: Int64
        var deadline: Int64
    }

    var guardian: OverloadGuard
    /// Arrivals per second, by priority.
    var rates: [(CallPriority, Double)]
    var deadline: Int64 = 500_000_000
    /// Serves up to `batchMax` calls in `fixed + each x count` nanoseconds.
    var batchMax = 1
    var fixed: Int64 = 0
    var each: Int64 = 1_000_000
    private var random = SplitMix(seed: 7)
    var counts: [CallPriority: Count] = [:]

    init(callsMax: Int, rates: [(CallPriority, Double)]) {
        guardian = OverloadGuard(OverloadGuard.Limits(callsMax: callsMax))
        self.rates = rates
    }

    /// Plays so many seconds; counts only what arrives after the first fifth of them.
    mutating func run(seconds: Int64) {
        let end = seconds * 1_000_000_000
        let total = rates.reduce(0) { $0 + $1.1 }
        var now: Int64 = 0
        var nextArrival: Int64 = 0
        var queue: [Call] = []
        var head = 0
        var serving: [Call] = []
        var servedAt = Int64.max
        while now < end {
            if nextArrival <= servedAt {
                now = nextArrival
                arrive(at: now, counted: now > end / 5) { queue.append($0) }
                nextArrival += max(1, Int64(1e9 * random.exponential() / total))
            } else {
                now = servedAt
                for call in serving { finish(call, at: now, counted: call.arrived > end / 5) }
                serving = []
                servedAt = .max
            }
            if serving.isEmpty, head < queue.count {
                let count = min(batchMax, queue.count - head)
                serving = Array(queue[head..<(head + count)])
                head += count
                servedAt = now + fixed + each * Int64(count)
            }
        }
    }

    private mutating func arrive(at now: Int64, counted: Bool, _ take: (Call) -> Void) {
        var left = random.uniform() * rates.reduce(0) { $0 + $1.1 }
        var priority = CallPriority.normal
        for (candidate, rate) in rates {
            priority = candidate
            left -= rate
            if left < 0 { break }
        }
        let call = Call(priority: priority, arrived: now, deadline: now + deadline)
        if counted { counts[priority, default: Count()].offered += 1 }
        if guardian.admit(priority, remaining: deadline, now: now) == .run {
            take(call)
        } else if counted {
            counts[priority, default: Count()].refused += 1
        }
    }

    private mutating func finish(_ call: Call, at now: Int64, counted: Bool) {
        guardian.ended(call.priority, after: now - call.arrived)
        guard counted else { return }
        if now <= call.deadline {
            counts[call.priority, default: Count()].inTime += 1
        } else {
            counts[call.priority, default: Count()].late += 1
        }
    }
}

/// A generator whose numbers are the same on every run.
private struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func uniform() -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return Double((mixed ^ (mixed >> 31)) >> 11) / 9_007_199_254_740_992
    }

    /// With mean 1; a sum of twelve uniforms would be no Poisson arrival.
    mutating func exponential() -> Double {
        let value = max(uniform(), 1e-12)
        // -ln(value), by its series through halving: no Foundation in tests of pure parts.
        var rest = value
        var result = 0.0
        while rest < 0.5 {
            rest *= 2
            result += 0.693_147_180_559_945_3
        }
        let part = (rest - 1) / (rest + 1)
        let square = part * part
        let series = 1 + square * (1 / 3.0 + square * (1 / 5.0 + square * (1 / 7.0 + square / 9)))
        return result - 2 * part * series
    }
}

@Suite struct OverloadTests {
    /// Served in time per second, over the counted part of ten seconds.
    private func goodput(_ play: Play, seconds: Double) -> Double {
        Double(play.counts.values.reduce(0) { $0 + $1.inTime }) / (seconds * 0.8)
    }

    @Test(arguments: [0.5, 0.9])
    func `nothing is refused below capacity`(load: Double) {
        var play = Play(callsMax: 4_096, rates: [(.normal, 1_000 * load)])
        play.run(seconds: 10)
        let count = play.counts[.normal] ?? Play.Count()
        #expect(count.offered > 3_000)
        #expect(count.refused == 0)
        #expect(count.late == 0)
    }

    @Test(arguments: [1.5, 5, 20])
    func `goodput stays at nine tenths of the peak`(load: Double) {
        var play = Play(callsMax: 4_096, rates: [(.normal, 1_000 * load)])
        play.run(seconds: 20)
        let count = play.counts[.normal] ?? Play.Count()
        #expect(goodput(play, seconds: 20) >= 900, "\(count)")
        #expect(count.late * 50 <= count.inTime, "late is work for nothing: \(count)")
    }

    @Test func `without the guard nothing would be in time`() {
        // The same play with a target that is never reached: what the guard is there for.
        var play = Play(callsMax: 4_096, rates: [(.normal, 5_000)])
        var limits = OverloadGuard.Limits(callsMax: 4_096)
        limits.targetNanoseconds = .max
        limits.callsMin = 4_096
        play.guardian = OverloadGuard(limits)
        play.run(seconds: 20)
        #expect(goodput(play, seconds: 20) < 100)
    }

    @Test func `what ends work goes before new work, and new work before reads`() {
        var play = Play(
            callsMax: 4_096,
            rates: [(.high, 300), (.normal, 2_500), (.low, 2_200)],
        )
        play.run(seconds: 20)
        let high = play.counts[.high] ?? Play.Count()
        let normal = play.counts[.normal] ?? Play.Count()
        let low = play.counts[.low] ?? Play.Count()
        #expect(high.offered > 4_000)
        #expect(high.inTime * 100 >= high.offered * 99, "\(high)")
        #expect(normal.inTime > 5 * low.inTime, "\(normal) \(low)")
        #expect(goodput(play, seconds: 20) >= 900)
    }

    @Test func `batches stay large enough`() {
        // 512 calls in 7.1 ms: 72,000 a second, but 450 with one call at a time.
        var play = Play(callsMax: 4_096, rates: [(.normal, 200_000)])
        play.batchMax = 512
        play.fixed = 2_000_000
        play.each = 10_000
        play.run(seconds: 5)
        #expect(
            goodput(play, seconds: 5) >= 0.9 * 72_000,
            "limit \(play.guardian.limit(of: .normal))"
        )
    }

    @Test func `it comes back after a pause of the server`() {
        var guardian = OverloadGuard(OverloadGuard.Limits(callsMax: 1_000))
        var now: Int64 = 0
        // Ten windows in which each call takes a second.
        for _ in 0..<10 {
            for _ in 0..<100 where guardian.admit(.normal, remaining: nil, now: now) == .run {}
            for _ in 0..<guardian.inFlight { guardian.ended(.normal, after: 1_000_000_000) }
            now += 100_000_000
        }
        _ = guardian.admit(.normal, remaining: nil, now: now)
        guardian.ended(.normal, after: 1)
        #expect(guardian.limit(of: .normal) < 200)
        // In use and fast again: at the maximum within five seconds.
        for _ in 0..<50 {
            while guardian.admit(.normal, remaining: nil, now: now) == .run {}
            for _ in 0..<guardian.inFlight { guardian.ended(.normal, after: 1_000_000) }
            now += 100_000_000
        }
        #expect(guardian.limit(of: .normal) > 900)
    }

    /// A guard that has seen a queue stand: 100 answers in 100 ms, each after 110 ms; one call is in
    /// flight, at `now`.
    private func crowded() -> (guardian: OverloadGuard, now: Int64) {
        var limits = OverloadGuard.Limits(callsMax: 1_000)
        limits.callsMin = 16
        var guardian = OverloadGuard(limits)
        for _ in 0..<100 { _ = guardian.admit(.normal, remaining: nil, now: 1) }
        for _ in 0..<100 { guardian.ended(.normal, after: 110_000_000) }
        let now: Int64 = 100_000_001
        _ = guardian.admit(.high, remaining: nil, now: now)
        return (guardian, now)
    }

    @Test func `a call without the time that calls take is refused at once`() {
        let (crowdedGuardian, now) = crowded()
        var guardian = crowdedGuardian
        for _ in 0..<60 { _ = guardian.admit(.normal, remaining: nil, now: now) }
        #expect(guardian.inFlight == 61)
        #expect(guardian.admit(.normal, remaining: 20_000_000, now: now) == .tooLate)
        #expect(guardian.admit(.normal, remaining: 400_000_000, now: now) == .run)
        #expect(guardian.admit(.exempt, remaining: 20_000_000, now: now) == .run)
        #expect((100...400).contains(guardian.retryMilliseconds(.normal)))
    }

    @Test func `a call that has less time than those before it took is refused`() {
        // No queue stands: each of the last window took 40 ms, those that were cut short did not.
        var guardian = OverloadGuard(OverloadGuard.Limits(callsMax: 1_000))
        for _ in 0..<200 { _ = guardian.admit(.normal, remaining: nil, now: 1) }
        for _ in 0..<100 { guardian.ended(.normal, after: 40_000_000) }
        for _ in 0..<100 { guardian.ended(.normal, after: 1_000_000, cutShort: true) }
        let now: Int64 = 100_000_001
        for _ in 0..<34 { _ = guardian.admit(.normal, remaining: 50_000_000, now: now) }
        #expect(guardian.admit(.normal, remaining: 50_000_000, now: now) == .tooLate)
        #expect(guardian.admit(.normal, remaining: 70_000_000, now: now) == .run)
    }

    @Test func `who waits for something of its own does not take from the others`() {
        // What ends work takes half a second each, whatever the others do.
        var guardian = OverloadGuard(OverloadGuard.Limits(callsMax: 1_000))
        var now: Int64 = 1
        for _ in 0..<50 {
            for _ in 0..<200 { _ = guardian.admit(.high, remaining: nil, now: now) }
            for _ in 0..<400 { _ = guardian.admit(.normal, remaining: nil, now: now) }
            let high = guardian.inFlight(of: .high)
            for _ in 0..<high { guardian.ended(.high, after: 500_000_000) }
            let normal = guardian.inFlight(of: .normal)
            for _ in 0..<normal { guardian.ended(.normal, after: 2_000_000) }
            now += 100_000_000
        }
        #expect(guardian.limit(of: .high) == 64)
        #expect(guardian.limit(of: .normal) == 1_000)
    }

    @Test func `a burst is not measured by the quiet before it`() {
        var guardian = OverloadGuard(OverloadGuard.Limits(callsMax: 1_000))
        var now: Int64 = 1
        for _ in 0..<100 {
            for _ in 0..<6 { _ = guardian.admit(.normal, remaining: 2_000_000_000, now: now) }
            for _ in 0..<6 { guardian.ended(.normal, after: 1_000_000) }
            now += 500_000_000
        }
        for _ in 0..<800 {
            #expect(guardian.admit(.normal, remaining: 200_000_000, now: now) == .run)
        }
    }

    @Test func `refusals name few times, so that their answer is made once for many`() {
        let (crowdedGuardian, now) = crowded()
        var guardian = crowdedGuardian
        var times: Set<Int64> = []
        for _ in 0..<800 {
            _ = guardian.admit(.normal, remaining: nil, now: now)
            times.insert(guardian.retryMilliseconds(.normal))
        }
        #expect(times.count > 3)
        #expect(times.count <= 26, "\(times.sorted())")
    }
}
