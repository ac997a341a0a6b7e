// What a benchmark came to, as values. The verdict is derived from them and set in no other way.

/// Something for each of those who share the machine; nil where a process was not found.
package struct PerProcess<Value: Hashable & Sendable>: Hashable, Sendable {
    package var server: Value?
    package var redis: Value?
    package var postgres: Value?
    package var generator: Value?

    package init() {}

    /// Name and value, in the order of a request's way.
    package var entries: [(name: String, value: Value?)] {
        [
            ("server", server), ("redis", redis), ("postgres", postgres), ("generator", generator),
        ]
    }

    /// The names of those that were not found.
    package var missing: [String] { entries.filter { $0.value == nil }.map(\.name) }
}

/// The report of one run.
package struct BenchReport: Hashable, Sendable {
    package var scenario = BenchScenario.rpc
    package var run = ""
    package var connections = 0
    package var streams = 0
    /// Calls each second of an open loop; nil for a closed one.
    package var rate: Double?
    /// What was measured, from its beginning to its end or last answer.
    package var seconds = 0.0
    package var offered = 0
    package var accepted = 0
    package var refused = 0
    package var errors = 0
    package var refusals: [String: Int] = [:]
    package var failures: [String: Int] = [:]
    /// Of accepted calls, or of refused ones where refusals are what is measured.
    package var latency = LatencyFigures()
    package var curve: [CurvePoint] = []
    package var timeline: [BenchSecond] = []
    /// How much later than meant calls were made, in microseconds; the 99th percentile.
    package var behindP99 = 0
    package var cpu = PerProcess<Double>()
    package var memory = PerProcess<Int>()
    package var books: BenchBooks?
    /// Faults that another judge has found: the reconciliation of a replay, the goodput of an overload.
    package var otherFaults: [String] = []
    /// What a reader must know besides.
    package var notes: [String] = []

    package init() {}

    private func perSecond(_ count: Int) -> Double { Double(count) / max(seconds, 0.001) }
    package var offeredPerSecond: Double { perSecond(offered) }
    package var acceptedPerSecond: Double { perSecond(accepted) }
    package var refusedPerSecond: Double { perSecond(refused) }

    /// Refusals each second, by reason.
    package var refusedByReason: [String: Double] { refusals.mapValues(perSecond) }

    /// Every reason not to believe the figures; empty: the run is good.
    package var faults: [String] {
        var faults = otherFaults
        if offered != accepted + refused + errors {
            faults.append("\(offered) calls were made, \(accepted + refused + errors) have ended")
        }
        if scenario.expectsAcceptance, accepted == 0 { faults.append("nothing was accepted") }
        if scenario == .soldout {
            if refusals["SOLD_OUT"] ?? 0 == 0 { faults.append("nothing was refused as sold out") }
            if accepted > 0 { faults.append("\(accepted) calls got units that are gone") }
        }
        // A few calls may fail on a machine in trouble; a run that fails is none.
        if scenario != .overload, errors * 100 > offered {
            faults.append("\(errors) of \(offered) calls failed")
        }
        if let books { faults += books.faults }
        if books == nil, scenario.hasBooks, scenario != .replay, scenario != .overload {
            faults.append("the books were not read")
        }
        return faults
    }

    package var isGood: Bool { faults.isEmpty }
}
