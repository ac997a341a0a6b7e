// The scripts of the audit on a real Redis: what they read is one instant, and what they drop is what
// was read. Held against the views that the gate's own script makes.

import Base
import Domain
import Promising
import Redis
import Testing

@testable import Gate

@Suite struct DriftScriptTests {
    private static let audit = String(decoding: PackageResources.audit_lua, as: UTF8.self)
    private static let drop = String(decoding: PackageResources.drop_lua, as: UTF8.self)

    private static func audited(_ bench: ScriptBench, _ ids: [Int64]) async throws -> [ViewImage?] {
        let reply = try await bench.command(
            "EVAL",
            [audit, "1", GateKeys.epoch, "\(bench.epoch.number)"] + ids.map(String.init),
        )
        let images = try #require(
            AuditReply.images(reply, ids, epoch: bench.epoch.number, pendingMs: 5_000)
        )
        return ids.map { images[$0] }
    }

    private static func dropped(
        _ bench: ScriptBench,
        _ image: ViewImage,
        _ mode: String,
    ) async throws -> String? {
        try await bench.command(
            "EVAL",
            [
                drop, "1", GateKeys.epoch, "\(image.epoch)", "\(image.position)", mode,
            ] + image.raw,
        )
        .text
    }

    /// Positions 1 and 2 loaded, with pending holds of 3 and 4 units at position 1.
    private static func setTheScene(_ bench: ScriptBench) async throws {
        try await bench.run { call in
            for id in [1, 2] as [Int64] {
                call.add(LoadedPosition(position: id, version: 7, free: 50, channelSafety: []))
            }
            call.add(admission(1, [(1, 3)]))
            call.add(admission(2, [(1, 4), (2, 1)]))
        }
    }

    private static func row(_ id: Int64, _ version: Int64, _ delta: Int64) -> ViewRow {
        ViewRow(position: id, version: version, delta: delta, free: 0, isFresh: false)
    }

    @Test func `a view is read with its holds, and one that is not there is no finding`()
        async throws
    {
        try await ScriptBench.with { bench in
            try await Self.setTheScene(bench)
            try await bench.run { call in
                call.add(Self.row(1, 10, -2))
                call.add(Self.row(1, 9, -1))
            }
            let images = try await Self.audited(bench, [1, 2, 3])
            let first = try #require(images[0])
            let figures = try #require(first.figures)
            #expect(figures.version == 7 && figures.free == 47)
            #expect(figures.beyond == [9, 10] && figures.pending == 7)
            #expect(first.pendingSum == 7 && first.pendingMs < 60_000)
            #expect(images[1]?.figures?.pending == 1 && images[1]?.pendingSum == 1)
            #expect(images[2] == nil)
            let empty = ViewImage(
                position: 2,
                epoch: 1,
                raw: ["7", "50", ",", ""],
                pendingSum: 0,
                pendingMs: 0
            )
            #expect(empty.figures == nil)
        }
    }

    @Test func `a wrong view is dropped only while it is what was read`() async throws {
        try await ScriptBench.with { bench in
            try await Self.setTheScene(bench)
            let key = GateKeys.position(1, epoch: 1)
            try await bench.command("HINCRBY", [key, "f", "5"])
            let wrong = try #require(try await Self.audited(bench, [1])[0])
            #expect(wrong.figures?.free == 55)
            try await bench.run { $0.add(Self.row(1, 8, -1)) }
            #expect(try await Self.dropped(bench, wrong, "view") == "CHANGED")
            let now = try #require(try await Self.audited(bench, [1])[0])
            // Holds come and go; what is wrong is not them.
            try await bench.run { $0.add(admission(3, [(1, 1)])) }
            #expect(try await Self.dropped(bench, now, "view") == "DROPPED")
            #expect(try await Self.dropped(bench, now, "view") == "GONE")
            // The holds are still there for whoever loads it.
            try await bench.run { call in
                call.add(LoadedPosition(position: 1, version: 8, free: 49, channelSafety: []))
            }
            let loaded = try #require(try await bench.view(1))
            #expect(loaded.free == 49 && loaded.held == 8)
        }
    }

    @Test func `a wrong sum of holds is dropped, a right one never`() async throws {
        try await ScriptBench.with { bench in
            try await Self.setTheScene(bench)
            let right = try #require(try await Self.audited(bench, [1])[0])
            #expect(try await Self.dropped(bench, right, "pending") == "CHANGED")
            try await bench.command("HINCRBY", [GateKeys.position(1, epoch: 1), "h", "-2"])
            let wrong = try #require(try await Self.audited(bench, [1])[0])
            #expect(wrong.figures?.pending == 5 && wrong.pendingSum == 7)
            #expect(try await Self.dropped(bench, wrong, "pending") == "DROPPED")
        }
    }

    @Test(arguments: [["HSET", "f", "lots"], ["HDEL", "h"], ["HSET", "x", ",seven,"]])
    func `a damaged view is told from a right one, and dropped`(damage: [String]) async throws {
        try await ScriptBench.with { bench in
            try await Self.setTheScene(bench)
            let key = GateKeys.position(1, epoch: 1)
            try await bench.command(damage[0], [key] + damage.dropFirst())
            let damaged = try #require(try await Self.audited(bench, [1])[0])
            #expect(damaged.figures == nil)
            #expect(try await Self.dropped(bench, damaged, "unreadable") == "DROPPED")
            try await bench.command("SET", [key, "no hash"])
            let other = try #require(try await Self.audited(bench, [1])[0])
            #expect(other.figures == nil && other.raw[0].hasPrefix("WRONGTYPE"))
            #expect(try await Self.dropped(bench, other, "unreadable") == "DROPPED")
        }
    }

    @Test func `channels are read as they are stored, and dropped only while they are that`()
        async throws
    {
        try await ScriptBench.with { bench in
            try await bench.run { call in
                call.add(
                    LoadedPosition(
                        position: 1,
                        version: 7,
                        free: 50,
                        channelSafety: [ChannelSafety(channel: "web", quantity: 5)],
                    )
                )
                call.add(ViewRow(position: 2, version: 3, delta: 0, free: 9, isFresh: true))
            }
            let images = try await Self.audited(bench, [1, 2])
            let read = try #require(images[0])
            #expect(read.channels == ["web": "7:5"] && read.knowsChannels)
            #expect(images[1]?.channels == [:] && images[1]?.knowsChannels == false)
            let key = GateKeys.position(1, epoch: 1)
            try await bench.command("HSET", [key, "c:web", "7:6"])
            func dropped(_ image: ViewImage) async throws -> String? {
                try await bench.command(
                    "EVAL",
                    [
                        Self.drop, "1", GateKeys.epoch, "\(image.epoch)", "\(image.position)",
                        "channel",
                    ] + image.raw + image.channels.flatMap { [$0, $1] },
                )
                .text
            }
            #expect(try await dropped(read) == "CHANGED")
            let wrong = try #require(try await Self.audited(bench, [1])[0])
            #expect(wrong.channels == ["web": "7:6"])
            // What else changes is not what is wrong.
            try await bench.run { $0.add(Self.row(1, 8, -1)) }
            #expect(try await dropped(wrong) == "DROPPED")
        }
    }
}
