// What an error of the database is for a use case, and the one place that tries again by itself:
// only what was certainly rolled back, and only because somebody else was faster.

internal import Base
package import Postgres
package import Promising

extension Failure {
    /// Tells whether trying again is of use, and never quotes a customer's data.
    package init(_ error: PostgresError) {
        switch error.kind {
        case .queueFull:
            self = .overloaded(what: "postgres", retryAfterMs: retryAfterMs)
        case .connectionLost, .connectFailed, .timeout, .shutDown:
            self = .unavailable(what: "postgres", retryAfterMs: retryAfterMs)
        case .server("57014"):
            self = .deadlineExceeded
        case .server(let code):
            if error.isRetryable || code.hasPrefix("53") || code.hasPrefix("57P") {
                self = .unavailable(what: "postgres", retryAfterMs: retryAfterMs)
            } else {
                self = .broken(error.description)
            }
        }
    }
}

/// How long a caller should wait before it tries again, milliseconds.
private let retryAfterMs: Int64 = 200

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
                if !isConflict || attempt == attemptsMax { throw Failure(error) }
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
