// How a part is measured: enough rounds for a sample of some milliseconds, several samples, the best
// and the middle of them. The best is the cost; the distance to the middle is the machine's unrest.

internal import CAllocations

/// A piece of pure code, and how it is run.
struct Part {
    var name: String
    /// What the figures are for one of.
    var operation: String
    /// How many of them one round has.
    var operationsPerRound: Int
    /// Makes the code that runs so many rounds.
    ///
    /// It returns a number made of its results, so that the compiler cannot leave out what nobody looks
    /// at.
    var prepare: () -> (_ rounds: Int) -> Int
}

struct PartFigures: Encodable {
    var name: String
    var operation: String
    var nanosecondsBest: Double
    var nanosecondsMedian: Double
    var allocations: Double
    /// Of the results; says that the work was done.
    var checksum: Int

    private enum CodingKeys: String, CodingKey {
        case name
        case operation
        case nanosecondsBest = "ns_best"
        case nanosecondsMedian = "ns_median"
        case allocations = "allocations_per_op"
        case checksum
    }
}

enum Measure {
    private static let sampleNanoseconds = 10_000_000.0
    private static let roundsMax = 1 << 24

    static func figures(of part: Part, samples: Int) -> PartFigures {
        let run = part.prepare()
        var checksum = run(1)
        // Doubled until a sample takes long enough for the clock, which also warms everything up.
        var rounds = 1
        while rounds < roundsMax {
            let taken = nanoseconds { checksum &+= run(rounds) }
            if taken >= sampleNanoseconds { break }
            rounds *= 2
        }
        let operations = Double(rounds * part.operationsPerRound)
        let times = (0..<samples)
            .map { _ in nanoseconds { checksum &+= run(rounds) } / operations }
            .sorted()
        let before = holdfast_allocations()
        checksum &+= run(rounds)
        let allocations = holdfast_allocations() - before
        return PartFigures(
            name: part.name,
            operation: part.operation,
            nanosecondsBest: times[0],
            nanosecondsMedian: times[times.count / 2],
            allocations: Double(allocations) / operations,
            checksum: checksum,
        )
    }

    private static func nanoseconds(_ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        return clock.measure(body) / .nanoseconds(1)
    }
}
