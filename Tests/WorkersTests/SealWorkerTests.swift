// The sealer alone: how long it rests after each turn, what it counts, and that nothing stops it but
// being stopped. The database answers what a test says; how it seals is tested in LedgerTests.

import Base
import Logging
import Loop
import NIOCore
import NIOPosix
import Promising
import Testing
import Workers

/// The time of all pauses; each was rounded.
private func least(_ pauses: [Int64]) -> Int64 { pauses.reduce(0, +) - Int64(pauses.count) }

/// A ledger to be sealed whose turns are written down; the last one is given again and again.
private final class FakeSealer: SealPort {
    private var turns: [Result<SealTurn, Failure>]
    /// How long each turn takes, in milliseconds.
    private let takesMs: Int64
    /// When each turn began.
    private(set) var begun: [Deadline] = []
    private(set) var isAtWork = false

    init(takesMs: Int64 = 0, _ turns: [Result<SealTurn, Failure>]) {
        self.takesMs = takesMs
        self.turns = turns
    }

    func seal() async throws(Failure) -> SealTurn {
        begun.append(.now)
        isAtWork = true
        // A worker that is stopped in the middle of a turn waits for it.
        await Task { [takesMs] in try? await Task.sleep(for: .milliseconds(takesMs)) }.value
        isAtWork = false
        return try (turns.count > 1 ? turns.removeFirst() : turns[0]).get()
    }

    /// Waits until so many turns have begun; returns the pauses between their beginnings, in ms.
    func pauses(until count: Int) async -> [Int64] {
        while begun.count < count { try? await Task.sleep(for: .milliseconds(2)) }
        return zip(begun.dropFirst(), begun).prefix(count - 1).map { $0.milliseconds(from: $1) }
    }
}

private func turn(_ rows: Int64, more: Bool = false) -> Result<SealTurn, Failure> {
    .success(SealTurn(isBusy: false, isWaiting: false, rows: rows, hasMore: more))
}

@Suite struct SealWorkerTests {
    /// Runs a worker on a loop until `body` ends.
    private func with(
        _ sealer: sending FakeSealer,
        intervalMs: Int64,
        _ body: @escaping @Sendable (NIOLoopBound<Bench>) async -> Void,
    ) async {
        let loop = Loop(MultiThreadedEventLoopGroup.singleton.next())
        let start = NIOLoopBoundBox.makeBoxSendingValue(sealer, eventLoop: loop.eventLoop)
        await loop.start {
            let worker = SealWorker(
                loop: loop,
                sealer: start.value,
                intervalMs: intervalMs,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            )
            let bench = Bench(sealer: start.value, worker: worker)
            worker.start()
            await body(NIOLoopBound(bench, eventLoop: loop.eventLoop))
            await worker.stop()
            #expect(!start.value.isAtWork)
        }
        .value
    }

    /// A worker and what it works on.
    private struct Bench {
        let sealer: FakeSealer
        let worker: SealWorker<FakeSealer>
    }

    @Test func `while there is more it rests nineteen times as long as a turn took`() async {
        await with(FakeSealer(takesMs: 12, [turn(5, more: true)]), intervalMs: 60_000) { bench in
            let pauses = await bench.value.sealer.pauses(until: 3)
            #expect(pauses.allSatisfy { $0 >= 20 * 12 }, "\(pauses)")
            #expect(bench.value.worker.rows >= 10)
            // It never caught up: what it left is as old as the worker.
            #expect(bench.value.worker.lagMs >= least(pauses))
        }
    }

    @Test func `when all is sealed it rests for its interval, or longer after a long turn`() async {
        await with(FakeSealer(takesMs: 1, [turn(3)]), intervalMs: 120) { bench in
            let pauses = await bench.value.sealer.pauses(until: 3)
            #expect(pauses.allSatisfy { $0 >= 120 }, "\(pauses)")
        }
        await with(FakeSealer(takesMs: 15, [turn(3)]), intervalMs: 1) { bench in
            let pauses = await bench.value.sealer.pauses(until: 2)
            #expect(pauses.allSatisfy { $0 >= 20 * 15 }, "\(pauses)")
        }
    }

    @Test func `the lag begins anew where a turn began that left nothing`() async {
        let turns = [turn(4, more: true), turn(4), turn(0)]
        await with(FakeSealer(takesMs: 10, turns), intervalMs: 5) { bench in
            _ = await bench.value.sealer.pauses(until: 4)
            let begun = bench.value.sealer.begun
            let now = Deadline.now
            // The turn before the last one has ended: nothing was left when it began.
            #expect(bench.value.worker.lagMs <= now.milliseconds(from: begun[begun.count - 2]) + 1)
            #expect(bench.value.worker.rows == 8)
        }
    }

    @Test func `a writer that does not end, another server and a failure leave the lag as it is`()
        async
    {
        let waiting = SealTurn(isBusy: false, isWaiting: true, rows: 0, hasMore: false)
        let busy = SealTurn(isBusy: true, isWaiting: false, rows: 0, hasMore: false)
        let away = Failure.unavailable(what: "postgres", retryAfterMs: 1)
        for outcome in [.success(waiting), .success(busy), .failure(away)]
            as [Result<SealTurn, Failure>]
        {
            await with(FakeSealer(takesMs: 2, [outcome]), intervalMs: 20) { bench in
                let pauses = await bench.value.sealer.pauses(until: 4)
                #expect(pauses.allSatisfy { $0 >= 20 }, "\(pauses)")
                #expect(bench.value.worker.lagMs >= least(pauses))
                #expect(bench.value.worker.rows == 0)
            }
        }
    }

    @Test func `it goes on after a failure`() async {
        let away = Failure.unavailable(what: "postgres", retryAfterMs: 1)
        await with(FakeSealer([.failure(away), .failure(away), turn(7), turn(0)]), intervalMs: 1) {
            bench in
            _ = await bench.value.sealer.pauses(until: 5)
            #expect(bench.value.worker.rows == 7)
        }
    }
}
