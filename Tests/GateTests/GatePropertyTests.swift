// The gate's script against a model of a few lines, over thousands of random operations: every answer
// is the model's, and the view is exact at all times, whatever was lost, repeated or reordered.

import Base
import Domain
import Foundation
import Gate
import Promising
import Testing

/// How many times longer than usual.
private let scale =
    ProcessInfo.processInfo.environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1

/// Random numbers that a seed repeats (SplitMix64).
private struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// What the database would hold of one position: its rows, by version from 1.
private struct Truth {
    var rows: [ViewRow] = []
    /// Versions whose fresh row was not sent yet.
    var unsent: [Int] = []

    var free: Int64 { rows.last?.free ?? 0 }

    func free(after version: Int64) -> Int64 { version == 0 ? 0 : rows[Int(version) - 1].free }

    /// The units withheld from each channel as of a version.
    func channels(at version: Int64) -> [ChannelSafety] {
        var figures: [String: Int64] = [:]
        for row in rows.prefix(Int(version)) {
            if let withheld = row.channelSafety { figures[withheld.channel] = withheld.quantity }
        }
        return figures.sorted { $0.key < $1.key }
            .map { ChannelSafety(channel: $0.key, quantity: $0.value) }
    }
}

/// The view as it must be, in the plainest form.
private struct Model {
    struct Position {
        var view: View
        var channels: [String: (version: Int64, units: Int64)] = [:]
    }

    var positions: [Int64: Position] = [:]
    var pending: [ID: [(position: Int64, quantity: Int64)]] = [:]
    var known: Set<ID> = []

    private func held(_ id: Int64) -> Int64 {
        pending.values.joined().filter { $0.position == id }.reduce(0) { $0 + $1.quantity }
    }

    private mutating func withhold(_ id: Int64, _ withheld: ChannelSafety, _ version: Int64) {
        let known = positions[id]?.channels[withheld.channel]
        if known == nil || known?.version ?? 0 < version {
            positions[id]?.channels[withheld.channel] = (version, withheld.quantity)
        }
    }

    mutating func apply(_ row: ViewRow) {
        let id = row.position
        if var view = positions[id]?.view {
            if row.version > view.version, !view.ahead.contains(row.version) {
                view.free += row.delta
                view.ahead.insert(row.version)
                while view.ahead.remove(view.version + 1) != nil { view.version += 1 }
                positions[id]?.view = view
            }
        } else if row.isFresh {
            let view = View(
                version: row.version,
                free: row.free,
                held: held(id),
                isPartial: true,
            )
            positions[id] = Position(view: view)
        }
        if let withheld = row.channelSafety { withhold(id, withheld, row.version) }
    }

    mutating func apply(_ load: LoadedPosition) {
        let id = load.position
        if positions[id] == nil {
            let view = View(version: load.version, free: load.free, held: held(id))
            positions[id] = Position(view: view)
        }
        positions[id]?.view.isPartial = false
        for withheld in load.channelSafety { withhold(id, withheld, load.version) }
    }

    mutating func end(_ key: ID, isCommitted: Bool) {
        for line in pending.removeValue(forKey: key) ?? [] {
            positions[line.position]?.view.held -= line.quantity
        }
        if isCommitted { known.insert(key) }
    }

    mutating func admit(_ admission: Admission) -> Verdict {
        if !admission.isChecked, known.contains(admission.key) { return .known }
        if pending[admission.key] != nil { return .shared }
        let channel = admission.channel
        for line in admission.lines {
            guard let position = positions[line.position] else { return .missing }
            if position.view.isPartial, !channel.isEmpty { return .missing }
        }
        for (index, line) in admission.lines.enumerated() {
            guard let position = positions[line.position] else { return .missing }
            let withheld = channel.isEmpty ? 0 : position.channels[channel]?.units ?? 0
            let free = position.view.free - withheld
            if free - position.view.held < line.quantity {
                return .refused(line: index, free: free, pending: position.view.held)
            }
        }
        for line in admission.lines { positions[line.position]?.view.held += line.quantity }
        pending[admission.key] = admission.lines
        return .admitted
    }
}

/// One run of random operations on the script and on the model.
private struct Walk {
    static let positions: ClosedRange<Int64> = 1...4
    var random: SeededRandom
    var truths: [Int64: Truth] = [:]
    var model = Model()
    var operations = 0
    var verdicts: Set<String> = []

