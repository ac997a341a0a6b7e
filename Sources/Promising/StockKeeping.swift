// The use cases that change stock: Postgres first, then the gate, then the answer. Never the gate
// first: a view that promises units which Postgres does not have yet would only be refused there.

package import Base
package import Domain

/// Stock commands on one event loop.
package struct StockKeeping<Ledger: StockLedgerPort, Gate: GatePort> {
    /// Where stock is decided, and read from.
    package let ledger: Ledger
    private let gate: Gate

    package init(ledger: Ledger, gate: Gate) {
        self.ledger = ledger
        self.gate = gate
    }

    /// Receives, adjusts or moves between states.
    package func apply(_ command: StockCommand) async throws(Failure) -> StockOutcome {
        await settled(try await ledger.apply(command))
    }

    /// Moves units from one node to another; its id is the command's key.
    ///
    /// - Parameter lines: SKU and units, in the order of the caller.
    package func transfer(
        _ header: CommandHeader,
        lines: [(sku: String, quantity: Int64)],
        from source: String,
        to target: String,
        isInTransit: Bool,
        reference: String,
    ) async throws(Failure) -> StockOutcome {
        var movements: [Movement] = []
        movements.reserveCapacity(2 * lines.count)
        for (index, line) in lines.enumerated() {
            var change = StockBuckets()
            change.onHand = -line.quantity
            movements.append(
                Movement(
                    line: index,
                    key: PositionKey(sku: line.sku, node: source),
                    kind: .transferredOut,
                    change: change,
                )
            )
        }
        for (index, line) in lines.enumerated() {
            var change = StockBuckets()
            if isInTransit {
                change.inTransit = line.quantity
            } else {
                change.onHand = line.quantity
            }
            movements.append(
                Movement(
                    line: index,
                    key: PositionKey(sku: line.sku, node: target),
                    kind: .transferredIn,
                    change: change,
                    mayCreate: true,
                )
            )
        }
        let command = StockCommand(
            header: header,
            movements: movements,
            transfer: isInTransit ? .inTransit : .arrived,
            reference: reference,
        )
        return await settled(try await ledger.apply(command))
    }

    /// Lands a transfer that is in transit.
    package func receiveTransfer(
        _ header: CommandHeader,
        id: ID,
    ) async throws(Failure) -> StockOutcome {
        await settled(try await ledger.receiveTransfer(header, id: id))
    }

    /// Sets the units withheld, from every channel (empty) or from one; holds given stay valid.
    package func setSafetyStock(
        _ header: CommandHeader,
        at key: PositionKey,
        quantity: Int64,
        channel: String,
    ) async throws(Failure) -> StockOutcome {
        await settled(
            try await ledger.setSafetyStock(header, at: key, quantity: quantity, channel: channel)
        )
    }

    /// States a supply that is expected; the gate has no part in it.
    package func setIncoming(
        _ header: CommandHeader,
        at key: PositionKey,
        reference: String,
        quantity: Int64,
        expectedAt: Instant,
    ) async throws(Failure) -> StockOutcome {
        try await ledger.setIncoming(
            header,
            at: key,
            reference: reference,
            quantity: quantity,
            expectedAt: expectedAt,
        )
    }

    /// Tells the gate what was committed, before the caller hears of it.
    private func settled(_ outcome: StockOutcome) async -> StockOutcome {
        if case .done(let result) = outcome, !result.settlement.rows.isEmpty {
            await gate.settle(result.settlement, ending: [])
        }
        return outcome
    }
}

extension StockKeeping: Sendable where Ledger: Sendable, Gate: Sendable {}
