// The gate's script, step by step on a real Redis: what each kind of record does to the view, what an
// admission is told, and when the script refuses to be called at all.

import Base
import Domain
import Gate
import Promising
import Redis
import TestServers
import Testing

private func row(
    _ position: Int64,
    _ version: Int64,
    _ delta: Int64,
    free: Int64,
    fresh: Bool = false,
    channel: ChannelSafety? = nil,
) -> ViewRow {
    ViewRow(
        position: position,
        version: version,
        delta: delta,
        free: free,
        isFresh: fresh,
        channelSafety: channel,
    )
}

private func loaded(
    _ position: Int64,
    _ version: Int64,
    _ free: Int64,
    _ channels: [ChannelSafety] = [],
) -> LoadedPosition {
    LoadedPosition(position: position, version: version, free: free, channelSafety: channels)
}

@Suite struct `Rows and loads` {
    @Test func `rows out of order are applied once, and gaps are absorbed`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 3, 10)) }
            try await bench.run { $0.add(row(1, 5, -2, free: 9)) }
            #expect(try await bench.view(1) == View(version: 3, free: 8, ahead: [5]))
            #expect(bench.gaps == [1])
            try await bench.run {
                $0.add(row(1, 7, 4, free: 13))
                $0.add(row(1, 5, -2, free: 9))
            }
            #expect(try await bench.view(1) == View(version: 3, free: 12, ahead: [5, 7]))
            try await bench.run { $0.add(row(1, 4, 1, free: 11)) }
            #expect(try await bench.view(1) == View(version: 5, free: 13, ahead: [7]))
            try await bench.run { $0.add(row(1, 6, 0, free: 9)) }
            #expect(try await bench.view(1) == View(version: 7, free: 13))
            #expect(bench.gaps.isEmpty)
            try await bench.run { $0.add(row(1, 2, 50, free: 9, fresh: true)) }
            #expect(try await bench.view(1) == View(version: 7, free: 13))
        }
    }

    @Test func `versions of two digits are not mistaken for others`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 1, 0)) }
            try await bench.run { $0.add(row(1, 12, 5, free: 5)) }
            try await bench.run { $0.add(row(1, 2, 1, free: 1)) }
            #expect(try await bench.view(1) == View(version: 2, free: 6, ahead: [12]))
            try await bench.run { $0.add(row(1, 112, 7, free: 7)) }
            #expect(try await bench.view(1) == View(version: 2, free: 13, ahead: [12, 112]))
        }
    }

    @Test func `a view with a gap that nobody closes is dropped, its holds are not`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run {
                $0.add(loaded(1, 1, 10))
                $0.add(admission(1, [(1, 4)]))
            }
            try await bench.run { call in
                for version in 1_001...1_500 { call.add(row(1, Int64(version), 0, free: 0)) }
            }
            #expect(try await bench.view(1) == nil)
            try await bench.run { $0.add(loaded(1, 1_500, 7)) }
            #expect(try await bench.view(1) == View(version: 1_500, free: 7, held: 4))
        }
    }

    @Test func `a load makes a view and never changes one`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 3, 10)) }
            try await bench.run { $0.add(loaded(1, 9, 99)) }
            #expect(try await bench.view(1) == View(version: 3, free: 10))
        }
    }

    @Test func `a fresh row makes a view, one that is replayed does not`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(row(1, 4, -1, free: 6)) }
            #expect(try await bench.view(1) == nil)
            try await bench.run { $0.add(row(1, 5, -1, free: 5, fresh: true)) }
            #expect(try await bench.view(1) == View(version: 5, free: 5, isPartial: true))
            try await bench.run { $0.add(loaded(1, 5, 5)) }
            #expect(try await bench.view(1) == View(version: 5, free: 5))
        }
    }
}

