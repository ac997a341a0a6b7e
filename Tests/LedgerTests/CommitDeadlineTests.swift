// Requests whose callers' time is over leave their batch before it does: nothing of them is written,
// their holds end, and the others are committed.

import Base
import Domain
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct CommitDeadlineTests {
    @Test func `late requests leave their batch and the others are committed`() async throws {
        try await CommitBench.run { (store, bench) async throws in
            let (first, waiting) = try await store.postgres.withSession { session in
                try await session.simple("BEGIN; SELECT 1 FROM positions FOR UPDATE")
                let first = bench.commit(CommitBench.request("first", until: .never))
                while bench.committer.counters.batches == 0 { await Task.yield() }
                // These wait until the first batch is through: it waits for the lock.
                let soon = Deadline.now.advanced(milliseconds: 20)
                let waiting = [
                    CommitBench.request("late", until: soon),
                    CommitBench.request("sharing", until: soon, sharesHold: true),
                    CommitBench.request("patient", until: soon.advanced(milliseconds: 60_000)),
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
        try await CommitBench.run { (store, bench) async throws in
            let late = [1, 2, 3]
                .map { bench.commit(CommitBench.request("late-\($0)", until: .now)) }
            for task in late {
                guard case .failure(.deadlineExceeded) = await task.value else {
                    Issue.record("late: \(await task.value)")
                    return
                }
            }
            #expect(bench.told.all.count == 3)
            #expect(bench.told.all.values.allSatisfy { $0 == .dropped })
            let next = bench.commit(CommitBench.request("next", until: .never))
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
