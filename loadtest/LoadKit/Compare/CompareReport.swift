// What a comparison came to, as values. Ratios and verdict are derived from the turns and set in no
// other way.

/// Somebody who was measured, or the reason why not.
package struct ComparedSide: Hashable, Sendable {
    package var name: String
    /// What it is, in a few words.
    package var what: String
    /// Who asked it; figures of two generators do not compare as well as those of one.
    package var generator: String
    /// What no server of this kind can be expected to beat, rather than a rival.
    package var isFloor = false
    /// How many clients served a naive peer best.
    package var clients: Int?
    package var turns: [TurnFigures] = []
    /// Why it was left out.
    package var skipped: String?

    package init(_ name: String, what: String, generator: String) {
        self.name = name
        self.what = what
        self.generator = generator
    }

    /// The middle of what the turns had, figure by figure.
    package var middle: TurnFigures {
        var middle = TurnFigures()
        middle.acceptedPerSecond = Self.median(turns.map(\.acceptedPerSecond)) ?? 0
        middle.refusedPerSecond = Self.median(turns.map(\.refusedPerSecond)) ?? 0
        for name in Set(turns.flatMap(\.latencyMicroseconds.keys)) {
            middle.latencyMicroseconds[name] = Self.median(
                turns.compactMap { $0.latencyMicroseconds[name] }
            )
        }
        for part in Set(turns.flatMap(\.cpuMicroseconds.keys)) {
            let known = turns.compactMap { $0.cpuMicroseconds[part] ?? nil }
            middle.cpuMicroseconds[part] =
                .some(known.count == turns.count ? Self.median(known) : nil)
        }
        middle.faults = turns.flatMap(\.faults)
        return middle
    }

    private static func median(_ values: [Double]) -> Double? { Ratio(of: values)?.median }
}

/// The report of a comparison.
package struct CompareReport: Hashable, Sendable {
    package var scenario: CompareScenario
    package var seconds = 0.0
    package var callers = 0
    package var ours = ComparedSide(
        "holdfast",
        what: "Holdfast",
        generator: "holdfast-load",
    )
    /// In the order of their turns.
    package var peers: [ComparedSide] = []

    package init(scenario: CompareScenario) {
        self.scenario = scenario
    }

    /// What the ratio of the scenario is made of, in one turn of one side.
    private func figure(_ turn: TurnFigures) -> Double {
        switch scenario {
        case .flash, .wide: turn.acceptedPerSecond
        case .soldout: turn.refusedPerSecond
        // Cheaper is better, so that more is better here too; what is unknown compares with nothing.
        case .rpc: turn.servingMicroseconds.flatMap { $0 > 0 ? 1 / $0 : nil } ?? .nan
        }
    }

    /// How many times better we are than a peer; nil when it was left out or cannot be compared.
    package func ratio(to peer: ComparedSide) -> Ratio? {
        Ratio(ours.turns.map(figure), over: peer.turns.map(figure))
    }

    /// The same for the processor time of all that serves, whatever the scenario's own ratio is.
    package func cpuRatio(to peer: ComparedSide) -> Ratio? {
        Ratio(
            peer.turns.map { $0.servingMicroseconds ?? .nan },
            over: ours.turns.map { $0.servingMicroseconds ?? .nan },
        )
    }

    /// The peer that the scenario is about.
    package var rival: ComparedSide? { peers.first { !$0.isFloor } }

    package var ratio: Ratio? { rival.flatMap(ratio) }

    /// Every reason not to believe the figures; empty: the comparison is good.
    package var faults: [String] {
        if peers.allSatisfy({ $0.skipped != nil }) {
            return ["nothing was compared: every peer was left out"]
        }
        var faults: [String] = []
        for side in [ours] + peers where side.skipped == nil {
            for (index, turn) in side.turns.enumerated() {
                faults += turn.faults.map { "\(side.name), turn \(index + 1): \($0)" }
            }
            if side.turns.count != ours.turns.count || side.turns.isEmpty {
                faults.append("\(side.name) had \(side.turns.count) turns of \(ours.turns.count)")
            } else if side != ours, ratio(to: side) == nil {
                faults.append("\(side.name) cannot be compared: a turn of it has no figure")
            }
        }
        return faults
    }

    package var isGood: Bool { faults.isEmpty }
}
