// The pure rules of stock, orders and reservations against tables and a brute-force reference.

import Base
import Domain
import Testing

@Suite struct DemandTests {
    @Test func `repeated positions are summed at their first place`() {
        let a = PositionKey(sku: "A", node: "LON")
        let b = PositionKey(sku: "A", node: "MAN")
        let lines = [(a, 1), (b, 2), (a, 3), (b, 4), (a, 5)]
            .map {
                Demand(key: $0.0, quantity: Int64($0.1))
            }
        #expect(
            Demand.summed(lines) == [Demand(key: a, quantity: 9), Demand(key: b, quantity: 6)]
        )
        #expect(Demand.summed([]) == [])
        #expect(Demand.summed([lines[0]]) == [lines[0]])
    }
}

@Suite struct StockBucketsTests {
    /// A million changes: the running balance, the formula and the sum over the whole ledger agree.
    @Test func `a balance is the sum of its ledger`() {
        var random = Generator(state: 42)
        var mismatches = 0
        var operations = 0
        while operations < 1_000_000 {
            var balance = StockBuckets()
            var ledger: [[Int64]] = []
            for _ in 0..<1_000 {
                operations += 1
                let change = (0..<7).map { _ in Int64.random(in: -1_000...1_000, using: &random) }
                balance.apply(StockBuckets(figures: change))
                ledger.append(change)
            }
            let sums = (0..<7).map { bucket in ledger.reduce(0) { $0 + $1[bucket] } }
            // Written out apart from the code under test: on hand less all that takes from it.
            let available = sums[0] - sums[1] - sums[2] - sums[3] - sums[4] - sums[5]
            if balance != StockBuckets(figures: sums) { mismatches += 1 }
            if balance.available != available { mismatches += 1 }
            if balance.available(withholding: 7) != available - 7 { mismatches += 1 }
            let isOversold = sums[1] + sums[2] + sums[4] + sums[5] > sums[0]
            let isNegative = sums[1...].contains { $0 < 0 }
            if (balance.violation != nil) != (isOversold || isNegative) { mismatches += 1 }
        }
        #expect(mismatches == 0)
    }

    @Test func `units in transit are not available`() {
        var stock = StockBuckets()
        stock.inTransit = 5
        #expect(stock.available == 0)
    }

    @Test(
        arguments: [
            ([10, 4, 3, 0, 2, 1, 0], nil), ([10, 4, 3, 99, 2, 1, 0], nil),
            ([10, 4, 3, 0, 2, 2, 0], "oversold"),
            ([10, -1, 0, 0, 0, 0, 0], "a promise below zero"),
            ([10, 0, 0, -1, 0, 0, 0], "a promise below zero"),
            ([10, 0, 0, 0, -1, 0, 0], "a state below zero"),
            ([10, 0, 0, 0, 0, 0, -1], "a state below zero"),
        ] as [([Int64], String?)]
    )
    func `what is wrong with figures has a name`(figures: [Int64], violation: String?) {
        #expect(StockBuckets(figures: figures).violation == violation)
    }
}

@Suite struct OrderStatusTests {
    @Test(
        arguments: [
            ([(5, 5, 0, 0)], .confirmed), ([(5, 3, 2, 0)], .partiallyShipped),
            ([(5, 0, 5, 0)], .shipped), ([(5, 0, 0, 5)], .cancelled), ([(5, 3, 0, 2)], .confirmed),
            ([(5, 0, 3, 2)], .shipped), ([(5, 1, 3, 1)], .partiallyShipped),
            ([(5, 0, 0, 5), (2, 0, 0, 2)], .cancelled), ([(5, 0, 0, 5), (2, 2, 0, 0)], .confirmed),
            ([(5, 0, 0, 5), (2, 0, 2, 0)], .shipped),
            ([(5, 5, 0, 0), (2, 0, 2, 0)], .partiallyShipped),
        ] as [([(Int64, Int64, Int64, Int64)], OrderStatus)]
    )
    func `the status follows from the units`(
        lines: [(Int64, Int64, Int64, Int64)],
        status: OrderStatus,
    ) {
        let lines = lines.enumerated()
            .map { index, units in
                OrderLine(
                    number: Int32(index + 1),
                    key: PositionKey(sku: "A", node: "LON"),
                    unitPriceMinor: 1,
                    quantities: LineQuantities(
                        ordered: units.0,
                        allocated: units.1,
                        shipped: units.2,
                        cancelled: units.3,
                    ),
                )
            }
        #expect(lines.allSatisfy { $0.quantities.isConserved })
        #expect(OrderStatus.derived(from: lines) == status)
    }

