// How far the watcher for drift walks in a round: a piece while positions are in use, more while none
// is. What it finds is tested on real stores in GateTests, LedgerTests and EndToEnd.

import Base
import Domain
import Logging
import Loop
import NIOCore
import NIOPosix
import Promising
import Synchronization
import Testing
import Workers

/// So many positions of which nothing is loaded and nothing is wrong; notes how far a walk came.
private final class QuietLedger: DriftLedgerPort {
    private let count: Int64
    /// The first position of each piece, in their order.
    private let pieces = Mutex<[Int64]>([])

    init(count: Int64) {
        self.count = count
    }

    var walked: [Int64] { pieces.withLock { $0 } }

    func images(_ questions: [LedgerQuestion]) async throws(Failure) -> [LedgerImage?] {
        questions.map { _ in nil }
    }

    func breaks(of position: PositionID) async throws(Failure) -> [LedgerBreak] { [] }

    func positions(
        in scope: DriftScope,
        after cursor: AuditedPosition?,
        limit: Int,
    ) async throws(Failure) -> [AuditedPosition] {
        let first = (cursor?.id ?? 0) + 1
        pieces.withLock { $0.append(first) }
        return (first..<max(first, min(first + Int64(limit), count + 1)))
            .map { AuditedPosition(id: $0, key: PositionKey(sku: "S\($0)", node: "N")) }
    }

    func positionCount() async throws(Failure) -> Int64 { count }
    func position(_ key: PositionKey) async throws(Failure) -> PositionID? { nil }
    func note(_ events: [DriftEvent]) async throws(Failure) {}
    func events(of position: PositionID, limit: Int) async throws(Failure) -> [DriftEvent] { [] }
    func channels(
        _ questions: [(position: PositionID, view: ViewImage?)]
    ) async throws(Failure) -> [PositionID: [ChannelImage]] { [:] }

    func writeBack(
        _ channel: ChannelImage,
        of position: PositionID,
        by origin: Origin,
    ) async throws(Failure) -> WriteBack { .changed }

    func writeBack(_ image: LedgerImage, by origin: Origin) async throws(Failure) -> WriteBack {
        .changed
    }
}

/// A view in which nothing is loaded.
private struct EmptyView: DriftViewPort {
    func viewImages(
        _ positions: [PositionID]
    ) async throws(Failure) -> [PositionID: ViewImage] { [:] }

    func drop(_ image: ViewImage, because kind: DriftKind) async throws(Failure) -> ViewDrop {
        .gone
    }
}

@Suite struct DriftWalkTests {
    /// Lets a watcher look for so many rounds at least; returns the pieces of each.
    private func rounds(
        _ roundsMin: Int = 1,
        pace: DriftPace,
        count: Int64,
        inUse: [PositionID],
    ) async -> [[Int64]] {
        let loop = Loop(MultiThreadedEventLoopGroup.singleton.next())
        let ledger = QuietLedger(count: count)
        return
            await loop.start {
                var marks: [Int] = []
                let worker = DriftWorker(
                    loop: loop,
                    audit: DriftAudit(view: EmptyView(), ledger: ledger),
                    touched: {
                        marks.append(ledger.walked.count)
                        return inUse
                    },
                    board: DriftBoard(),
                    server: "test",
                    pace: pace,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                )
                worker.start()
                while marks.count <= roundsMin { try? await Task.sleep(for: .milliseconds(2)) }
                await worker.stop()
                let walked = ledger.walked
                return zip(marks, marks.dropFirst()).map { Array(walked[$0..<$1]) }
            }
            .value
    }

    @Test func `while a position is in use, a round walks over one piece`() async {
        let pace = DriftPace(intervalMs: 40, inUseMax: 10, walkMax: 10, walkIdleMax: 100)
        let rounds = await self.rounds(3, pace: pace, count: 1_000, inUse: [5])
        #expect(rounds.map(\.count) == rounds.map { _ in 1 })
        #expect(rounds.flatMap { $0 }.prefix(2) == [1, 11])
    }

    @Test func `while none is, it walks over as many as it may, once around at most`() async {
        // So long a pause that its half is never the limit.
        let pace = DriftPace(intervalMs: 2_000, inUseMax: 10, walkMax: 10, walkIdleMax: 50)
        #expect(await rounds(pace: pace, count: 1_000, inUse: []).first == [1, 11, 21, 31, 41])
        #expect(await rounds(pace: pace, count: 25, inUse: []).first == [1, 11, 21])
        let plain = DriftPace(intervalMs: 20, inUseMax: 10, walkMax: 10, walkIdleMax: 0)
        #expect(await rounds(pace: plain, count: 1_000, inUse: []).first == [1])
    }
}
