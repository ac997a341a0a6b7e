// In what order the view of a new epoch is loaded ahead of requests, and what ends that. What it brings is
// tested on real stores in LedgerTests and EndToEnd.

import Base
import Domain
import Logging
import Loop
import NIOCore
import NIOPosix
import Promising
import Testing
import Workers

/// Positions 1 to `count`, of which some are in use.
private struct Numbers: WarmPort {
    var count: Int64
    var hot: [PositionID]

    func hotPositions(limit: Int) async throws(Failure) -> [PositionID] { Array(hot.prefix(limit)) }

    func positions(_ ids: [PositionID]) async throws(Failure) -> [LoadedPosition] {
        ids.map { LoadedPosition(position: $0, version: 1, free: 1, channelSafety: []) }
    }

    func positions(
        after id: PositionID,
        limit: Int,
    ) async throws(Failure) -> [LoadedPosition] {
        try await positions(Array((id + 1..<max(id + 1, min(id + 1 + Int64(limit), count + 1)))))
    }
}

/// Notes what is loaded; after so many calls another epoch is open.
private final class NotingView: WarmView {
    var epoch: Int64 = 7
    var callsMax = Int.max
    var memory = 0.0
    private(set) var calls: [[PositionID]] = []

    var isOpen: Bool { true }
    var openEpoch: Int64? { epoch }
    func memoryUse() async throws(Failure) -> Double { memory }

    func load(_ positions: [LoadedPosition], epoch: Int64) async throws(Failure) {
        calls.append(positions.map(\.position))
        if calls.count == callsMax { self.epoch += 1 }
    }

    func admit(_ admission: Admission) async throws(Failure) -> AdmissionAnswer {
        throw .broken("nobody reserves while the view is loaded")
    }

    func settle(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) async {}
    func post(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) {}
    func epochMoved(to epoch: Int64) {}
}

@Suite struct WarmWorkerTests {
    /// What is loaded when epoch 7 opens, call by call.
    private func calls(
        _ numbers: Numbers,
        positionsMax: Int = 1_000_000,
        memory: Double = 0,
        callsMax: Int = .max,
    ) async -> [[PositionID]] {
        let loop = Loop(MultiThreadedEventLoopGroup.singleton.next())
        let (openings, opened) = AsyncStream<Int64>.makeStream()
        return
            await loop.start {
                let view = NotingView()
                view.memory = memory
                view.callsMax = callsMax
                let worker = WarmWorker(
                    loop: loop,
                    view: view,
                    store: numbers,
                    openings: openings,
                    positionsMax: positionsMax,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                )
                worker.start()
                opened.yield(7)
                try? await Task.sleep(for: .milliseconds(5))
                while worker.figures.isWarming { try? await Task.sleep(for: .milliseconds(2)) }
                await worker.stop()
                #expect(worker.figures.positions == view.calls.joined().count)
                return view.calls
            }
            .value
    }

    @Test func `positions in use come first, then all of them, some hundred at a time`() async {
        let calls = await calls(Numbers(count: 1_200, hot: [1_111, 3]))
        #expect(calls.first == [1_111, 3])
        #expect(calls.dropFirst().map(\.count) == [500, 500, 200])
        #expect(Array(calls.dropFirst().joined()) == Array(1...1_200))
    }

    @Test func `no more are loaded than there may be, those in use before others`() async {
        let numbers = Numbers(count: 1_200, hot: [1_111, 3, 700])
        #expect(await calls(numbers, positionsMax: 2) == [[1_111, 3]])
        #expect(await calls(numbers, positionsMax: 5) == [[1_111, 3, 700], [1, 2]])
        #expect(await calls(numbers, positionsMax: 0) == [])
    }

    @Test func `the rest is left to requests when memory is short, or another epoch opens`() async {
        let numbers = Numbers(count: 1_200, hot: [9])
        #expect(await calls(numbers, memory: 0.7) == [[9]])
        #expect(await calls(numbers, callsMax: 2).map(\.count) == [1, 500])
    }
}
