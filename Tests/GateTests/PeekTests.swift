// What planners see of the view: what an admission would find, for each channel, and what is not there.

import Base
import Domain
import Gate
import Logging
import Loop
import NIOCore
import NIOPosix
import Promising
import Redis
import Testing

@Suite struct PeekTests {
    private func withPeek(
        _ body: sending @escaping (ScriptBench, LoopPeek) async throws -> Void
    ) async throws {
        try await ScriptBench.with { bench in
            try await bench.withGate { gate async throws in
                try await body(bench, LoopPeek(loop: bench.loop, gate: gate))
            }
        }
    }

    @Test func `pending holds and what is withheld from the channel are taken away`() async throws {
        try await withPeek { (bench, peek) async throws in
            try await bench.run { call in
                call.add(LoadedPosition(position: 1, version: 1, free: 10, channelSafety: []))
                call.add(
                    LoadedPosition(
                        position: 2,
                        version: 1,
                        free: 20,
                        channelSafety: [ChannelSafety(channel: "web", quantity: 4)],
                    )
                )
                call.add(LoadedPosition(position: 3, version: 1, free: -2, channelSafety: []))
            }
            try await bench.run { call in
                call.add(
                    Admission(key: ID(high: 1, low: 1), lines: [(1, 3), (2, 5)], channel: "shop")
                )
            }
            let everybody = try await peek.peek([1, 2, 3, 4], channel: "")
            #expect(everybody.free == [7, 15, -2, nil])
            #expect(everybody.epoch == 1)
            #expect(try await peek.peek([2, 1], channel: "web").free == [11, 7])
            #expect(try await peek.peek([], channel: "web").free.isEmpty)
        }
    }

    @Test func `a position whose channels are not known is missing for a channel only`()
        async throws
    {
        try await withPeek { (bench, peek) async throws in
            try await bench.run { call in
                call.add(ViewRow(position: 1, version: 4, delta: 5, free: 5, isFresh: true))
            }
            #expect(try await peek.peek([1], channel: "").free == [5])
            #expect(try await peek.peek([1], channel: "web").free == [nil])
        }
    }

    @Test func `what several ask in one turn is one script call, each position once`()
        async throws
    {
        try await withPeek { (bench, peek) async throws in
            try await bench.run { call in
                for id in 1...3_000 as ClosedRange<Int64> {
                    call.add(LoadedPosition(position: id, version: 1, free: id, channelSafety: []))
                }
            }
            // The first one teaches Redis the script.
            _ = try await peek.peek([1], channel: "")
            try await bench.command("CONFIG", ["RESETSTAT"])
            let bound = NIOLoopBound(peek, eventLoop: bench.loop.eventLoop)
            let tasks = (0..<50)
                .map { number in
                    bench.loop.startThrowing {
                        try await bound.value.peek([1, 2, 3 + Int64(number)], channel: "").free
                    }
                }
            for (number, task) in tasks.enumerated() {
                #expect(try await task.value == [1, 2, Int64(3 + number)])
            }
            let stats = try await bench.command("INFO", ["commandstats"]).text ?? ""
            #expect(stats.contains("cmdstat_evalsha:calls=1,"), "\(stats)")
            #expect(stats.contains("cmdstat_hmget:calls=52,"), "\(stats)")
            let all = Array(1...3_000 as ClosedRange<Int64>)
            #expect(try await peek.peek(all, channel: "").free == all)
        }
    }

    @Test func `a view of another epoch is not read`() async throws {
        try await withPeek { (bench, peek) async throws in
            try await bench.run { call in
                call.add(LoadedPosition(position: 1, version: 1, free: 10, channelSafety: []))
            }
            try await bench.command("SET", [GateKeys.epoch, "2"])
            let soon = Deadline.now.advanced(milliseconds: 50)
            await Deadline.$current.withValue(soon) {
                await #expect(throws: Failure.self) { try await peek.peek([1], channel: "") }
            }
        }
    }
}
