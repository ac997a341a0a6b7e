// A committer on a database of its own, with the ledger of one loop before it.

import Base
import Domain
import Logging
import Loop
import NIOCore
import NIOPosix
import Postgres
import Promising
import Synchronization
import Testing

@testable import Ledger

/// What the gate was told about holds.
final class Told: Sendable {
    private let ending = Mutex<[ID: PendingEnd]>([:])

    func note(_ ends: [(key: ID, end: PendingEnd)]) {
        ending.withLock { ending in
            for (key, end) in ends { ending[key] = end }
        }
    }

    var all: [ID: PendingEnd] { ending.withLock { $0 } }
}

/// A committer and the ledger of one loop.
struct CommitBench {
    /// What becomes of a commit.
    typealias Answer = Task<Result<CommitOutcome, Failure>, Never>

    let loop: Loop
    let committer: Committer
    let ledger: NIOLoopBound<LoopLedger>
    let told = Told()

    init(_ eventLoop: any EventLoop, _ postgres: PostgresClient) async {
        let loop = Loop(eventLoop)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let committer = Committer(postgres: postgres, requestsMax: 100, logger: logger)
        let told = self.told
        self.loop = loop
        self.committer = committer
        ledger =
            await loop.start {
                let ledger = LoopLedger(
                    loop: loop,
                    postgres: postgres,
                    committer: committer,
                    requestsMax: 100,
                    settle: { _, ending in told.note(ending) },
                )
                return NIOLoopBound(ledger, eventLoop: loop.eventLoop)
            }
            .value
    }

    /// Asks for a commit, without waiting for what becomes of it.
    func commit(_ request: CommitRequest) -> Answer {
        let ledger = ledger
        return loop.start {
            do throws(Failure) {
                return .success(try await ledger.value.commit(request))
            } catch {
                return .failure(error)
            }
        }
    }

    /// One unit of position 1.
    static func request(
        _ name: String,
        until deadline: Deadline,
        sharesHold: Bool = false,
    ) -> CommitRequest {
        CommitRequest(
            key: id(name),
            fingerprint: id("body"),
            lines: [(1, 1)],
            ttlMs: 60_000,
            owner: "",
            channel: "",
            origin: tester,
            epoch: 0,
            sharesHold: sharesHold,
            deadline: deadline,
        )
    }

    /// Runs `body` with a store that has units at position 1, and a committer on it.
    static func run(
        _ body: (Store, CommitBench) async throws -> Void
    ) async throws {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 100)])
            #expect(try store.sql("SELECT id FROM positions") == "1")
            let configuration = PostgresConfiguration(conninfo: store.conninfo, connections: 1)
            let postgres = PostgresClient(configuration: configuration)
            try postgres.start()
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(
                    try await body(store, await CommitBench(group.next(), postgres))
                )
            } catch {
                outcome = .failure(error)
            }
            await postgres.shutdown()
            try await group.shutdownGracefully()
            try outcome.get()
        }
    }
}
