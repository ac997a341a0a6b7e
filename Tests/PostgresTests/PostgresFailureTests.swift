// Connections and servers that go away, on clusters that these tests may stop.

import Base
import Postgres
import TestServers
import Testing

@Suite struct PostgresFailureTests {
    private let sleep = statement("SELECT pg_sleep(30)")
    private let one = statement("SELECT 1")

    @Test func `a server process that ends leaves its unit unknown and the next works`()
        async throws
    {
        try await withClient { (client) async throws in
            async let lost = failure { try await client.execute(sleep, [], lane: .writer(0)) }
            async let behind = failure { try await client.execute(one, [], lane: .writer(0)) }
            let end = statement(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND wait_event = 'PgSleep'
                """
            )
            try await eventually { try await client.execute(end, [])[0].int8(0) == 1 }
            let error = await lost
            #expect(error?.kind == .connectionLost)
            #expect(error?.outcomeUnknown == true)
            #expect(error?.isRetryable == false)
            #expect(error?.message.contains("57P01") == true)
            #expect(await behind?.kind == .connectionLost)
            // Prepared anew on the new connection.
            #expect(try await client.execute(one, [], lane: .writer(0))[0].int4(0) == 1)
        }
    }

    @Test func `a cluster that comes back is found again`() async throws {
        let server = try PostgresServer.start()
        try await withClient(
            server.createDatabase(),
            with: options(queueTimeoutMs: 20_000),
        ) { (client) async throws in
            for stop in [server.stop, server.kill] {
                #expect(try await client.execute(one, [], lane: .writer(0))[0].int4(0) == 1)
                #expect(try await client.execute(one, [])[0].int4(0) == 1)
                try stop()
                // Waits in the queue until the server is back; never sent before.
                try await eventually { client.statistics().connectFailures > 0 }
                async let waiting = client.execute(one, [], lane: .writer(0))
                try server.start()
                #expect(try await waiting[0].int4(0) == 1)
            }
            #expect(client.statistics().connectionsLost >= 1)
        }
    }

    @Test func `without a server a unit fails in time and nothing was sent`() async throws {
        try await withClient(
            "host=/nonexistent dbname=x",
            with: options(queueTimeoutMs: 100),
        ) { (client) async throws in
            for lane in [Lane.pool, .writer(0)] {
                let error = await failure { try await client.execute(one, [], lane: lane) }
                #expect(error?.kind == .connectFailed)
                #expect(error?.outcomeUnknown == false)
                #expect(error?.isRetryable == true)
            }
            await #expect(throws: PostgresError.self) {
                try await client.withSession { _ in }
            }
        }
    }

    @Test func `a server that is silent is given up`() async throws {
        let server = try PostgresServer.start()
        try await withClient(
            server.createDatabase(),
            with: options(replyTimeoutMs: 300, queueTimeoutMs: 20_000),
        ) { (client) async throws in
            _ = try await client.execute(one, [], lane: .writer(0))
            try server.pause()
            async let first = failure { try await client.execute(one, [], lane: .writer(0)) }
            let error = await first
            #expect(error?.kind == .timeout)
            #expect(error?.outcomeUnknown == true)
            try server.resume()
            #expect(try await client.execute(one, [], lane: .writer(0))[0].int4(0) == 1)
        }
    }

    @Test func `a commit that no standby confirmed is not reported as done`() async throws {
        let server = try PostgresServer.start()
        let conninfo = try server.createDatabase()
        try server.sql("CREATE TABLE t (a int)", on: conninfo)
        try server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try server.sql("SELECT pg_reload_conf()")
        try await withClient(conninfo, with: options(statementTimeoutMs: 100)) {
            (client) async throws in
            let insert = statement("INSERT INTO t VALUES (1)")
            async let outcome = failure { try await client.execute(insert, [], lane: .writer(0)) }
            // The statement timeout does not end this wait; a cancel request does.
            let cancel = statement(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
                    + " WHERE wait_event = 'SyncRep' AND state_change < now() - interval '1 s'"
            )
            try await eventually { try await client.execute(cancel, [])[0].int8(0) == 1 }
            let error = await outcome
            #expect(error?.outcomeUnknown == true)
            #expect(error?.message.contains("standby") == true)
        }
        #expect(try server.sql("SELECT count(*) FROM t", on: conninfo) == "1")
    }
}
