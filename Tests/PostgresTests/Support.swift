// What the suites share: clients that are shut down whatever happens, and statements in one line.

import Base
import Postgres
import TestServers
import Testing

/// Runs `body` with a client of a new database, or of `conninfo`.
@discardableResult
func withClient<Value>(
    _ conninfo: String? = nil,
    with options: PostgresConfiguration = options(),
    _ body: (PostgresClient) async throws -> Value,
) async throws -> Value {
    var configuration = options
    configuration.conninfo = try conninfo ?? PostgresServer.shared().createDatabase()
    let client = PostgresClient(configuration: configuration)
    try client.start()
    do {
        let value = try await body(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown(graceMs: 0)
        throw error
    }
}

/// A statement named after its text.
func statement(_ sql: String, _ types: UInt32...) -> Statement {
    Statement(name: "t\(sql.hashValue)", sql: sql, parameterTypes: types)
}

/// Waits until `condition` holds; the caller checks again what it waited for.
func eventually(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<1_000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// The error that `body` throws, if it does.
func failure<Value>(_ body: () async throws -> Value) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        let postgresError = error as? PostgresError
        #expect(postgresError != nil, "another error: \(error)")
        return postgresError
    }
}

/// A configuration to which `withClient` adds the connection string.
func options(
    statementTimeoutMs: Int = 5_000,
    replyTimeoutMs: Int = 15_000,
    queueTimeoutMs: Int = 5_000,
    queueMax: Int = 16_384,
) -> PostgresConfiguration {
    PostgresConfiguration(
        conninfo: "",
        connections: 2,
        statementTimeoutMs: statementTimeoutMs,
        replyTimeoutMs: replyTimeoutMs,
        queueTimeoutMs: queueTimeoutMs,
        queueMax: queueMax,
    )
}
