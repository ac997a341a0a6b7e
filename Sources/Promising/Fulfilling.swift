// The use cases of fulfilment: Postgres decides, the gate hears of it before the caller does. What is
// given up here is found another place by Rerouter.swift.

/// A node's work and people's, on one event loop.
package struct Fulfilling<Ledger: FulfilmentPort, Gate: GatePort> {
    /// Where shipments are decided, and read from.
    package let ledger: Ledger
    private let gate: Gate

    package init(ledger: Ledger, gate: Gate) {
        self.ledger = ledger
        self.gate = gate
    }

    /// Carries a step of a node's work out.
    package func carryOut(_ command: ShipmentCommand) async throws(Failure) -> ShipmentOutcome {
        let outcome = try await ledger.carryOut(command)
        if case .done(_, let settlement) = outcome, !settlement.rows.isEmpty {
            await gate.settle(settlement, ending: [])
        }
        return outcome
    }

    /// Takes from nodes what is not packed.
    package func withdraw(_ command: WithdrawCommand) async throws(Failure) -> OrderOutcome {
        try await ledger.withdraw(command)
    }

    /// Resolves or retries an exception.
    package func carryOut(_ command: ExceptionCommand) async throws(Failure) -> ExceptionOutcome {
        try await ledger.carryOut(command)
    }
}

extension Fulfilling: Sendable where Ledger: Sendable, Gate: Sendable {}
