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
