// Reserving on behalf of another use case.

package import Base
package import Domain

/// Holds for orders that are placed without a reservation of their own.
package struct Holding<
    Gate: ViewPort,
    Ledger: ReservationLedgerPort,
    Rows: LedgerRowsPort
>: HoldPort {
    private let reserving: Reserving<Gate, Ledger, Rows>

    package init(reserving: Reserving<Gate, Ledger, Rows>) {
        self.reserving = reserving
    }

    package func reserve(_ request: ReserveRequest) async throws(Failure) -> ReserveOutcome {
        try await reserving.reserve(request) { false }
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
        // Whatever goes wrong here, the hold ends by itself when its time is over.
        _ = try? await reserving.carryOut(command)
    }
}
