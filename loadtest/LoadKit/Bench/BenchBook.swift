// What became of every call: counts and latencies of the measured ones, and of all of them what the
// server has acknowledged, for the verdict. Confined to the generator's loop.

internal import Base
internal import RPC

/// How a call ended.
struct BenchOutcome: Hashable {
    enum Kind {
        case accepted
        /// The server said no, and nothing was changed.
        case refused
        /// Anything else.
        case failed
    }

    var kind: Kind
    /// Which of the book's reasons.
    var reason = 0
    /// Whether the server may have done it all the same.
    var isUnknown = false

    static let accepted = BenchOutcome(kind: .accepted)
}

/// What was acknowledged, and what may have happened besides; units and ids.
struct Acknowledged: Hashable, Sendable {
    var ids: [ID] = []
    var units = 0
    var confirmed = 0
    var released = 0
    var placed = 0
    var cancelled = 0
    /// Units of Reserve calls whose outcome nobody knows.
    var unknownUnits = 0
    /// Units of all other changes whose outcome nobody knows.
    var unknownChanges = 0
}

/// One second of the measurement.
package struct BenchSecond: Hashable, Sendable {
    package var seconds = 0.0
    package var accepted = 0
    package var refused = 0
    package var failed = 0
    package var p50 = 0
    package var p99 = 0

    package init() {}
}

final class BenchBook {
    /// Details that were seen before are not decoded again; more kinds than this are.
    private static let knownMax = 4_096

    var acknowledged = Acknowledged()
    private(set) var offered = 0
    private(set) var accepted = 0
    private(set) var refused = 0
    private(set) var failed = 0
    private(set) var acceptedLatency = LatencyRecord()
    private(set) var refusedLatency = LatencyRecord()
    private(set) var behind = LatencyRecord()
    private(set) var seconds: [BenchSecond] = []
    /// All answers, the warm-up's too.
    private(set) var answers = 0
    private(set) var lastAnswerAt: UInt64 = 0

    /// Reasons for which calls were not accepted, and how many measured calls each; names by number,
    /// because a text for each of a hundred thousand refusals a second would cost too much.
    private var reasons: [String] = []
    private var counts: [Int] = []
    private var refusalReasons: Set<Int> = []
    private var second = BenchSecond()
    private var secondLatency = LatencyRecord()
    private var secondBegan: UInt64 = 0
    private var known: [Seen: BenchOutcome] = [:]
    private var last = Seen(status: -1, details: [])
    private var lastOutcome = BenchOutcome.accepted

    private struct Seen: Hashable {
        var status: Int
        var details: [UInt8]
    }

    var refusals: [String: Int] { named { refusalReasons.contains($0) } }
    var failures: [String: Int] { named { !refusalReasons.contains($0) } }

    private func named(_ isWanted: (Int) -> Bool) -> [String: Int] {
        var result: [String: Int] = [:]
        for index in reasons.indices where isWanted(index) && counts[index] > 0 {
            result[reasons[index]] = counts[index]
        }
        return result
    }

    func measurementBegan(at now: UInt64) {
        secondBegan = now
        lastAnswerAt = now
    }

    /// A measured call is about to be made, so much later than it was meant to be.
    func offered(microsecondsBehind: UInt64) {
        offered += 1
        behind.record(microseconds: microsecondsBehind)
    }

    /// Writes down how a measured call ended.
    func measured(_ outcome: BenchOutcome, microseconds: UInt64, at now: UInt64) {
        lastAnswerAt = now
        secondLatency.record(microseconds: microseconds)
        switch outcome.kind {
        case .accepted:
            accepted += 1
            second.accepted += 1
            acceptedLatency.record(microseconds: microseconds)
        case .refused:
            refused += 1
            second.refused += 1
            counts[outcome.reason] += 1
            refusedLatency.record(microseconds: microseconds)
        case .failed:
            failed += 1
            second.failed += 1
            counts[outcome.reason] += 1
        }
    }

    /// A measured call that never got an answer, or was never made.
    func lost(_ reason: String) {
        failed += 1
        second.failed += 1
        counts[number(of: reason)] += 1
    }

    func answered() { answers += 1 }

    /// Closes a second, and starts the next.
    func secondEnded(at now: UInt64) {
        second.seconds = Double(now - secondBegan) / 1e9
        second.p50 = secondLatency.percentile(50)
        second.p99 = secondLatency.percentile(99)
        seconds.append(second)
        second = BenchSecond()
        secondLatency.reset()
        secondBegan = now
    }

    // MARK: Meaning

    /// What an answer means; the same bytes mean the same.
    func outcome(of answer: borrowing DirectAnswer) -> BenchOutcome {
        if answer.status == 0 { return .accepted }
        if let failure = answer.transportFailure {
            return failed("TRANSPORT: \(failure)", isUnknown: true)
        }
        if answer.status == last.status, answer.details == last.details { return lastOutcome }
        let seen = Seen(status: answer.status, details: answer.details)
        let outcome: BenchOutcome
        if let before = known[seen] {
            outcome = before
        } else {
            var reason: String?
            for case .errorInfo(let text, _, _) in answer.decodedDetails { reason = text }
            outcome = self.outcome(status: answer.status, reason: reason)
            if known.count < Self.knownMax { known[seen] = outcome }
        }
        last = seen
        lastOutcome = outcome
        return outcome
    }

    /// What a status with a reason of the contract means.
    func outcome(status: Int, reason: String?) -> BenchOutcome {
        let code = StatusCode(rawValue: status) ?? .unknown
        switch code {
        case .resourceExhausted:
            // The transport's own refusal has no reason, only a delay.
            return refused(reason ?? code.name)
        case .failedPrecondition, .aborted:
            if let reason { return refused(reason) }
            return failed(code.name, isUnknown: false)
        case .unavailable:
            // It says no, but not always whether that came in time.
            let name = reason ?? code.name
            var outcome = reason == nil ? failed(name, isUnknown: true) : refused(name)
            outcome.isUnknown = true
            return outcome
        case .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .unimplemented,
            .unauthenticated, .outOfRange:
            return failed(reason.map { "\(code.name) \($0)" } ?? code.name, isUnknown: false)
        case .ok, .cancelled, .unknown, .deadlineExceeded, .internal, .dataLoss:
            return failed(reason.map { "\(code.name) \($0)" } ?? code.name, isUnknown: true)
        }
    }

    func failed(_ reason: String, isUnknown: Bool) -> BenchOutcome {
        BenchOutcome(kind: .failed, reason: number(of: reason), isUnknown: isUnknown)
    }

    private func refused(_ reason: String) -> BenchOutcome {
        let number = number(of: reason)
        refusalReasons.insert(number)
        return BenchOutcome(kind: .refused, reason: number)
    }

    private func number(of reason: String) -> Int {
        if let index = reasons.firstIndex(of: reason) { return index }
        reasons.append(reason)
        counts.append(0)
        return reasons.count - 1
    }
}
