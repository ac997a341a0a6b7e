// The use cases of orders: placing from a reservation or by reserving in the same call, cancelling
// and shipping. Postgres decides; the gate hears of it before the caller does.

package import Base
package import Domain

/// Order commands on one event loop.
package struct Ordering<Ledger: OrderLedgerPort, Gate: GatePort, Holds: HoldPort> {
    /// How long the reservation of a call that places an order without one may live, milliseconds.
    ///
    /// It is used up within the call; only a crash in between leaves it to expire.
    package static var ownHoldMs: Int64 { 60_000 }

    /// Where orders are decided, and read from.
    package let ledger: Ledger
    private let gate: Gate
    private let holds: Holds

    package init(ledger: Ledger, gate: Gate, holds: Holds) {
        self.ledger = ledger
        self.gate = gate
        self.holds = holds
    }

    /// Places an order, from its reservation or by making one.
    package func place(_ placement: OrderPlacement) async throws(Failure) -> OrderOutcome {
        if let reservation = placement.reservation {
            let outcome = try await ledger.place(placement, from: reservation, reacquiring: false)
            return await settled(outcome)
        }
        return try await placeByReserving(placement)
    }

    /// Cancels or ships units.
    package func change(_ change: OrderChange) async throws(Failure) -> OrderOutcome {
        await settled(try await ledger.change(change))
    }

    /// A reservation that an order may be placed from, as it is now; nil when there is none.
    package func reservation(_ id: ID) async throws(Failure) -> Reservation? {
        try await holds.reservation(id)
    }

    // MARK: Private

    /// The reservation has the order's key, so that a retry finds the one made before, and never
    /// holds units twice.
    private func placeByReserving(
        _ placement: OrderPlacement
    ) async throws(Failure) -> OrderOutcome {
        let header = placement.header
        // Nothing may be held for a call whose answer is known without it.
        if try await !ledger.isDecided(placement) {
            let held = try await holds.reserve(
                ReserveRequest(
                    key: header.key,
                    body: .fingerprint(header.fingerprint),
                    lines: placement.lines.map { Demand(key: $0.key, quantity: $0.quantity) },
                    ttlMs: Self.ownHoldMs,
                    owner: placement.customer,
                    channel: placement.channel,
                    origin: header.origin,
                )
            )
            if case .refused(let refusal) = held { return .refused(refusal) }
        }
        let outcome = try await ledger.place(placement, from: header.key, reacquiring: true)
        // A refusal is final for these units: they must not wait for the end of their time. A
        // failure is not: the retry takes the same reservation.
        if case .refused(let refusal) = outcome, refusal != .keyReused {
            await holds.release(id: header.key, origin: header.origin)
        }
        return await settled(outcome)
    }

    private func settled(_ outcome: OrderOutcome) async -> OrderOutcome {
        if case .done(let result) = outcome, !result.settlement.rows.isEmpty {
            await gate.settle(result.settlement, ending: [])
        }
        return outcome
    }
}

extension Ordering: Sendable where Ledger: Sendable, Gate: Sendable, Holds: Sendable {}
