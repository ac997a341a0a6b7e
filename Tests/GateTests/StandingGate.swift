// A gate of the server over the bench's Redis, whose one epoch is open already.

import Gate
import Logging
import Loop
import NIOCore
import Promising
import Redis
import TestServers
import Testing

/// An authority whose one epoch is open already.
struct StandingEpoch: EpochAuthority {
    let record: EpochRecord

    func currentEpoch() async throws(Failure) -> EpochRecord { record }

    func reopen(
        closed: Int64,
        by server: String,
        steps: some EpochSteps,
    ) async throws(Failure) -> Reopening { Reopening(record: record, isOwn: false) }
}

let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

extension ScriptBench {
    /// Runs `body` with a gate that is open, on a connection of its own.
    func withGate(
        _ body: (LoopGate) async throws -> Void
    ) async throws {
        let logger = silentLogger
        let second = RedisConnection(address: .unix(server.socketPath), loop: loop)
        try await second.connect()
        let keeper = EpochKeeper(
            authority: StandingEpoch(record: epoch.record),
            redis: NIOLoopBound(connection, eventLoop: loop.eventLoop),
            loop: loop,
            server: "test",
            logger: logger,
        )
        let gate = LoopGate(
            loop: loop,
            redis: second,
            keeper: keeper,
            limits: GateLimits(),
            logger: logger,
        )
        gate.warmUp()
        for _ in 0..<500 where !gate.isOpen { try await Task.sleep(for: .milliseconds(2)) }
        #expect(gate.isOpen)
        try await body(gate)
        await second.close()
    }
}
