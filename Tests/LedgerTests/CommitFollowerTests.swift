// A batch that is worth it goes behind the one that is at work; what is less waits for it.

import Base
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct CommitFollowerTests {
    @Test func `many requests leave behind the batch at work and a few wait for it`() async throws {
        try await CommitBench.run { (store, bench) async throws in
            let (tasks, again) = try await store.postgres.withSession { session in
                try await session.simple("BEGIN; SELECT 1 FROM positions FOR UPDATE")
                func commit(_ name: String, sharesHold: Bool = false) -> CommitBench.Answer {
                    bench.commit(
                        CommitBench.request(name, until: .never, sharesHold: sharesHold)
                    )
                }
                // It waits for the lock.
                var tasks = [commit("first")]
                while bench.committer.counters.batches == 0 { await Task.yield() }
                tasks += (1...62).map { commit("few-\($0)") }
                try await Task.sleep(for: .milliseconds(100))
                #expect(bench.committer.counters.batches == 1)
                // With these they are 64; one of them is a key of the batch at work.
                let again = commit("first", sharesHold: true)
                tasks.append(commit("last"))
                for _ in 0..<200 where bench.committer.counters.batches == 1 {
                    try await Task.sleep(for: .milliseconds(5))
                }
                #expect(bench.committer.counters.batches == 2)
                #expect(bench.committer.counters.requests == 65)
                // No third one leaves, however many wait.
                tasks += (1...30).map { commit("third-\($0)") }
                try await Task.sleep(for: .milliseconds(100))
                #expect(bench.committer.counters.batches == 2)
                try await session.simple("COMMIT")
                return (tasks, again)
            }
            for task in tasks {
                guard case .success(.committed) = await task.value else {
                    Issue.record("not committed: \(await task.value)")
                    return
                }
            }
            guard case .success(.repeated) = await again.value else {
                Issue.record("the key again: \(await again.value)")
                return
            }
            #expect(
                try store.sql("SELECT count(*), sum(quantities[1]) FROM reservations") == "94|94"
            )
            #expect(try store.sql("SELECT held FROM positions") == "94")
        }
    }
}
