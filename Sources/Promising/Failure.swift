// Something that should have worked did not. Not a refusal: the truth was not consulted, or not in
// time, and the caller may try again with the same key.

/// Why a use case could not finish.
package enum Failure: Error, Hashable, Sendable {
    /// A part of the system is away for the moment; nothing is lost by trying again.
    case unavailable(what: String, retryAfterMs: Int64)
    /// Too much is under way already.
    case overloaded(what: String, retryAfterMs: Int64)
    /// The caller's time was over before the work began.
    case deadlineExceeded
    /// The database refused something that it should have taken: a bug, with the database's words.
    case broken(String)
}
