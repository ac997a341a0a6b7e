// The use cases of cycle counts: what is decided is settled with the gate before the caller hears.

package import Base
package import Domain

/// A count, with those who would lose by it.
package struct CountView: Hashable, Sendable {
    package var count: StockCount
    package var shortHolds: [ShortHold]

    package init(count: StockCount, shortHolds: [ShortHold] = []) {
        self.count = count
        self.shortHolds = shortHolds
    }
}

/// A count after a command, or why the command was refused.
package enum CountAnswer: Sendable {
    case done(CountView)
    case refused(Refusal)
}

/// Cycle counts on one event loop.
package struct Counting<Ledger: CountPort, Gate: GatePort> {
    /// Where counts are decided, and read from.
    package let ledger: Ledger
    private let gate: Gate

    package init(ledger: Ledger, gate: Gate) {
        self.ledger = ledger
        self.gate = gate
    }

    /// Notes what was counted.
    package func propose(_ proposal: CountProposal) async throws(Failure) -> CountAnswer {
        try await answer(try await ledger.propose(proposal), proposal.header.key)
    }

    /// Applies a count to the ledger, or rejects it.
    package func decide(_ decision: CountDecision) async throws(Failure) -> CountAnswer {
        try await answer(try await ledger.decide(decision), decision.id)
    }

    /// A count with those who would lose by it; nil when there is none.
    package func view(_ id: ID) async throws(Failure) -> CountView? {
        guard let count = try await ledger.count(id: id) else { return nil }
        let units = count.shortUnits
        if units == 0 { return CountView(count: count) }
        return CountView(
            count: count,
            shortHolds: try await ledger.shortHolds(at: count.position.id, units: units),
        )
    }

    private func answer(_ outcome: CountOutcome, _ id: ID) async throws(Failure) -> CountAnswer {
        switch outcome {
        case .refused(let refusal): return .refused(refusal)
        case .done(let settlement):
            if !settlement.rows.isEmpty { await gate.settle(settlement, ending: []) }
            guard let view = try await view(id) else {
                throw .broken("count \(id) was committed and is not there")
            }
            return .done(view)
        }
    }
}

extension Counting: Sendable where Ledger: Sendable, Gate: Sendable {}
