// Units keep apart from each other: each gets its own answer, after its own commit.

import Base
import Postgres
import TestServers
import Testing

@Suite struct PostgresClientTests {
    @Test(arguments: [Lane.pool, Lane.writer(0)])
    func `each of a thousand units gets its own answer`(lane: Lane) async throws {
        try await withClient { (client) async throws in
            let divide = statement("SELECT 100 / $1", OID.int4)
            let outcomes = await withTaskGroup { group in
                for number in 0..<1_000 {
                    group.addTask {
                        // Every third unit divides by zero.
                        let divisor = number % 3 == 0 ? 0 : Int32(number)
                        do throws(PostgresError) {
                            let result = try await client.execute(
                                divide,
                                [.int4(divisor)],
                                lane: lane,
                            )
                            return (number, result[0].int4(0))
                        } catch {
                            return (number, error.sqlstate == "22012" ? -1 : -2)
                        }
                    }
                }
                return await group.reduce(into: [Int: Int32]()) { $0[$1.0] = $1.1 }
            }
            for number in 0..<1_000 {
                #expect(outcomes[number] == (number % 3 == 0 ? -1 : 100 / Int32(number)))
            }
        }
    }

    @Test func `a writer commits in the order of submission`() async throws {
        try await withClient { (client) async throws in
            try await client.simple("CREATE TABLE t (position bigserial, number bigint)")
            let insert = statement("INSERT INTO t (number) VALUES ($1)", OID.int8)
            await withCheckedContinuation { continuation in
                for number in 0..<500 {
                    client.submit(insert, [.int8(Int64(number))], lane: .writer(0)) { _ in
                        if number == 499 { continuation.resume() }
                    }
                }
            }
            let rows = try await client.execute(
                statement("SELECT number FROM t ORDER BY position"),
                [],
            )
            #expect(rows.map { $0.int8(0) } == Array(0..<500))
        }
    }

    @Test func `a transaction commits as a whole or not at all`() async throws {
        try await withClient { (client) async throws in
            try await client.simple("CREATE TABLE t (number bigint PRIMARY KEY)")
            let insert = statement("INSERT INTO t VALUES ($1) RETURNING number", OID.int8)
            let both = try await client.transaction([(insert, [.int8(1)]), (insert, [.int8(2)])])
            #expect(both.map { $0[0].int8(0) } == [1, 2])
            let error = await failure {
                try await client.transaction([(insert, [.int8(3)]), (insert, [.int8(1)])])
            }
            #expect(error?.sqlstate == "23505")
            let count = try await client.execute(statement("SELECT count(*) FROM t"), [])
            #expect(count[0].int8(0) == 2)
        }
    }

    @Test func `an error at the commit fails the unit although its rows came`() async throws {
        try await withClient { (client) async throws in
            try await client.simple(
                "CREATE TABLE t (a bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);"
            )
            let insert = statement("INSERT INTO t VALUES ($1) RETURNING a", OID.int8)
            _ = try await client.execute(insert, [.int8(1)], lane: .writer(0))
            async let failing = failure {
                try await client.execute(insert, [.int8(1)], lane: .writer(0))
            }
            async let working = client.execute(insert, [.int8(2)], lane: .writer(0))
            let error = await failing
            #expect(error?.sqlstate == "23505")
            #expect(error?.outcomeUnknown == false)
            #expect(try await working[0].int8(0) == 2)
        }
    }

    @Test func `a statement whose preparation was skipped is prepared again`() async throws {
        try await withClient { (client) async throws in
            let fail = statement("SELECT 1 / $1", OID.int4)
            let later = statement("SELECT $1 + 1", OID.int4)
            async let first = failure {
                try await client.transaction(
                    lane: .writer(0),
                    [(fail, [.int4(0)]), (later, [.int4(1)])],
                )
            }
            async let second = client.execute(later, [.int4(41)], lane: .writer(0))
            #expect(await first?.sqlstate == "22012")
            #expect(try await second[0].int4(0) == 42)
        }
    }

    @Test func `a statement may be used twice in the unit that prepares it`() async throws {
        try await withClient { (client) async throws in
            let one = statement("SELECT $1", OID.text)
            let results = try await client.transaction([(one, [.text("a")]), (one, [.text("b")])])
            #expect(results.map { $0[0].text(0) } == ["a", "b"])
        }
    }

    @Test func `a statement that cannot be prepared fails and is tried again`() async throws {
        try await withClient { (client) async throws in
            let select = statement("SELECT count(*) FROM later")
            let error = await failure { try await client.execute(select, [], lane: .writer(0)) }
            #expect(error?.sqlstate == "42P01")
            #expect(error?.position != nil)
            try await client.simple("CREATE TABLE later (a int)")
            let result = try await client.execute(select, [], lane: .writer(0))
            #expect(result[0].int8(0) == 0)
        }
    }

