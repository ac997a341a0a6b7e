// The answer to a request for units.

package import Domain

/// What became of a request to hold units.
///
/// Boxed: it goes through many hands, and an async function keeps room for each value that may come back.
package indirect enum ReserveOutcome: Hashable, Sendable {
    /// Committed: now, or by an earlier attempt with the same key.
    case held(Reservation)
    /// Nothing is held.
    case refused(Refusal)
}
