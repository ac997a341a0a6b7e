// Reserving on behalf of another use case.

package import Base
package import Domain

/// Holds for orders that are placed without a reservation of their own.
package struct Holding: HoldPort {
    private let reserving: Reserving

    package init(reserving: Reserving) {
        self.reserving = reserving
    }

    package func reserve(_ request: ReserveRequest) async throws(Failure) -> ReserveOutcome {
        // The task of a call is cancelled when its caller has gone.
        try await reserving.reserve(request) { Task.isCancelled }
    }

    package func reservation(_ id: ID) async throws(Failure) -> Reservation? {
        try await reserving.reservation(id)
    }

    package func release(id: ID, origin: Origin) async {
        var body = DigestBuilder()
        body.add("release of an order that was refused")
        body.add(id)
        var command = ReservationCommand(
            kind: .release,
            id: id,
            requestKey: nil,
            fingerprint: body.digest(),
            origin: origin,
        )
        command.reason = "the order was refused"
        // Whatever goes wrong here, the hold ends by itself when its time is over. Giving back is
        // not for the caller alone: it goes on when nobody waits any more.
        let reserving = reserving
        let release = command
        await Deadline.$current.withValue(.never) {
            _ = try? await reserving.carryOut(release)
        }
    }
}
