// The one place that sends a transaction again by itself: only what was certainly rolled back, and
// only because another transaction was faster. Everything else is the caller's to repeat, by key.

internal import Base
internal import Postgres
internal import Promising

/// Attempts of a transaction that lost against another one.
private let attemptsMax = 5

extension PostgresClient {
    /// Runs a statement; again, up to five times in all and within the deadline of the task, when
    /// another transaction was in the way.
    func run(
        _ statement: Statement,
        _ parameters: [PostgresValue],
    ) async throws(Failure) -> PostgresResult {
        try await run([(statement, parameters)])[0]
    }

    /// Runs the statements as one transaction; see the other `run`.
    func run(
        _ statements: [(Statement, [PostgresValue])]
    ) async throws(Failure) -> [PostgresResult] {
        var attempt = 1
        while true {
            do throws(PostgresError) {
                return try await transaction(statements)
            } catch {
                let isConflict = error.sqlstate == "40001" || error.sqlstate == "40P01"
                if !isConflict || attempt == attemptsMax { throw error.failure }
                if Deadline.current.hasPassed { throw .deadlineExceeded }
                attempt += 1
            }
        }
    }
}

extension Statement {
    /// A statement whose text is a file of this module.
    init(
        _ name: String,
        file: [UInt8],
        _ parameterTypes: [UInt32],
        mayTakeLong: Bool = false,
    ) {
        self.init(
            name: name,
            sql: String(decoding: file, as: UTF8.self),
            parameterTypes: parameterTypes,
            mayTakeLong: mayTakeLong,
        )
    }
}
