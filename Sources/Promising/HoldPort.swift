// Reserving as another use case needs it: an order that is placed without a reservation makes one.

package import Base
package import Domain

/// Reserves and gives back, on the caller's event loop.
package protocol HoldPort {
    /// Holds all lines or none.
    ///
    /// - Parameters:
    ///   - key: the digest of the idempotency key, which becomes the reservation's id.
    ///   - fingerprint: the digest of the body.
    ///   - lines: each position may stand there several times.
    ///   - ttlMs: how long the units are held, milliseconds.
    func reserve(
        key: ID,
        fingerprint: ID,
        lines: [Demand],
        ttlMs: Int64,
        owner: String,
        channel: String,
        origin: Origin,
    ) async throws(Failure) -> ReserveOutcome

    /// Gives back what the reservation holds, if it holds anything; when that cannot be done now,
    /// its time runs out by itself.
    func release(id: ID, origin: Origin) async
}
=======
// The answer to a request for units.

package import Domain

/// What became of a request to hold units.
package enum ReserveOutcome: Hashable, Sendable {
    /// Committed: now, or by an earlier attempt with the same key.
    case held(Reservation)
    /// Nothing is held.
    case refused(Refusal)
}
>>>>>>> 1823906f372e676aa7ed3865ff99c663a3ba5542
