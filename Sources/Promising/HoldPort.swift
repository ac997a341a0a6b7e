// Reserving as another use case needs it: an order that is placed without a reservation makes one.

package import Base
package import Domain

/// Reserves and gives back, on the caller's event loop.
package protocol HoldPort: SendableMetatype {
    /// Holds all lines or none.
    ///
    /// The request's key becomes the reservation's id; its positions may repeat.
    func reserve(_ request: ReserveRequest) async throws(Failure) -> ReserveOutcome

    /// A reservation as it is now; nil when there is none.
    func reservation(_ id: ID) async throws(Failure) -> Reservation?

    /// Gives back what the reservation holds, if it holds anything; when that cannot be done now,
    /// its time runs out by itself.
    func release(id: ID, origin: Origin) async
}
