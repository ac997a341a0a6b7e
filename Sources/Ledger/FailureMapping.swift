// The one place that says what an error of the database means to a use case.

package import Postgres
package import Promising

extension PostgresError {
    /// What a use case may tell its caller.
    ///
    /// Details of the data stay in the log.
    package var failure: Failure {
        switch kind {
        case .connectionLost, .connectFailed, .timeout, .shutDown:
            return .unavailable(what: "postgres", retryAfterMs: 200)
        case .queueFull:
            return .overloaded(what: "postgres", retryAfterMs: 200)
        case .server(let sqlstate):
            // 57014: our own limit for a statement, not the caller's deadline, was reached.
            if isRetryable || sqlstate == "57014" {
                return .unavailable(what: "postgres", retryAfterMs: 200)
            }
            return .broken(description)
        }
    }
}