    @Test func `an order is told as of each event`() {
        let start = order(events: [
            (.placed, []), (.shipped, [(1, 2)]), (.cancelled, [(1, 1), (2, 3)]),
        ])
        #expect(start.asOf(event: 1).status == .confirmed)
        #expect(start.asOf(event: 1).lines.map(\.quantities.allocated) == [5, 3])
        #expect(start.asOf(event: 2).status == .partiallyShipped)
        #expect(start.asOf(event: 2).history.count == 2)
        #expect(start.asOf(event: 3).lines.map(\.quantities.allocated) == [2, 0])
        #expect(start.asOf(event: 3).lines.map(\.quantities.cancelled) == [1, 3])
        #expect(start.asOf(event: 2).updatedAt == Instant(seconds: 2))
        #expect(start.asOf(event: 3).lines.allSatisfy { $0.quantities.isConserved })
    }

    private func order(events: [(OrderEventKind, [(Int32, Int64)])]) -> Order {
        let lines = [5, 3].enumerated()
            .map { index, units in
                OrderLine(
                    number: Int32(index + 1),
                    key: PositionKey(sku: "A", node: "LON"),
                    unitPriceMinor: 1,
                    quantities: LineQuantities(
                        ordered: Int64(units),
                        allocated: 0,
                        shipped: 0,
                        cancelled: Int64(units)
                    ),
                )
            }
        let history = events.enumerated()
            .map { index, event in
                OrderEvent(
                    sequence: Int32(index + 1),
                    at: Instant(seconds: Int64(index + 1)),
                    kind: event.0,
                    origin: Origin(principal: "", requestID: "", traceID: ""),
                    note: "",
                    lines: event.1.map { OrderLineQuantity(number: $0.0, quantity: $0.1) },
                )
            }
        return Order(
            id: ID(high: 1, low: 2),
            channel: "web",
            externalID: "1",
            customer: "",
            currency: "GBP",
            totalMinor: 8,
            status: .cancelled,
            lines: lines,
            history: history,
            createdAt: Instant(seconds: 1),
            updatedAt: Instant(seconds: 9),
            placedAt: nil,
            reservationID: ID(high: 1, low: 3)
        )
    }
}

@Suite struct ReservationStateTests {
    /// Rows: from; columns: to held, partially confirmed, confirmed, released, expired, transferred.
    private static let table: [(ReservationState, String)] = [
        (.held, "yyyyyy"), (.partiallyConfirmed, "-yy---"), (.confirmed, "------"),
        (.released, "------"), (.expired, "--y---"), (.transferred, "------"),
    ]

    @Test func `every pair of states is allowed or not, as the table says`() {
        #expect(Self.table.map(\.0) == ReservationState.allCases)
        for (from, row) in Self.table {
            for (to, mark) in zip(ReservationState.allCases, row) {
                #expect(from.successors.contains(to) == (mark == "y"), "\(from) to \(to)")
            }
        }
    }

    @Test func `only open reservations hold units, and their numbers are stored`() {
        #expect(ReservationState.allCases.filter(\.isOpen) == [.held, .partiallyConfirmed])
        #expect(ReservationState.allCases.map(\.rawValue) == [1, 2, 3, 4, 5, 6])
    }
}

extension StockBuckets {
    fileprivate init(figures: [Int64]) {
        self.init()
        onHand = figures[0]
        held = figures[1]
        allocated = figures[2]
        safety = figures[3]
        damaged = figures[4]
        qualityControl = figures[5]
        inTransit = figures[6]
    }
}

private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
