// Holds and a gate for use cases over the database alone.

import Base
import Domain
import Promising

@testable import Ledger

/// Reserves in the database without a gate in between.
final class DirectHolds: HoldPort {
    let store: Store
    var reserved: [ID] = []
    var released: [ID] = []
    /// Units that are held beyond those asked for.
    var extra: Int64 = 0

    init(store: Store) { self.store = store }

    func reserve(_ request: ReserveRequest) async throws(Failure) -> ReserveOutcome {
        reserved.append(request.key)
        var lines = Demand.summed(request.lines)
        lines[0].quantity += extra
        guard let outcome = try? await store.hold(request.key, lines) else {
            throw .broken("the test's hold failed")
        }
        if outcome == 4 {
            return .refused(
                .soldOut(
                    line: 0,
                    key: lines[0].key,
                    requested: lines[0].quantity,
                    available: 0
                )
            )
        }
        return .held(held(request.key))
    }

    private func held(_ key: ID) -> Reservation {
        Reservation(
            id: key,
            state: .held,
            lines: [],
            owner: "",
            channel: "",
            createdAt: Instant(seconds: 0),
            expiresAt: Instant(seconds: 0)
        )
    }

    func reservation(_ id: ID) async throws(Failure) -> Reservation? {
        guard let found = try? store.sql("SELECT 1 FROM reservations WHERE key = '\(id)'") else {
            throw .broken("the test's question failed")
        }
        return found.isEmpty ? nil : held(id)
    }

    func release(id: ID, origin: Origin) async {
        released.append(id)
        _ = try? await store.resolve(id, kind: 2)
    }
}

/// Remembers what it was told.
final class RecordingGate: GatePort {
    var settlements: [Settlement] = []

    func admit(_ admission: Admission) async throws(Failure) -> AdmissionAnswer {
        throw .broken("nothing is admitted in this test")
    }

    func load(_ positions: [LoadedPosition], epoch: Int64) async throws(Failure) {}

    func settle(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) async {
        settlements.append(settlement)
    }

    func post(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) {
        settlements.append(settlement)
    }

    func epochMoved(to epoch: Int64) {}
}
