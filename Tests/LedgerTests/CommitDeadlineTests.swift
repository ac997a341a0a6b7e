// Requests whose callers' time is over leave their batch before it does: nothing of them is written,
// their holds end, and the others are committed.

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
private final class Told: Sendable {
    private let ending = Mutex<[ID: PendingEnd]>([:])

    func note(_ ends: [(key: ID, end: PendingEnd)]) {
        ending.withLock { ending in
            for (key, end) in ends { ending[key] = end }
        }
    }

    var all: [ID: PendingEnd] { ending.withLock { $0 } }
}

/// A committer and the ledger of one loop.
private struct CommitBench {
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
    func commit(_ request: CommitRequest) -> Task<Result<CommitOutcome, Failure>, Never> {
        let ledger = ledger
        return loop.start {
            do throws(Failure) {
                return .success(try await ledger.value.commit(request))
            } catch {
                return .failure(error)
            }
        }
    }
}

@Suite struct CommitDeadlineTests {
    private func request(
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
    private func withBench(
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

    @Test func `late requests leave their batch and the others are committed`() async throws {
        try await withBench { (store, bench) async throws in
            let (first, waiting) = try await store.postgres.withSession { session in
                try await session.simple("BEGIN; SELECT 1 FROM positions FOR UPDATE")
                let first = bench.commit(request("first", until: .never))
                while bench.committer.counters.batches == 0 { await Task.yield() }
                // These wait until the first batch is through: it waits for the lock.
                let soon = Deadline.now.advanced(milliseconds: 20)
                let waiting = [
                    request("late", until: soon),
                    request("sharing", until: soon, sharesHold: true),
                    request("patient", until: soon.advanced(milliseconds: 60_000)),
                ]
                .map { bench.commit($0) }
                while !soon.hasPassed { try await Task.sleep(for: .milliseconds(5)) }
                try await session.simple("COMMIT")
                return (first, waiting)
            }
            guard case .success(.committed) = await first.value else {
                Issue.record("the first: \(await first.value)")
                return
            }
            for late in waiting[..<2] {
                guard case .failure(.deadlineExceeded) = await late.value else {
                    Issue.record("late: \(await late.value)")
                    return
                }
            }
            guard case .success(.committed) = await waiting[2].value else {
                Issue.record("patient: \(await waiting[2].value)")
                return
            }
            let known = try store.sql("SELECT key FROM reservations ORDER BY created_at")
            #expect(known == "\(id("first"))\n\(id("patient"))")
            // The hold that is shared is ended by the attempt that it belongs to.
            let ends: [ID: PendingEnd] = [
                id("first"): .committed, id("patient"): .committed, id("late"): .dropped,
            ]
            #expect(bench.told.all == ends)
            #expect(bench.committer.counters.late == 2)
            #expect(bench.committer.counters.requests == 2)
        }
    }

    @Test func `a batch in which everybody is late is not sent and the next one is`() async throws {
        try await withBench { (store, bench) async throws in
            let late = [1, 2, 3].map { bench.commit(request("late-\($0)", until: .now)) }
            for task in late {
                guard case .failure(.deadlineExceeded) = await task.value else {
                    Issue.record("late: \(await task.value)")
                    return
                }
            }
            #expect(bench.told.all.count == 3)
            #expect(bench.told.all.values.allSatisfy { $0 == .dropped })
            let next = bench.commit(request("next", until: .never))
            guard case .success(.committed) = await next.value else {
                Issue.record("next: \(await next.value)")
                return
            }
            #expect(try store.sql("SELECT key FROM reservations") == "\(id("next"))")
        }
    }

    @Test func `a conflict is not tried again for a caller who has gone`() async throws {
        try await withStore { store in
            try store.sql(
                """
                CREATE SEQUENCE attempts; CREATE FUNCTION conflict() RETURNS bool LANGUAGE plpgsql
                AS $$ BEGIN PERFORM nextval('attempts'), pg_sleep(0.05);
                RAISE SQLSTATE '40001'; END $$;
                GRANT USAGE ON SEQUENCE attempts TO \(servingRole)
                """
            )
            let conflict = Statement(name: "conflict", sql: "SELECT conflict()")
            func attempts(within milliseconds: Int64) async throws -> (Failure?, String) {
                try store.sql("ALTER SEQUENCE attempts RESTART")
                let deadline = Deadline.now.advanced(milliseconds: milliseconds)
                let failure = await Deadline.$current.withValue(deadline) { () -> Failure? in
                    do throws(Failure) {
                        _ = try await store.postgres.run(conflict, [])
                        return nil
                    } catch {
                        return error
                    }
                }
                return (failure, try store.sql("SELECT nextval('attempts') - 1"))
            }
            let hasty = try await attempts(within: 40)
            #expect(hasty.0 == .deadlineExceeded)
            #expect(hasty.1 == "1")
            let patient = try await attempts(within: 60_000)
            #expect(patient.0 == .unavailable(what: "postgres", retryAfterMs: 200))
            #expect(patient.1 == "5")
        }
    }
}
