// The order of steps, the parts of long invoices, the lanes, the opening stock and the report.

import Testing

@testable import LoadKit

@Suite struct ScheduleTests {
    @Test func `orders ship by the file's clock, before the invoice that comes next`() {
        var schedule = Schedule(shipAfter: 10)
        let first = schedule.steps(for: invoice("1", time: 0))
        let second = schedule.steps(for: invoice("2", time: 9))
        let third = schedule.steps(for: invoice("3", time: 10))
        #expect(first.map(\.step) == [.place(invoice("1", time: 0).parts[0])])
        #expect(second.count == 1)
        #expect(third.map(\.step).first == .ship("1"))
        #expect(third.map(\.lane) == ["customer 7", "customer 7"])
        #expect(schedule.dueSteps().isEmpty)
    }

    @Test func `an invoice of more lines than a call takes is played in parts`() {
        let sales = (0..<1_001).map { sale("5", "A\($0)", 1, line: $0 + 2) }
        let parts = Invoice(number: "5", time: 0, sales: sales).parts
        #expect(parts.map(\.name) == ["5", "5/2", "5/3"])
        #expect(parts.map(\.sales.count) == [500, 500, 1])
        #expect(parts.flatMap(\.sales) == sales)
    }

    @Test func `rows of one invoice belong together wherever they stand`() {
        let sales = [
            sale("1", "A", 1, line: 2, time: 5), sale("2", "A", 1, line: 3, time: 6),
            sale("1", "B", 1, line: 4, time: 7),
        ]
        let invoices = Invoice.grouped(sales)
        #expect(invoices.map(\.number) == ["1", "2"])
        #expect(invoices.map(\.time) == [5, 6])
        #expect(invoices[0].sales.map(\.line) == [2, 4])
    }

    @Test func `a lane has one step under way, and lanes go on side by side`() {
        var lanes = Lanes<Int>()
        lanes.add(1, to: "a")
        lanes.add(2, to: "a")
        lanes.add(3, to: "b")
        #expect(lanes.next()?.step == 1)
        #expect(lanes.next()?.step == 3)
        #expect(lanes.next() == nil)
        lanes.finish("b")
        #expect(lanes.next() == nil)
        lanes.add(4, to: "b")
        lanes.finish("a")
        #expect(lanes.next()?.step == 4)
        #expect(lanes.next()?.step == 2)
        lanes.finish("a")
        lanes.finish("b")
        #expect(lanes.count == 0)
    }

    @Test func `opening stock covers all that leaves, and a part of it when scarce`() {
        let sales = [
            sale("1", "A", 90, line: 2), sale("2", "A", -100, line: 3),
            sale("C3", "B", -7, line: 4),
        ]
        let nodes = Nodes(run: "")
        #expect(OpeningStock.derive(from: sales, nodes: nodes).map(\.quantity) == [200, 10])
        let scarce = OpeningStock.derive(from: sales, nodes: nodes, percent: 33)
        #expect(scarce.map(\.quantity) == [66, 3])
        let none = OpeningStock.derive(from: sales, nodes: nodes, percent: 0)
        #expect(none.map(\.quantity) == [1, 1])
    }

    @Test func `the catalogue quotes what needs it`() {
        let line = OpeningLine(
            position: PositionName(sku: "A", node: "N"),
            quantity: 3,
            name: "LAMP, \"BLUE\"",
        )
        #expect(
            OpeningStock.csv([line]) == "sku,node,quantity,name\nA,N,3,\"LAMP, \"\"BLUE\"\"\"\n"
        )
    }

    @Test(arguments: [
        ("United Kingdom", "LDN-DC/x"), ("EIRE", "BER-3PL/x"), ("Japan", "RTD-DC/x"),
        ("Unspecified", "RTD-DC/x"),
    ])
    func `each country has its node`(_ country: String, _ node: String) {
        #expect(Nodes(run: "x").node(for: country) == node)
        #expect(Nodes(run: "x").all.contains(node))
    }

    @Test func `a report balances only when something happened and everything agrees`() {
        var report = ReplayReport()
        #expect(!report.isBalanced)
        report.rows = 3
        report.rowsByClass = ["ordered": 2, "refused:SOLD_OUT": 1]
        report.rowsCounted = ["ordered": 2, "refused": 1]
        report.ordersPlaced = 1
        report.ordersListed = 1
        #expect(report.isBalanced)
        #expect(report.text.hasSuffix("\nbalanced"))
        for fault in faults {
            var broken = report
            fault(&broken)
            #expect(!broken.isBalanced)
            #expect(broken.text.contains("\nNOT BALANCED: "))
        }
    }

    /// One for each way in which a report can fail to balance.
    private let faults: [(inout ReplayReport) -> Void] = [
        { $0.rows = 4 }, { $0.rowsCounted["ordered"] = 3 }, { $0.rowsCounted["refused"] = 0 },
        { $0.ordersListed = 2 }, { $0.oddities = ["odd"] }, { $0.ordersPlaced = 0 },
        { report in
            var stock: Stock = [:]
            stock[PositionName(sku: "A", node: "N"), default: Figures()].onHand = 1
            report.differences = Comparison.differences("file", stock, server: [:])
        },
    ]

    @Test(arguments: ["", "a b", "ä", String(repeating: "a", count: 33), "a/b"])
    func `a run has a plain name`(_ name: String) {
        #expect(ReplayOptions(file: "x", run: name).problem != nil)
        #expect(ReplayOptions(file: "x", run: "r_1-A").problem == nil)
    }

    private func invoice(_ number: String, time: Int64) -> Invoice {
        Invoice(number: number, time: time, sales: [sale(number, "A", 1, line: 2, time: time)])
    }
}
