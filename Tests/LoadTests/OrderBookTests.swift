// Which orders a credit note takes its units from.

import Testing

@testable import LoadKit

@Suite struct OrderBookTests {
    private let nodes = Nodes(run: "t")

    @Test func `the newest units are claimed first, cancelled while open and returned when gone`() {
        var book = OrderBook()
        book.add(part("1", [10, 2]), nodes: nodes, isRefused: false)
        book.shipped("1")
        book.add(part("2", [8]), nodes: nodes, isRefused: false)
        #expect(
            book.credit(sku: "A", units: 9) == [
                CreditSlice(.cancel(part: "2", line: 0), units: 8),
                CreditSlice(.returned(node: "LDN-DC/t"), units: 1),
            ]
        )
        #expect(
            book.credit(sku: "A", units: 20) == [
                CreditSlice(.returned(node: "LDN-DC/t"), units: 1),
                CreditSlice(.returned(node: "LDN-DC/t"), units: 10),
                CreditSlice(.unmatched, units: 9),
            ]
        )
        #expect(book.credit(sku: "A", units: 1) == [CreditSlice(.unmatched, units: 1)])
    }

    @Test func `units of a refused part never come back`() {
        var book = OrderBook()
        book.add(part("1", [3]), nodes: nodes, isRefused: false)
        book.add(part("2", [5]), nodes: nodes, isRefused: true)
        let slices = book.credit(sku: "A", units: 6)
        #expect(
            slices == [
                CreditSlice(.neverSold, units: 5),
                CreditSlice(.cancel(part: "1", line: 0), units: 1),
            ]
        )
        #expect(RowClass.credit(slices) == .cancelled)
        #expect(RowClass.credit([CreditSlice(.neverSold, units: 1)]) == .refused("ORDER_REFUSED"))
    }

    @Test func `a SKU is matched as it is written`() {
        var book = OrderBook()
        book.add(part("1", [3]), nodes: nodes, isRefused: false)
        #expect(book.credit(sku: "a", units: 1) == [CreditSlice(.unmatched, units: 1)])
    }

    @Test func `a part is shippable while it is open and has units left`() {
        var book = OrderBook()
        book.add(part("1", [3]), nodes: nodes, isRefused: false)
        book.add(part("2", [3]), nodes: nodes, isRefused: true)
        #expect(book.isShippable("1"))
        #expect(!book.isShippable("2"))
        #expect(!book.isShippable("3"))
        _ = book.credit(sku: "A", units: 6)
        #expect(!book.isShippable("1"))
    }

    @Test func `a credit note becomes one call for each order and one for what comes back`() {
        let sale = part("C9", [1]).sales[0]
        let plan = CreditPlan(
            [
                CreditedRow(
                    sale: sale,
                    slices: [
                        CreditSlice(.cancel(part: "2", line: 1), units: 2),
                        CreditSlice(.cancel(part: "1", line: 0), units: 3),
                        CreditSlice(.returned(node: "BER-3PL/t"), units: 4),
                    ],
                ),
                CreditedRow(
                    sale: sale,
                    slices: [
                        CreditSlice(.cancel(part: "2", line: 1), units: 1),
                        CreditSlice(.cancel(part: "2", line: 0), units: 1),
                        CreditSlice(.unmatched, units: 5),
                        CreditSlice(.neverSold, units: 6),
                    ],
                ),
            ],
            nodes: nodes,
        )
        #expect(plan.cancels.map(\.part) == ["1", "2"])
        #expect(plan.cancels.map { $0.lines.map(\.units) } == [[3], [1, 3]])
        #expect(
            plan.returns == [
                [
                    StockChange(PositionName(sku: "A", node: "BER-3PL/t"), 4),
                    StockChange(PositionName(sku: "A", node: "LDN-DC/t"), 5),
                ]
            ]
        )
    }

    @Test(arguments: [
        ("thrown away-rusty", AdjustmentReason.damage), ("?lost", .loss), ("counted", .count),
        ("sold as 22467", .correction), ("", .other), ("?", .other), ("Damaged", .damage),
    ])
    func `the text of an adjustment tells its reason`(
        _ text: String,
        _ reason: AdjustmentReason,
    ) {
        #expect(AdjustmentReason(text) == reason)
    }

    /// An order part of SKU A with lines of so many units, in the United Kingdom.
    private func part(_ name: String, _ units: [Int64]) -> OrderPart {
        let sales = units.enumerated()
            .map { index, quantity in
                sale(name, "A", quantity, line: index + 2)
            }
        return OrderPart(name: name, time: 0, customer: "7", sales: sales)
    }
}

/// A row of customer 7 in the United Kingdom.
func sale(_ invoice: String, _ sku: String, _ quantity: Int64, line: Int, time: Int64 = 0) -> Sale {
    Sale(
        line: line,
        invoice: invoice,
        sku: sku,
        description: "THING",
        quantity: quantity,
        time: time,
        pence: 100,
        customer: "7",
        country: "United Kingdom",
    )
}
