// Exclusive connections: locks of a session, scripts, and what happens when the session is lost.

import Base
import Postgres
import TestServers
import Testing

@Suite struct PostgresSessionTests {
    @Test func `an advisory lock is held as long as its session`() async throws {
        let tryLock = statement("SELECT pg_try_advisory_lock(42)")
        try await withClient { (client) async throws in
            try await client.withSession { (first) async throws in
                #expect(try await first.execute(tryLock)[0].bool(0))
                try await client.withSession { (second) async throws in
                    #expect(first.backendPID != second.backendPID)
                    #expect(try await second.execute(tryLock)[0].bool(0) == false)
                }
            }
            try await client.withSession { (third) async throws in
                try await eventually { try await third.execute(tryLock)[0].bool(0) }
                #expect(try await third.execute(tryLock)[0].bool(0))
            }
        }
    }

    @Test func `a script without BEGIN is one transaction`() async throws {
        try await withClient { (client) async throws in
            let error = await failure {
                try await client.simple("CREATE TABLE t (a int); SELECT 1/0; CREATE TABLE u ()")
            }
            #expect(error?.sqlstate == "22012")
            let exists = statement("SELECT to_regclass('t') IS NULL")
            #expect(try await client.execute(exists, [])[0].bool(0))
        }
    }

    @Test func `scripts and statements take turns on a session`() async throws {
        try await withClient { (client) async throws in
            try await client.withSession { (session) async throws in
                try await session.simple("BEGIN; CREATE TEMP TABLE t (a bigint)")
                let insert = statement("INSERT INTO t VALUES ($1)", OID.int8)
                for number in 0..<10 {
                    _ = try await session.execute(insert, [.int8(Int64(number))])
                    try await session.simple("UPDATE t SET a = a + 1")
                }
                try await session.simple("COMMIT")
                let sum = statement("SELECT sum(a)::int8 FROM t")
                #expect(try await session.execute(sum)[0].int8(0) == 45 + 55)
            }
        }
    }

    @Test func `what the body throws is passed on`() async throws {
        struct Stop: Error {}
        try await withClient { (client) async throws in
            await #expect(throws: Stop.self) {
                try await client.withSession { _ in throw Stop() }
            }
        }
    }

    @Test func `a lost session stays lost`() async throws {
        try await withClient { (client) async throws in
            try await client.withSession { (session) async throws in
                let sleep = Task { [session] in
                    await failure { try await session.execute(statement("SELECT pg_sleep(30)")) }
                }
                let end = statement(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE pid = $1 AND wait_event = 'PgSleep'
                    """,
                    OID.int4,
                )
                try await eventually {
                    try await client.execute(end, [.int4(session.backendPID)])[0].int8(0) == 1
                }
                let error = await sleep.value
                #expect(error?.kind == .connectionLost)
                #expect(error?.outcomeUnknown == true)
                let next = await failure { try await session.execute(statement("SELECT 1")) }
                #expect(next?.kind == .connectionLost)
                #expect(next?.outcomeUnknown == false)
            }
        }
    }

    @Test func `a script on a lost connection fails`() async throws {
        try await withClient { (client) async throws in
            try await client.withSession { (session) async throws in
                let error = await failure {
                    try await session.simple("SELECT pg_terminate_backend(pg_backend_pid())")
                }
                #expect(error?.kind == .connectionLost)
                #expect(error?.outcomeUnknown == true)
            }
        }
    }
}
