// A unit whose caller's time is over is not sent; one that runs is given up by the server.

import Base
import Postgres
import TestServers
import Testing

@Suite struct PostgresDeadlineTests {
    private let one = statement("SELECT 1")
    private let sleep = Statement(name: "long", sql: "SELECT pg_sleep(30)", mayTakeLong: true)

    /// Runs `body` for a caller who waits so long.
    private func within<Value>(
        _ milliseconds: Int64,
        _ body: () async throws -> Value,
    ) async throws -> Value {
        let deadline = Deadline.now.advanced(milliseconds: milliseconds)
        return try await Deadline.$current.withValue(deadline) { try await body() }
    }

    @Test func `a unit that comes too late is not accepted`() async throws {
        try await withClient { (client) async throws in
            _ = try await client.execute(one, [])
            try await eventually { client.statistics().unitsSent == 1 }
            let error = await failure { try await within(0) { try await client.execute(one, []) } }
            #expect(error?.kind == .late)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.isRetryable == false)
            #expect(client.statistics().unitsLate == 1)
            #expect(try await within(10_000) { try await client.execute(one, [])[0].int4(0) } == 1)
            try await eventually { client.statistics().unitsFinished == 2 }
            #expect(client.statistics().unitsSent == 2, "the late one was never sent")
        }
    }

    @Test(arguments: [Lane.pool, .writer(0)])
    func `a unit that waits longer than its caller is answered wherever it stands`(
        lane: Lane
    )
        async throws
    {
        try await withClient(
            "host=/nonexistent dbname=x",
            with: options(queueTimeoutMs: 3_000),
        ) { (client) async throws in
            // Waits in front of the others, longer than all of them.
            async let first = failure { try await client.execute(one, [], lane: lane) }
            try await eventually { client.statistics().unitsOutstanding == 1 }
            for milliseconds in [40, 20, 60] as [Int64] {
                let error = await failure {
                    try await within(milliseconds) { try await client.execute(one, [], lane: lane) }
                }
                #expect(error?.kind == .late)
            }
            try await eventually { client.statistics().unitsLate == 3 }
            #expect(client.statistics().unitsLate == 3)
            #expect(client.statistics().unitsSent == 0)
            #expect(await first?.kind == .connectFailed)
        }
    }

    @Test func `a statement that may take long is given up when its caller is`() async throws {
        try await withClient(with: options(statementTimeoutMs: 0)) { (client) async throws in
            let error = await failure {
                try await within(150) { try await client.execute(sleep, []) }
            }
            #expect(error?.sqlstate == "57014")
            #expect(error?.outcomeUnknown == false)
            // Again: the statement in front of it is prepared now, or was skipped with the first.
            for _ in 0..<4 {
                let error = await failure {
                    try await within(60) { try await client.execute(sleep, []) }
                }
                #expect(error?.sqlstate == "57014")
            }
        }
    }

    @Test func `the limit ends with its unit and changes no result`() async throws {
        let limit = "SELECT current_setting('statement_timeout')"
        let bounded = Statement(name: "bounded", sql: limit, mayTakeLong: true)
        try await withClient(with: options(statementTimeoutMs: 7_000)) { (client) async throws in
            for _ in 0..<4 {
                let left = try await within(2_000) {
                    try await client.execute(bounded, [], lane: .writer(0))[0].text(0)
                }
                let number =
                    left.hasSuffix("ms") ? Int(left.dropLast(2)) : left == "2s" ? 2_000 : nil
                #expect((1...2_000).contains(number ?? 0), "\(left)")
                // Without a caller, with one who has more time, and for what is quick.
                let usual = try await client.execute(bounded, [], lane: .writer(0))
                #expect(usual[0].text(0) == "7s")
                let patient = try await within(60_000) {
                    try await client.execute(bounded, [], lane: .writer(0))
                }
                #expect(patient[0].text(0) == "7s")
                let quick = try await within(2_000) {
                    try await client.execute(statement(limit), [], lane: .writer(0))
                }
                #expect(quick[0].text(0) == "7s")
                let two = try await within(2_000) {
                    try await client.transaction(lane: .writer(0), [(bounded, []), (one, [])])
                }
                #expect(two.count == 2)
                #expect(two[1][0].int4(0) == 1)
            }
        }
    }
}
