// The independent count by hand on a small file, and against the player's pure parts on many
// made-up ones.

import Foundation
import Testing

@testable import LoadKit

@Suite struct IndependentCountTests {
    private let nodes = Nodes(run: "t")

    @Test func `the count of the sample is what a person counts`() throws {
        let file = try SalesFile.load(samplePath())
        #expect(file.rows == 14)
        #expect(file.malformed.map(\.line) == [14])
        let count = IndependentCount(file.sales, IndependentCount.Premises(nodes: nodes))
        #expect(
            count.stock == [
                PositionName(sku: "A1", node: "LDN-DC/t"): figures(27, 0, 15, 11),
                PositionName(sku: "a1", node: "LDN-DC/t"): figures(10, 0, 4, 0),
                PositionName(sku: "B2", node: "BER-3PL/t"): figures(19, 0, 5, 0),
                PositionName(sku: "C3", node: "RTD-DC/t"): figures(14, 4, 0, 0),
            ]
        )
        #expect(
            count.rows == [
                "ordered": 8, "cancelled": 2, "returned": 1, "unmatched_return": 1, "adjusted": 1,
            ]
        )
    }

    @Test func `what was refused never happened`() throws {
        let file = try SalesFile.load(samplePath())
        var premises = IndependentCount.Premises(nodes: nodes)
        premises.percent = 50
        premises.refused = ["1006", "1005 line 8"]
        let count = IndependentCount(file.sales, premises)
        // 20 to begin with, 15 shipped, 4 of them back, 2 from nobody: C1007 finds 8 never sold.
        #expect(
            count.stock[PositionName(sku: "A1", node: "LDN-DC/t")] == figures(11, 0, 15, 3)
        )
        #expect(count.rows["refused"] == 2)
        #expect(count.rows["returned"] == 2)
        #expect(count.rows.values.reduce(0, +) == file.sales.count)
    }

    @Test func `a packed file reads as the plain one`() throws {
        let packed = FileManager.default.temporaryDirectory
            .appending(path: "load-\(UUID().uuidString).csv.gz")
        defer { try? FileManager.default.removeItem(at: packed) }
        #expect(FileManager.default.createFile(atPath: packed.path, contents: nil))
        let gzip = Process()
        gzip.executableURL = URL(filePath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-c", try samplePath()]
        gzip.standardOutput = try FileHandle(forWritingTo: packed)
        try gzip.run()
        gzip.waitUntilExit()
        #expect(try SalesFile.load(packed.path).sales == SalesFile.load(samplePath()).sales)
    }

    @Test func `a limit ends the file after so many invoices`() throws {
        let file = try SalesFile.load(samplePath(), invoicesMax: 2)
        #expect(file.sales.map(\.invoice) == ["1001", "1001", "1001", "1002"])
        #expect(file.malformed.isEmpty)
    }

    @Test func `a file without the header is refused`() throws {
        #expect(throws: InputFailure.self) { try SalesFile.load("/dev/null") }
        #expect(throws: InputFailure.self) { try SalesFile.load("/nonexistent.csv") }
    }

    @Test(arguments: 0..<200)
    func `the player's own steps come to the same count`(_ seed: UInt64) {
        var random = Dice(state: seed)
        let sales = madeUp(&random)
        let invoices = Invoice.grouped(sales)
        let parts = invoices.filter { !$0.isCredit }.flatMap(\.parts).map(\.name)
        var premises = IndependentCount.Premises(nodes: nodes)
        premises.shipAfter = Int64.random(in: 0...40, using: &random)
        premises.refused = seed % 2 == 0 ? [] : Set(parts.filter { _ in random.roll(4) == 0 })
        var play = DryPlay(premises)
        play.run(invoices, opening: OpeningStock.derive(from: sales, nodes: nodes))
        let count = IndependentCount(sales, premises)
        #expect(Comparison.differences("file", count.stock, server: play.stock).isEmpty)
        #expect(play.rows == count.rows)
        #expect(count.rows.values.reduce(0, +) == sales.count)
        #expect(count.stock.values.allSatisfy { $0.onHand >= $0.allocated && $0.allocated >= 0 })
    }

    private func samplePath() throws -> String {
        try #require(
            Bundle.module.url(forResource: "sales", withExtension: "csv", subdirectory: "Samples")
        )
        .path
    }

    private func figures(
        _ onHand: Int64,
        _ allocated: Int64,
        _ shipped: Int64,
        _ cancelled: Int64,
    ) -> Figures {
        var figures = Figures()
        figures.onHand = onHand
        figures.allocated = allocated
        figures.shipped = shipped
        figures.cancelled = cancelled
        return figures
    }

    /// Invoices of a few customers and SKUs, with credit notes and adjustments among them.
    private func madeUp(_ random: inout Dice) -> [Sale] {
        var sales: [Sale] = []
        var time: Int64 = 0
        for number in 1...60 {
            time += Int64(random.roll(10))
            let kind = random.roll(6)
            let customer = ["7", "8", ""][random.roll(3)]
            let country = ["United Kingdom", "France", "Japan"][random.roll(3)]
            for _ in 0...random.roll(4) {
                let units = Int64(1 + random.roll(9))
                var row = sale(
                    kind == 0 ? "C\(number)" : "\(number)",
                    ["A", "a", "B"][random.roll(3)],
                    kind < 2 ? -units : units,
                    line: sales.count + 2,
                    time: time,
                )
                row.customer = customer
                row.country = country
                sales.append(row)
            }
        }
        return sales
    }
}

