// The one place that sends a transaction again by itself: only what was certainly rolled back, and
// only because another transaction was faster. Everything else is the caller's to repeat, by key.

internal import Postgres
internal import Promising

/// Attempts of a transaction that lost against another one.
private let attemptsMax = 5

extension PostgresClient {
    /// Runs a statement; again, up to five times in all, when another transaction was in the way.
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
                attempt += 1
            }
        }
    }
}

extension Statement {
    /// A statement whose text is a file of this module.
    init(_ name: String, file: [UInt8], _ parameterTypes: [UInt32]) {
        self.init(
            name: name,
            sql: String(decoding: file, as: UTF8.self),
            parameterTypes: parameterTypes,
        )
    }
}
=======
// The one place that says what an error of the database means to a use case.

package import Postgres
package import Promising

extension PostgresError {
    /// What a use case may tell its caller. Details of the data stay in the log.
    package var failure: Failure {
        switch kind {
        case .connectionLost, .connectFailed, .timeout, .shutDown:
            return .unavailable(what: "postgres", retryAfterMs: 200)
        case .queueFull:
            return .overloaded(what: "postgres", retryAfterMs: 200)
        case .server(let sqlstate):
            if sqlstate == "57014" { return .deadlineExceeded }
            if isRetryable { return .unavailable(what: "postgres", retryAfterMs: 200) }
            return .broken(description)
        }
    }
}
>>>>>>> 1823906f372e676aa7ed3865ff99c663a3ba5542
