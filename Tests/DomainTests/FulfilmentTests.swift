// Where a shipment may go from each state, which steps a node may take, and who sees to what.

import Base
import Domain
import Testing

@Suite struct FulfilmentTests {
    /// From the left to the top; `+` is allowed.
    private static let table = """
                 NEW SCHED HOLD ACCEPT REJECT PROGR PACKED SHIPPED DELIV INCOMP CANCEL
        NEW       -    +    +     +      +      -      -      +      -      -      +
        SCHEDULED -    -    +     +      +      -      -      +      -      -      +
        ON_HOLD   +    +    -     +      -      -      -      +      -      -      +
        ACCEPTED  -    -    +     -      +      +      -      +      -      +      +
        REJECTED  -    -    -     -      -      -      -      -      -      -      -
        PROGRESS  -    -    -     -      +      -      +      +      -      +      +
        PACKED    -    -    -     -      -      -      -      +      -      -      +
        SHIPPED   -    -    -     -      -      -      -      -      +      -      -
        DELIVERED -    -    -     -      -      -      -      -      -      -      -
        INCOMPL   -    -    -     -      +      -      +      +      -      -      +
        CANCELLED -    -    -     -      -      -      -      -      -      -      -
        """

    @Test func `every pair of states is allowed or not, as it is written down`() throws {
        let rows = Self.table.split(separator: "\n").dropFirst()
        try #require(rows.count == FulfilmentStatus.allCases.count)
        for (row, was) in zip(rows, FulfilmentStatus.allCases) {
            let marks = row.split(separator: " ").dropFirst()
            try #require(marks.count == FulfilmentStatus.allCases.count)
            for (mark, becomes) in zip(marks, FulfilmentStatus.allCases) {
                #expect(
                    was.successors.contains(becomes) == (mark == "+"),
                    "\(was.name) to \(becomes.name)"
                )
            }
        }
    }

    @Test func `a state is open exactly when something can follow but arriving`() {
        for status in FulfilmentStatus.allCases {
            #expect(status.isOpen == !status.successors.subtracting([.delivered]).isEmpty)
        }
    }

    @Test func `every step leads to a state that may follow`() {
        let ends: [ShipmentStep: Set<FulfilmentStatus>] = [
            .accept: [.accepted], .reject: [.rejected], .pick: [.inProgress, .incomplete],
            .pack: [.packed], .ship: [.shipped], .deliver: [.delivered],
        ]
        for step in ShipmentStep.allCases {
            for status in step.states {
                for end in ends[step] ?? [] where !(step == .pick && status == .incomplete) {
                    if end == status { continue }
                    #expect(status.successors.contains(end), "\(step) of \(status.name)")
                }
            }
        }
    }

    @Test func `every code has the queue that the vocabulary gives it`() {
        let vocabulary: [ExceptionQueue: [String]] = [
            .payment: ["PAYMENT_MISSING", "PAYMENT_DECLINED", "AUTH_EXPIRED"],
            .fraud: ["FRAUD_REVIEW"],
            .address: ["ADDRESS_INVALID", "CONTACT_INVALID", "CUSTOMS_MISSING"],
            .stock: ["STOCK_CONFLICT", "STOCK_SHORT_PICK", "SUPPLY_LATE"],
            .capture: ["SKU_UNKNOWN", "PRICE_MISMATCH", "DUPLICATE_SUSPECT", "SCHEMA_INVALID"],
            .routing: [
                "ROUTE_EXHAUSTED", "NODE_REJECTED", "CAPACITY_FULL", "CUTOFF_MISSED",
                "PROMISE_AT_RISK",
            ],
            .carrier: ["SHIPMENT_LATE", "DELIVERY_FAILED", "LOST"],
            .returns: ["RETURN_MISMATCH", "REFUND_FAILED"],
            .sre: ["STUCK_STATE", "DEAD_LETTER", "DRIFT_DETECTED"],
        ]
        let ours = Dictionary(grouping: ExceptionCode.allCases, by: \.queue)
            .mapValues { Set($0.map(\.rawValue)) }
        #expect(ours == vocabulary.mapValues { Set($0) })
    }

    @Test func `an order's events give back what each bucket was`() {
        func event(_ sequence: Int32, _ kind: OrderEventKind, _ units: Int64) -> OrderEvent {
            OrderEvent(
                sequence: sequence,
                at: Instant(seconds: Int64(sequence)),
                kind: kind,
                origin: Origin(principal: "", requestID: "", traceID: ""),
                note: "",
                lines: [OrderLineQuantity(number: 1, quantity: units)],
            )
        }
        let order = Order(
            id: .random(),
            channel: "web",
            externalID: "1",
            customer: "",
            currency: "GBP",
            totalMinor: 0,
            status: .cancelled,
            lines: [
                OrderLine(
                    number: 1,
                    key: PositionKey(sku: "A", node: "N"),
                    unitPriceMinor: 0,
                    quantities: LineQuantities(ordered: 10, allocated: 0, shipped: 3, cancelled: 7)
                )
            ],
            history: [
                event(1, .placed, 10), event(2, .rejected, 6), event(3, .backordered, 6),
                event(4, .reallocated, 2), event(5, .rerouted, 2), event(6, .shipped, 3),
                event(7, .cancelled, 5), event(8, .cancelled, 2),
            ],
            createdAt: Instant(seconds: 1),
            updatedAt: Instant(seconds: 8),
            placedAt: nil,
            reservationID: .random(),
        )
        // allocated, shipped, cancelled, backordered after each event.
        let expected: [[Int64]] = [
            [10, 0, 0, 0], [10, 0, 0, 0], [4, 0, 0, 6], [6, 0, 0, 4], [6, 0, 0, 4], [3, 3, 0, 4],
            [2, 3, 5, 0], [0, 3, 7, 0],
        ]
        let statuses: [OrderStatus] = [
            .confirmed, .confirmed, .backordered, .backordered, .backordered, .partiallyShipped,
            .partiallyShipped, .shipped,
        ]
        for (index, buckets) in expected.enumerated() {
            let then = order.asOf(event: Int32(index + 1))
            let units = then.lines[0].quantities
            #expect(
                [units.allocated, units.shipped, units.cancelled, units.backordered] == buckets
            )
            #expect(units.isConserved)
            #expect(then.status == statuses[index])
        }
    }
}
