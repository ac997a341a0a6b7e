// What an overload run came to, as values. The verdict is derived from them and set in no other way.

/// The calls of the mix; servers put them in this order when there is too much.
package enum OverloadCall: Int, CaseIterable, Hashable, Sendable {
    case confirm
    case reserve
    case read

    package var name: String {
        switch self {
        case .confirm: "Confirm"
        case .reserve: "Reserve"
        case .read: "GetReservation"
        }
    }
}

/// What became of the calls of one kind.
package struct OverloadCount: Hashable, Sendable, Codable {
    package var offered = 0
    package var accepted = 0
    package var refused = 0
    package var failed = 0

    package init() {}

    static func + (one: OverloadCount, other: OverloadCount) -> OverloadCount {
        var sum = one
        sum.offered += other.offered
        sum.accepted += other.accepted
        sum.refused += other.refused
        sum.failed += other.failed
        return sum
    }
}

/// What became of one offered rate.
package struct OverloadLevel: Hashable, Sendable, Codable {
    /// The rate as a multiple of the capacity; nil for the closed loop that found it.
    package var multiple: Double?
    /// From the first call to the end of the level or the last accepted call, whichever is later.
    package var seconds = 0.0
    /// By the name of the kind.
    package var calls: [String: OverloadCount] = [:]
    /// Refusals by the server's reason, and how many of all said when to come again.
    package var refusals: [String: Int] = [:]
    package var refusalsWithDelay = 0
    /// Calls that ended in any other way, by reason.
    package var errors: [String: Int] = [:]
    /// From the moment that an accepted call was meant to be made to its answer, in microseconds.
    package var p50Microseconds = 0
    package var p99Microseconds = 0
    /// How much later than meant the generator made its calls, in microseconds.
    package var behindP99Microseconds = 0
    /// Processor time of the generator, in cores.
    package var generatorCores = 0.0

    package init() {}

    package var total: OverloadCount { calls.values.reduce(OverloadCount(), +) }
    package var offeredPerSecond: Double { Double(total.offered) / max(seconds, 0.001) }
    package var acceptedPerSecond: Double { Double(total.accepted) / max(seconds, 0.001) }

    package var name: String {
        guard let multiple else { return "capacity" }
        return multiple == multiple.rounded() ? "\(Int(multiple))x" : "\(multiple)x"
    }
}

/// The report of one run.
package struct OverloadReport: Hashable, Sendable, Codable {
    /// What of the peak must be left at the highest level.
    package static let goodputShareMin = 0.9

    package var run = ""
    package var connections = 0
    package var deadlineMilliseconds: Int64 = 0
    /// The closed loop that found the capacity.
    package var capacity = OverloadLevel()
    package var levels: [OverloadLevel] = []
    /// Ids that the server has given out and confirmed, in all phases.
    package var reservedEver = 0
    package var confirmedEver = 0

    package init() {}

    package var peakPerSecond: Double {
        ([capacity] + levels).map(\.acceptedPerSecond).max() ?? 0
    }

    /// What a level accepted as a share of the most that was ever accepted.
    package func goodputShare(of level: OverloadLevel) -> Double {
        level.acceptedPerSecond / max(peakPerSecond, 0.001)
    }

    /// Whether a level says more of the generator than of the server: it made calls so late that
    /// hardly any of their time was left.
    package func isGeneratorBound(_ level: OverloadLevel) -> Bool {
        level.behindP99Microseconds > Int(deadlineMilliseconds) * 1_000 / 4
    }

    /// Each reason for which the run does not show that the server stands overload; empty: it does.
    package var faults: [String] {
        var faults: [String] = []
        let highest = levels.max { ($0.multiple ?? 0) < ($1.multiple ?? 0) }
        if let highest, goodputShare(of: highest) < Self.goodputShareMin {
            let percent = Int(100 * goodputShare(of: highest))
            faults.append("goodput at \(highest.name) is \(percent) % of the peak")
        }
        for level in [capacity] + levels {
            let silent = level.total.refused - level.refusalsWithDelay
            if silent > 0 {
                faults.append("\(silent) refusals at \(level.name) do not say when to come again")
            }
            if isGeneratorBound(level) {
                faults.append("the generator could not keep up at \(level.name)")
            }
            if level.total.accepted == 0 { faults.append("nothing was accepted at \(level.name)") }
        }
        if levels.isEmpty { faults.append("no level was run") }
        return faults
    }

    package var isGood: Bool { faults.isEmpty }
}
