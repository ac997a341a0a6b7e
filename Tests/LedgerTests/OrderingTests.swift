// Placing an order without a reservation: it makes one, uses it up, and gives it back when the order
// is refused.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct OrderingTests {
    @Test func `an order without a reservation makes one and uses it up`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 10)])
            let gate = RecordingGate()
            let holds = DirectHolds(store: store)
            let ordering = Ordering(ledger: store.orders, gate: gate, holds: holds)
            let first = try await ordering.place(placement("o1", [line("A", 4)])).result()
            #expect(first.order.reservationID == id("o1"))
            #expect(try await store.position(key("A")).buckets.allocated == 4)
            let again = try await ordering.place(placement("o1", [line("A", 4)])).result()
            #expect(again.order == first.order)
            #expect(holds.reserved.count == 1, "an answer that is known holds nothing")
            let cancelled = try await ordering.change(
                OrderChange(
                    header: header("c1"),
                    order: id("o1"),
                    kind: .cancel,
                    lines: [],
                    note: ""
                )
            )
            _ = try cancelled.result()
            #expect(gate.settlements.map { $0.rows.map(\.delta) } == [[4]])
            #expect(try store.faults() == "")
        }
    }

    @Test func `a taken external id holds nothing, and a refusal gives the hold back`() async throws
    {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 10)])
            let holds = DirectHolds(store: store)
            let ordering = Ordering(ledger: store.orders, gate: RecordingGate(), holds: holds)
            _ = try await ordering.place(placement("o1", [line("A", 4)])).result()
            let taken = try await ordering.place(
                placement("o2", external: "x-o1", [line("A", 1)])
            )
            #expect(taken.refusal == .externalIDTaken(orderID: id("o1")))
            #expect(holds.reserved == [id("o1")])
            // The reservation has other lines than the order: refused after it was made.
            holds.extra = 1
            let refused = try await ordering.place(placement("o3", [line("A", 1)]))
            #expect(
                refused.refusal == .linesDiffer(line: 0, key: key("A"), expected: 2, given: 1)
            )
            #expect(holds.released.last == id("o3"))
            #expect(try await store.position(key("A")).buckets.held == 0)
            let soldOut = try await ordering.place(placement("o4", [line("A", 50)]))
            guard case .refused(.soldOut) = soldOut else {
                Issue.record("\(soldOut)")
                return
            }
            #expect(try store.faults() == "")
        }
    }

    private func placement(
        _ name: String,
        external: String? = nil,
        _ lines: [PlacedLine],
    ) -> OrderPlacement {
        OrderPlacement(
            header: header(name),
            reservation: nil,
            channel: "web",
            externalID: external ?? "x-\(name)",
            customer: "c",
            currency: "GBP",
            placedAt: nil,
            lines: lines,
        )
    }
}