    mutating func position() -> Int64 { Int64.random(in: Self.positions, using: &random) }

    /// Writes a row in the database; it is sent later, or never.
    mutating func commit() {
        let id = position()
        var truth = truths[id] ?? Truth()
        let delta = Int64.random(in: -6...8, using: &random)
        var row = ViewRow(
            position: id,
            version: Int64(truth.rows.count) + 1,
            delta: delta,
            free: truth.free + delta,
            isFresh: true,
        )
        if Int.random(in: 0..<5, using: &random) == 0 {
            row.channelSafety = ChannelSafety(
                channel: Bool.random(using: &random) ? "web" : "shop",
                quantity: Int64.random(in: 0...5, using: &random),
            )
        }
        truth.rows.append(row)
        truth.unsent.append(truth.rows.count - 1)
        truths[id] = truth
    }

    mutating func rows(_ call: inout ScriptCall) {
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            commit()
            let id = position()
            guard var truth = truths[id], !truth.rows.isEmpty else { continue }
            var row: ViewRow
            if !truth.unsent.isEmpty, Int.random(in: 0..<4, using: &random) > 0 {
                let index = Int.random(in: 0..<truth.unsent.count, using: &random)
                row = truth.rows[truth.unsent.remove(at: index)]
            } else {
                row = truth.rows[Int.random(in: 0..<truth.rows.count, using: &random)]
                row.isFresh = false
            }
            truths[id] = truth
            call.add(row)
            model.apply(row)
            operations += 1
        }
    }

    mutating func loads(_ call: inout ScriptCall) {
        guard Int.random(in: 0..<3, using: &random) == 0 else { return }
        let id = position()
        let truth = truths[id] ?? Truth()
        // What was read may be old by the time that it arrives.
        let age = Int.random(in: 0...3, using: &random)
        let version = Int64(max(0, truth.rows.count - age))
        let load = LoadedPosition(
            position: id,
            version: version,
            free: truth.free(after: version),
            channelSafety: truth.channels(at: version),
        )
        call.add(load)
        model.apply(load)
        operations += 1
    }

    mutating func ends(_ call: inout ScriptCall) {
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let candidate = model.pending.keys.sorted().randomElement(using: &random)
            let id = candidate ?? key(Int.random(in: 0..<500, using: &random))
            let isCommitted = Bool.random(using: &random)
            call.end(id, isCommitted ? .committed : .dropped)
            model.end(id, isCommitted: isCommitted)
            operations += 1
        }
    }

    mutating func admits(_ call: inout ScriptCall) -> [Verdict] {
        (0..<Int.random(in: 0...4, using: &random))
            .map { _ in
                let count = Int.random(in: 1...3, using: &random)
                let lines = Self.positions.shuffled(using: &random).prefix(count)
                    .map { ($0, Int64.random(in: 1...5, using: &random)) }
                let admission = admission(
                    Int.random(in: 0..<500, using: &random),
                    lines,
                    channel: ["", "web", "shop", "none"].randomElement(using: &random) ?? "",
                    isChecked: Int.random(in: 0..<3, using: &random) > 0,
                )
                call.add(admission)
                operations += 1
                let verdict = model.admit(admission)
                verdicts.insert(String("\(verdict)".prefix(5)))
                return verdict
            }
    }

    /// The model holds what the database says: checked on the model, which the script must equal.
    func isExact(_ id: Int64) -> Bool {
        guard let view = model.positions[id]?.view, let truth = truths[id] else { return true }
        let ahead = view.ahead.reduce(0) { $0 + truth.rows[Int($1) - 1].delta }
        return view.free == truth.free(after: view.version) + ahead
    }
}

@Suite struct `The script against a model` {
    /// Walks of 5,000 operations; `ops/check properties` makes them a million operations.
    private static let walks = 3 * scale

    @Test func `every answer and every view is the model's, and exact`() async throws {
        let first = UInt64.random(in: 1...1_000_000)
        print("the script against a model: \(Self.walks) walks, seeds from \(first)")
        for seed in first..<first + UInt64(Self.walks) { try await Self.walk(seed) }
    }

