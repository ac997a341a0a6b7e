// The gate of a loop and callers who do not wait: what is late is not sent, who waits in vain is
// freed, and what was admitted for nobody is given back.

import Base
import Domain
import Gate
import Logging
import Loop
import NIOCore
import NIOPosix
import Promising
import Redis
import Synchronization
import TestServers
import Testing

/// What callers heard, in order.
private final class Answered: Sendable {
    private let answers = Mutex<[Failure?]>([])

    func note(_ answer: Failure?) { answers.withLock { $0.append(answer) } }
    var all: [Failure?] { answers.withLock { $0 } }
}

@Suite struct GateDeadlineTests {
    /// Runs `body` with a gate whose view has position 7 with 100 units.
    private func withGate(
        _ body: sending @escaping (ScriptBench, LoopGate) async throws -> Void
    ) async throws {
        try await ScriptBench.with { bench in
            try await bench.run { call in
                call.add(LoadedPosition(position: 7, version: 1, free: 100, channelSafety: []))
            }
            try await bench.withGate { gate async throws in try await body(bench, gate) }
        }
    }

    private func admission(_ key: UInt64, _ deadline: Deadline) -> Admission {
        Admission(key: ID(high: 9, low: key), lines: [(7, 3)], channel: "", deadline: deadline)
    }

    private func failure(_ gate: LoopGate, _ admission: Admission) async -> Failure? {
        do throws(Failure) {
            _ = try await gate.admit(admission)
            return nil
        } catch {
            return error
        }
    }

    /// Units held by pending entries in the view.
    private func held(_ bench: ScriptBench) async throws -> Int64? {
        try await bench.view(7)?.held
    }

    @Test func `an admission whose time is over is not sent`() async throws {
        try await withGate { (bench, gate) async throws in
            let calls = gate.counters.calls
            #expect(await failure(gate, admission(1, .now)) == .deadlineExceeded)
            #expect(gate.counters.calls == calls)
            #expect(gate.counters.late == 1)
            #expect(try await held(bench) == 0)
            let later = Deadline.now.advanced(milliseconds: 60_000)
            #expect(await failure(gate, admission(2, later)) == nil)
            #expect(try await held(bench) == 3)
        }
    }

    @Test func `a reply that does not come frees the caller and its hold is given back`()
        async throws
    {
        try await withGate { (bench, gate) async throws in
            bench.server.pause()
            let soon = Deadline.now.advanced(milliseconds: 40)
            let patient = Deadline.now.advanced(milliseconds: 60_000)
            let bound = NIOLoopBound(gate, eventLoop: bench.loop.eventLoop)
            let kept = bench.loop.start { await failure(bound.value, admission(2, patient)) }
            // Redis is still paused: nobody but the deadline can have answered.
            #expect(await failure(gate, admission(1, soon)) == .deadlineExceeded)
            #expect(gate.counters.failures == 0)
            #expect(gate.counters.late == 1)
            bench.server.resume()
            #expect(await kept.value == nil)
            for _ in 0..<500 where try await held(bench) != 3 {
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(try await held(bench) == 3, "only the hold of the patient caller stays")
            #expect(gate.counters.admitted == 2)
        }
    }

    @Test func `callers of a gate that is away wait no longer than they have time`() async throws {
        try await withGate { (bench, gate) async throws in
            bench.server.kill()
            for _ in 0..<500 where gate.isOpen { try await Task.sleep(for: .milliseconds(2)) }
            let soon = Deadline.now.advanced(milliseconds: 30)
            let patient = Deadline.now.advanced(milliseconds: 60_000)
            let answered = Answered()
            let bound = NIOLoopBound(gate, eventLoop: bench.loop.eventLoop)
            let waiting = [(1 as UInt64, patient), (2, soon)]
                .map { key, deadline in
                    bench.loop.start {
                        let failure = await failure(bound.value, admission(key, deadline))
                        answered.note(failure)
                    }
                }
            for task in waiting { await task.value }
            // With more time it is the gate that gives up, and later.
            let away = Failure.unavailable(what: "gate", retryAfterMs: 100)
            #expect(answered.all == [.deadlineExceeded, away])
            #expect(gate.counters.late == 1)
            // A load returns; its caller sees himself that his time is over.
            let rows = [LoadedPosition(position: 8, version: 1, free: 1, channelSafety: [])]
            try await Deadline.$current.withValue(.now.advanced(milliseconds: 30)) {
                try await gate.load(rows, epoch: 1)
            }
        }
    }

    /// Answers whatever it is asked with the same three bytes.
    private final class Babbler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(
                wrapOutboundOut(ByteBuffer(string: "$3\r\nabc\r\n")),
                promise: nil
            )
        }
    }

    @Test func `a reply that is nonsense ends the connection and not the process`() async throws {
        try await ScriptBench.with { bench in
            let loop = bench.loop
            let babbler = try await ServerBootstrap(group: loop.eventLoop)
                .childChannelInitializer { $0.pipeline.addHandler(Babbler()) }
                .bind(host: "127.0.0.1", port: 0).get()
            let port = try #require(babbler.localAddress?.port)
            let connection = RedisConnection(
                address: .tcp(host: "127.0.0.1", port: port),
                loop: loop,
            )
            try await connection.connect()
            let gate = LoopGate(
                loop: loop,
                redis: connection,
                keeper: EpochKeeper(
                    authority: StandingEpoch(record: bench.epoch.record),
                    redis: NIOLoopBound(bench.connection, eventLoop: loop.eventLoop),
                    loop: loop,
                    server: "test",
                    logger: silentLogger,
                ),
                limits: GateLimits(),
                logger: silentLogger,
            )
            let soon = Deadline.now.advanced(milliseconds: 300)
            #expect(await failure(gate, admission(1, soon)) != nil)
            #expect(gate.counters.failures > 0)
            #expect(gate.counters.admitted == 0)
            await connection.close()
            try await babbler.close().get()
        }
    }
}