@Suite struct Admissions {
    @Test func `all lines have room or nothing is held, and the first line at fault is named`()
        async throws
    {
        try await ScriptBench.with { bench in
            try await bench.run {
                $0.add(loaded(1, 1, 10))
                $0.add(loaded(2, 1, 3))
            }
            let answers = try await bench.run {
                $0.add(admission(1, [(1, 4), (2, 3)]))
                $0.add(admission(2, [(1, 4), (2, 1)]))
                $0.add(admission(3, [(1, 7)]))
                $0.add(admission(4, [(1, 6)]))
                $0.add(admission(5, [(1, 1), (9, 1)]))
            }
            #expect(
                answers.map { Verdict($0) } == [
                    .admitted, .refused(line: 1, free: 3, pending: 3),
                    .refused(line: 0, free: 10, pending: 4), .admitted, .missing,
                ]
            )
            #expect(try await bench.view(1)?.held == 10)
            #expect(try await bench.view(2)?.held == 3)
        }
    }

    @Test func `many pending holds are a table, so that one is found at once`() async throws {
        try await ScriptBench.with { bench in
            func encoding() async throws -> String? {
                try await bench.command("OBJECT", ["ENCODING", "{h0}:1:q"]).text
            }
            try await bench.run {
                $0.add(loaded(1, 1, 100))
                for number in 1...3 { $0.add(admission(number, [(1, 1)])) }
            }
            #expect(try await encoding() == "listpack")
            try await bench.run { for number in 4...40 { $0.add(admission(number, [(1, 1)])) } }
            #expect(try await encoding() == "hashtable")
            #expect(try await bench.command("HLEN", ["{h0}:1:q"]) == .integer(40))
            #expect(try await bench.view(1)?.held == 40)
        }
    }

    @Test func `a key that waits already shares its hold, and one that is known is told so`()
        async throws
    {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 1, 10)) }
            var answers = try await bench.run { $0.add(admission(1, [(1, 4)])) }
            answers += try await bench.run { $0.add(admission(1, [(1, 4)])) }
            #expect(answers.map { Verdict($0) } == [.admitted, .shared])
            #expect(try await bench.view(1)?.held == 4)
            try await bench.run {
                $0.add(row(1, 2, -4, free: 6))
                $0.end(key(1), .committed)
            }
            #expect(try await bench.view(1) == View(version: 2, free: 6))
            answers = try await bench.run {
                $0.add(admission(1, [(1, 4)]))
                $0.add(admission(1, [(1, 4)], isChecked: true))
            }
            #expect(answers.map { Verdict($0) } == [.known, .admitted])
        }
    }

    @Test func `an end gives a hold back once, and only its own`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 1, 10)) }
            try await bench.run {
                $0.add(admission(1, [(1, 4)]))
                $0.add(admission(2, [(1, 3)]))
            }
            try await bench.run { $0.end(key(1), .dropped) }
            try await bench.run { $0.end(key(1), .dropped) }
            try await bench.run { $0.end(key(9), .dropped) }
            #expect(try await bench.view(1)?.held == 3)
            let answers = try await bench.run { $0.add(admission(1, [(1, 7)])) }
            #expect(answers.map { Verdict($0) } == [.admitted])
        }
    }

    @Test func `units withheld from a channel are refused to it alone`() async throws {
        try await ScriptBench.with { bench in
            let web = ChannelSafety(channel: "web", quantity: 4)
            try await bench.run { $0.add(loaded(1, 1, 10, [web])) }
            var answers = try await bench.run {
                $0.add(admission(1, [(1, 7)], channel: "web"))
                $0.add(admission(2, [(1, 6)], channel: "web"))
                $0.add(admission(3, [(1, 4)], channel: "shop"))
            }
            #expect(
                answers.map { Verdict($0) } == [
                    .refused(line: 0, free: 6, pending: 0), .admitted, .admitted,
                ]
            )
            try await bench.run {
                $0.end(key(2), .dropped)
                $0.end(key(3), .dropped)
                $0.add(row(1, 3, 0, free: 10, channel: .init(channel: "web", quantity: 1)))
            }
            // An older figure that comes later changes nothing.
            try await bench.run {
                $0.add(row(1, 2, 0, free: 10, channel: .init(channel: "web", quantity: 9)))
            }
            answers = try await bench.run {
                $0.add(admission(4, [(1, 10)], channel: "web"))
                $0.add(admission(5, [(1, 9)], channel: "web"))
            }
            #expect(
                answers.map { Verdict($0) } == [.refused(line: 0, free: 9, pending: 0), .admitted]
            )
        }
    }

    @Test func `a channel waits for the figures that a fresh row did not bring`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(row(1, 5, -1, free: 5, fresh: true)) }
            var answers = try await bench.run {
                $0.add(admission(1, [(1, 1)], channel: "web"))
                $0.add(admission(2, [(1, 1)]))
            }
            #expect(answers.map { Verdict($0) } == [.missing, .admitted])
            try await bench.run {
                $0.add(loaded(1, 5, 5, [ChannelSafety(channel: "web", quantity: 2)]))
            }
            answers = try await bench.run { $0.add(admission(3, [(1, 3)], channel: "web")) }
            #expect(answers.map { Verdict($0) } == [.refused(line: 0, free: 3, pending: 1)])
        }
    }

    @Test func `a view that is made again counts the holds that wait`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 1, 10)) }
            try await bench.run {
                $0.add(admission(1, [(1, 4)]))
                $0.add(admission(2, [(1, 3)]))
            }
            try await bench.command("DEL", [GateKeys.position(1, epoch: 1)])
            try await bench.run { $0.add(loaded(1, 1, 10)) }
            #expect(try await bench.view(1)?.held == 7)
            try await bench.command("DEL", [GateKeys.position(1, epoch: 1)])
            try await bench.run {
                $0.add(row(1, 2, -4, free: 6, fresh: true))
                $0.end(key(1), .committed)
            }
            #expect(try await bench.view(1)?.held == 3)
            #expect(try await bench.view(1)?.free == 6)
        }
    }
}