    private static func walk(_ seed: UInt64) async throws {
        try await ScriptBench.with { bench in
            var walk = Walk(random: SeededRandom(state: seed))
            var number = 0
            while walk.operations < 5_000 {
                number += 1
                if Int.random(in: 0..<25, using: &walk.random) == 0 {
                    let id = walk.position()
                    try await bench.command("DEL", [GateKeys.position(id, epoch: 1)])
                    walk.model.positions[id] = nil
                }
                var call = ScriptCall()
                walk.rows(&call)
                walk.loads(&call)
                walk.ends(&call)
                let expected = walk.admits(&call)
                let answers = try await bench.run(call).map { Verdict($0) }
                try #require(answers == expected, "call \(number), seed \(seed)")
                let views = try await bench.views(Array(Walk.positions))
                for id in Walk.positions {
                    try #require(
                        views[id] == walk.model.positions[id]?.view,
                        "position \(id) after call \(number), seed \(seed)"
                    )
                    try #require(walk.isExact(id), "call \(number), seed \(seed)")
                }
            }
            #expect(walk.verdicts == ["admit", "known", "missi", "refus", "share"], "seed \(seed)")
        }
    }
}

@Suite struct `Settlements in any order` {
    /// Rounds of about 900 rows; `ops/check properties` makes them a million rows.
    private static let rounds = 12 * scale
    private static let positions: ClosedRange<Int64> = 1...3
    private static let versions = 200

    /// The rows of a position by version, as its ledger has them.
    private static func rows(_ id: Int64, _ random: inout SeededRandom) -> [ViewRow] {
        var free: Int64 = 0
        return (1...versions)
            .map { version in
                let delta = Int64.random(in: -9...10, using: &random)
                free += delta
                return ViewRow(
                    position: id,
                    version: Int64(version),
                    delta: delta,
                    free: free,
                    isFresh: Bool.random(using: &random),
                )
            }
    }

    /// Free units after a version, and with those beyond it.
    private static func free(_ rows: [ViewRow], _ version: Int64, _ ahead: Set<Int64>) -> Int64 {
        (version == 0 ? 0 : rows[Int(version) - 1].free)
            + ahead.reduce(0) { $0 + rows[Int($1) - 1].delta }
    }

    @Test func `repeated, late and cut anywhere they lead to the same exact view`() async throws {
        let first = UInt64.random(in: 1...1_000_000)
        print("settlements in any order: \(Self.rounds) rounds, seeds from \(first)")
        try await ScriptBench.with { bench in
            for seed in first..<first + UInt64(Self.rounds) { try await Self.round(bench, seed) }
        }
    }

    private static func round(_ bench: ScriptBench, _ seed: UInt64) async throws {
        var random = SeededRandom(state: seed)
        var ledgers: [Int64: [ViewRow]] = [:]
        for id in positions {
            ledgers[id] = rows(id, &random)
            try await bench.command("DEL", [GateKeys.position(id, epoch: 1)])
        }
        let all = positions.flatMap { ledgers[$0] ?? [] }
        let repeated = all.shuffled(using: &random).prefix(all.count / 2)
        var rest = (all + repeated).shuffled(using: &random)[...]
        while !rest.isEmpty {
            var call = ScriptCall()
            let count = Int.random(in: 1...150, using: &random)
            for row in rest.prefix(count) { call.add(row) }
            rest = rest.dropFirst(count)
            // What was read a while ago arrives now.
            if Int.random(in: 0..<4, using: &random) == 0,
                let row = all.randomElement(using: &random)
            {
                call.add(
                    LoadedPosition(
                        position: row.position,
                        version: row.version,
                        free: row.free,
                        channelSafety: [],
                    )
                )
            }
            try await bench.run(call)
            let views = try await bench.views(Array(positions))
            for id in positions {
                guard let view = views[id], let rows = ledgers[id] else { continue }
                try #require(
                    view.free == free(rows, view.version, view.ahead),
                    "position \(id), seed \(seed)"
                )
            }
        }
        // Replayed once more, as the healer does, they are all there.
        var call = ScriptCall()
        for id in positions {
            call.add(LoadedPosition(position: id, version: 0, free: 0, channelSafety: []))
        }
        for row in all { call.add(row) }
        try await bench.run(call)
        for id in positions {
            let view = try await bench.view(id)
            try #require(view?.version == Int64(versions), "position \(id), seed \(seed)")
            try #require(view?.ahead == [], "position \(id), seed \(seed)")
            try #require(view?.free == ledgers[id]?.last?.free, "position \(id), seed \(seed)")
        }
    }
}