    @Test func `a plan that a migration broke is made anew`() async throws {
        try await withClient { (client) async throws in
            try await client.simple("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            let select = statement("SELECT * FROM t")
            _ = try await client.execute(select, [], lane: .writer(0))
            try await client.simple("ALTER TABLE t ADD b int DEFAULT 2")
            let error = await failure { try await client.execute(select, [], lane: .writer(0)) }
            #expect(error?.sqlstate == "0A000")
            let row = try await client.execute(select, [], lane: .writer(0))[0]
            #expect(row.int4(1) == 2)
        }
    }

    @Test func `the statement timeout ends a statement, not the connection`() async throws {
        try await withClient(with: options(statementTimeoutMs: 100)) { (client) async throws in
            let error = await failure {
                try await client.execute(statement("SELECT pg_sleep(30)"), [])
            }
            #expect(error?.sqlstate == "57014")
            #expect(client.statistics().connectionsLost == 0)
        }
    }

    @Test func `more units than the queue holds are refused`() async throws {
        try await withClient(with: options(queueMax: 5)) { (client) async throws in
            let sleep = statement("SELECT pg_sleep(0.3)")
            let errors = await withTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        await failure { try await client.execute(sleep, [], lane: .writer(0)) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let refused = errors.compactMap(\.self)
            #expect(refused.count == 3)
            #expect(refused.allSatisfy { $0.kind == .queueFull && $0.isRetryable })
            _ = try await client.execute(statement("SELECT 1"), [])
        }
    }

    @Test func `settings apply to their connections only`() async throws {
        var settings = options()
        settings.writerSettings = ["plan_cache_mode": "force_generic_plan"]
        settings.applicationName = "a test"
        try await withClient(with: settings) { (client) async throws in
            let show = statement(
                """
                SELECT current_setting('plan_cache_mode'), current_setting('application_name'), \
                current_setting('TimeZone'), current_setting('statement_timeout')
                """
            )
            let writer = try await client.execute(show, [], lane: .writer(0))[0]
            let pool = try await client.execute(show, [])[0]
            #expect(writer.text(0) == "force_generic_plan")
            #expect(pool.text(0) == "auto")
            #expect(pool.text(1) == "a test")
            #expect(pool.text(2) == "UTC")
            #expect(pool.text(3) == "5s")
        }
    }

    @Test func `options of the connection string are kept`() async throws {
        let conninfo = try PostgresServer.shared().createDatabase()
        try await withClient("\(conninfo) options='-c work_mem=7MB'") { (client) async throws in
            let row = try await client.execute(statement("SHOW work_mem"), [])[0]
            #expect(row.text(0) == "7MB")
        }
    }

    @Test func `notices are counted and disturb nobody`() async throws {
        try await withClient { (client) async throws in
            try await client.simple(
                "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'w'; RETURN 1; END $$"
            )
            let call = statement("SELECT f()")
            #expect(try await client.execute(call, [], lane: .writer(0))[0].int4(0) == 1)
            #expect(try await client.execute(call, [], lane: .writer(0))[0].int4(0) == 1)
        }
    }

    @Test func `an error shows customer data only for debugging`() async throws {
        try await withClient { (client) async throws in
            try await client.simple("CREATE TABLE t (mail text CONSTRAINT one_mail UNIQUE)")
            let insert = statement("INSERT INTO t VALUES ($1)", OID.text)
            _ = try await client.execute(insert, [.text("eve@example.org")])
            let error = await failure {
                try await client.execute(insert, [.text("eve@example.org")])
            }
            let duplicate = try #require(error)
            #expect(duplicate.constraint == "one_mail")
            #expect(!"\(duplicate)".contains("eve@"))
            #expect(duplicate.debugDescription.contains("eve@"))
            let cast = statement("SELECT $1::int", OID.text)
            let error2 = await failure { try await client.execute(cast, [.text("eve")]) }
            let invalid = try #require(error2)
            #expect(!"\(invalid)".contains("eve"))
            #expect(invalid.debugDescription.contains("eve"))
        }
    }

    @Test func `shutdown answers what was accepted and refuses the rest`() async throws {
        let conninfo = try PostgresServer.shared().createDatabase()
        let client = PostgresClient(
            configuration: PostgresConfiguration(conninfo: conninfo)
        )
        try client.start()
        let sleep = statement("SELECT pg_sleep(0.2)")
        let accepted = Task { await failure { try await client.execute(sleep, []) } }
        try await eventually { client.statistics().unitsSent == 1 }
        await client.shutdown()
        #expect(await accepted.value == nil)
        #expect(await failure { try await client.execute(sleep, []) }?.kind == .shutDown)
        await client.shutdown()
    }

    @Test func `a connection string that cannot be read is told at start`() {
        let client = PostgresClient(
            configuration: PostgresConfiguration(conninfo: "host='unfinished password=secret")
        )
        let error = #expect(throws: PostgresError.self) { try client.start() }
        #expect(error?.kind == .connectFailed)
        #expect(error?.debugDescription.contains("secret") == false)
    }
}