@Suite struct Fences {
    @Test func `a call is refused once the epoch's key is gone`() async throws {
        try await ScriptBench.with { bench in
            try await bench.run { $0.add(loaded(1, 1, 10)) }
            try await bench.command("DEL", [GateKeys.epoch])
            #expect(try await bench.error { $0.add(admission(1, [(1, 1)])) } == "STALE")
            #expect(try await bench.view(1)?.held == 0)
        }
    }

    @Test func `FLUSHALL leaves the script and is noticed all the same`() async throws {
        try await ScriptBench.with { bench in
            try await bench.command("FLUSHALL", [])
            #expect(try await bench.error { $0.add(loaded(1, 1, 10)) } == "STALE")
            #expect(try await bench.view(1) == nil)
        }
    }

    @Test func `a process that forgot the script says so`() async throws {
        try await ScriptBench.with { bench in
            try await bench.command("SCRIPT", ["FLUSH"])
            #expect(try await bench.error { $0.add(loaded(1, 1, 10)) } == "NOSCRIPT")
        }
    }

    @Test func `a text of another process is refused`() async throws {
        try await ScriptBench.with { bench in
            let other = OpenEpoch(EpochRecord(epoch: 2, replid: String(repeating: "ab", count: 20)))
            guard case .error(let error) = try await bench.open(other) else {
                Issue.record("it was opened")
                return
            }
            #expect(error.code == "STALE")
        }
    }

    @Test func `a newer epoch shuts the older out, and cannot be opened twice`() async throws {
        try await ScriptBench.with { bench in
            let replid = bench.epoch.record.replid
            let newer = OpenEpoch(EpochRecord(epoch: 2, replid: replid))
            #expect(try await bench.open(newer).text == "OPEN")
            #expect(try await bench.error { $0.add(loaded(1, 1, 10)) } == "STALE")
            for epoch in [newer, bench.epoch] {
                guard case .error(let error) = try await bench.open(epoch) else {
                    Issue.record("epoch \(epoch.number) was opened again")
                    continue
                }
                #expect(error.code == "STALE")
            }
        }
    }
}
