// The one place that says what an error of the database means to a use case.

internal import Base
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
        case .late: return .deadlineExceeded
        case .queueFull:
            return .overloaded(what: "postgres", retryAfterMs: 200)
        case .server(let sqlstate):
            // 57014: the limit for a statement was reached, which is the caller's when he has less
            // time than that; either way it was rolled back.
            if sqlstate == "57014", Deadline.current.hasPassed { return .deadlineExceeded }
            if isRetryable || sqlstate == "57014" {
                return .unavailable(what: "postgres", retryAfterMs: 200)
            }
            return .broken(description)
        }
    }
}