/// The player's schedule, order book and plans, with a server that does what it is told.
private struct DryPlay {
    private let premises: IndependentCount.Premises
    private var books: [String: OrderBook] = [:]
    private var parts: [String: [(position: PositionName, allocated: Int64)]] = [:]
    private(set) var stock: Stock = [:]
    private(set) var rows: [String: Int] = [:]

    init(_ premises: IndependentCount.Premises) {
        self.premises = premises
    }

    mutating func run(_ invoices: [Invoice], opening: [OpeningLine]) {
        for line in opening { stock[line.position, default: Figures()].onHand += line.quantity }
        var schedule = Schedule(shipAfter: premises.shipAfter)
        for invoice in invoices {
            for step in schedule.steps(for: invoice) { perform(step) }
        }
        for step in schedule.dueSteps() { perform(step) }
    }

    private mutating func perform(_ step: ScheduledStep) {
        switch step.step {
        case .place(let part):
            let isRefused = premises.refused.contains(part.name)
            books[step.lane, default: OrderBook()]
                .add(part, nodes: premises.nodes, isRefused: isRefused)
            rows[isRefused ? "refused" : "ordered", default: 0] += part.sales.count
            if isRefused { return }
            parts[part.name] = part.sales.map { (premises.nodes.position(of: $0), $0.quantity) }
            for sale in part.sales {
                stock[premises.nodes.position(of: sale), default: Figures()].allocated +=
                    sale.quantity
            }
        case .ship(let part):
            guard books[step.lane]?.isShippable(part) == true else { return }
            for line in parts[part] ?? [] {
                stock[line.position, default: Figures()].allocated -= line.allocated
                stock[line.position, default: Figures()].onHand -= line.allocated
                stock[line.position, default: Figures()].shipped += line.allocated
            }
            books[step.lane]?.shipped(part)
        case .credit(let invoice):
            credit(invoice, lane: step.lane)
        case .adjust(let sale):
            rows["adjusted", default: 0] += 1
            stock[premises.nodes.position(of: sale), default: Figures()].onHand += sale.quantity
        }
    }

    private mutating func credit(_ invoice: Invoice, lane: String) {
        let credited = invoice.sales.map { sale in
            let slices =
                sale.customer.isEmpty
                ? [CreditSlice(.unmatched, units: -sale.quantity)]
                : books[lane, default: OrderBook()].credit(sku: sale.sku, units: -sale.quantity)
            return CreditedRow(sale: sale, slices: slices)
        }
        let plan = CreditPlan(credited, nodes: premises.nodes)
        for cancel in plan.cancels {
            for line in cancel.lines {
                guard let position = parts[cancel.part]?[line.index].position else { continue }
                parts[cancel.part]?[line.index].allocated -= line.units
                stock[position, default: Figures()].allocated -= line.units
                stock[position, default: Figures()].cancelled += line.units
            }
        }
        for change in plan.returns.joined() {
            stock[change.position, default: Figures()].onHand += change.units
        }
        for row in credited {
            let name = RowClass.credit(row.slices).name
            rows[name.hasPrefix("refused") ? "refused" : name, default: 0] += 1
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &self) }
}
