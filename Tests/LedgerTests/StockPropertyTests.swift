// Thousands of commands of every kind at once, from several connections: afterwards the books must
// balance to the unit, whatever was refused, repeated or in each other's way.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct StockPropertyTests {
    private static let skus = ["A", "B", "C", "D"]
    private static let nodes = ["LON", "MAN", "PAR"]

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `balances are the fold of the ledger after any mix of commands`(
        seed: UInt64
    ) async throws {
        try await withStore(connections: 8) { store in
            let everything = Self.skus.flatMap { sku in
                Self.nodes.map { Demand(key: key(sku, $0), quantity: 50) }
            }
            try await store.receive("begin", everything)
            let done = try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var run = Run(store: store, worker: worker, seed: seed)
                        for _ in 0..<150 { try await run.step() }
                        return run.done
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(done > 400, "seed \(seed): a run in which nothing is done proves nothing")
            #expect(try store.faults() == "", "seed \(seed)")
            var cursor: OrderCursor?
            while true {
                let page = try await store.orders.orders(OrderFilter(), before: cursor, limit: 100)
                for order in page {
                    #expect(order.status == OrderStatus.derived(from: order.lines))
                    #expect(order.lines.allSatisfy { $0.quantities.isConserved })
                }
                guard page.count == 100, let last = page.last else { break }
                cursor = OrderCursor(createdAt: last.createdAt, id: last.id)
            }
        }
    }

    /// One caller with commands of every kind.
    struct Run {
        let store: Store
        let worker: Int
        var random: SplitMix
        var number = 0
        var done = 0
        var holds: [(name: String, lines: [Demand])] = []
        var orders: [String] = []
        var transfers: [String] = []

        init(store: Store, worker: Int, seed: UInt64) {
            self.store = store
            self.worker = worker
            random = SplitMix(state: seed &* 1_000 &+ UInt64(worker))
        }

        mutating func step() async throws {
            number += 1
            let name = "w\(worker)-\(number)"
            switch Int.random(in: 0..<14, using: &random) {
            case 0, 1: try await stock(name, .received, 1...20)
            case 2: try await stock(name, .adjusted, -20...10)
            case 3: try await state(name)
            case 4, 5: try await transfer(name)
            case 6: try await land(name)
            case 7: try await withhold(name)
            case 8, 9: try await hold(name)
            case 10: try await resolve()
            case 11, 12: try await place(name)
            default: try await change(name)
            }
        }

        private mutating func anyKey() -> PositionKey {
            key(
                StockPropertyTests.skus.randomElement(using: &random) ?? "A",
                StockPropertyTests.nodes.randomElement(using: &random) ?? "LON",
            )
        }

        private mutating func count(_ outcome: StockOutcome) {
            if case .done = outcome { done += 1 }
        }

        private mutating func stock(
            _ name: String,
            _ kind: LedgerKind,
            _ range: ClosedRange<Int64>,
        ) async throws {
            var movements: [Movement] = []
            for line in 0..<Int.random(in: 1...4, using: &random) {
                let units = Int64.random(in: range, using: &random)
                movements.append(
                    movement(line, anyKey(), kind, onHand: units, mayCreate: kind == .received)
                )
            }
            let outcome = try await store.apply(name, movements)
            count(outcome)
            // Every third command is sent again: nothing may change.
            if number.isMultiple(of: 3), case .done(let first) = outcome {
                let again = try await store.apply(name, movements).result()
                #expect(again.positions == first.positions)
            }
        }

        private mutating func state(_ name: String) async throws {
            let units = Int64.random(in: -5...5, using: &random)
            let change =
                Bool.random(using: &random)
                ? movement(0, anyKey(), .stateMoved, damaged: units)
                : movement(0, anyKey(), .stateMoved, damaged: -units, qualityControl: units)
            count(try await store.apply(name, [change]))
        }

        private mutating func transfer(_ name: String) async throws {
            let ends = StockPropertyTests.nodes.shuffled(using: &random)
            let isInTransit = Bool.random(using: &random)
            let outcome = try await store.transfer(
                name,
                anyKey().sku,
                Int64.random(in: 1...10, using: &random),
                from: ends[0],
                to: ends[1],
                isInTransit: isInTransit,
            )
            count(outcome)
            if isInTransit, case .done = outcome { transfers.append(name) }
        }

        private mutating func land(_ name: String) async throws {
            guard let transfer = transfers.popLast() else { return }
            count(try await store.stock.receiveTransfer(header(name), id: id(transfer)))
        }

        private mutating func withhold(_ name: String) async throws {
            count(
                try await store.stock.setSafetyStock(
                    header(name),
                    at: anyKey(),
                    quantity: Int64.random(in: 0...5, using: &random),
                    channel: Bool.random(using: &random) ? "" : "shop",
                )
            )
        }

        private mutating func hold(_ name: String) async throws {
            let lines = Set((0..<3).map { _ in anyKey() })
                .map { place in
                    Demand(key: place, quantity: Int64.random(in: 1...4, using: &random))
                }
            if try await store.hold(name, lines) == 1 {
                holds.append((name, lines))
                done += 1
            }
        }

        private mutating func resolve() async throws {
            guard let hold = holds.popLast() else { return }
            let kind: Int16 = Bool.random(using: &random) ? 1 : 2
            #expect(try await store.resolve(hold.name, kind: kind) == 1)
            done += 1
        }

        private mutating func place(_ name: String) async throws {
            guard let hold = holds.popLast() else { return }
            let lines = hold.lines.map {
                PlacedLine(key: $0.key, quantity: $0.quantity, unitPriceMinor: 5)
            }
            _ = try await store.place(name, from: hold.name, lines).result()
            orders.append(name)
            done += 1
        }

        private mutating func change(_ name: String) async throws {
            guard let order = orders.randomElement(using: &random) else { return }
            let kind: OrderChange.Kind = Bool.random(using: &random) ? .cancel : .ship
            let first = try await store.change(name, order, kind, [(1, 1)])
            guard case .done(let result) = first else { return }
            done += 1
            let again = try await store.change(name, order, kind, [(1, 1)]).result()
            #expect(again.order == result.order)
        }
    }

    @Test func `one key at the same time from many connections counts once`() async throws {
        try await withStore(connections: 8) { store in
            let answers = try await withThrowingTaskGroup(of: StockResult.self) { group in
                for _ in 0..<24 {
                    group.addTask {
                        try await store.receive("r", [Demand(key: key("A"), quantity: 5)])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.positions)).count == 1)
            #expect(answers.count { $0.settlement.rows[0].isFresh } == 1)
            #expect(try await store.position(key("A")).buckets.onHand == 5)
        }
    }

    @Test func `many first receipts of one position at the same time all count`() async throws {
        try await withStore(connections: 8) { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<24 {
                    group.addTask {
                        let keys = [key("A"), key("B")].shuffled()
                        try await store.receive(
                            "r\(number)",
                            keys.map { Demand(key: $0, quantity: 1) }
                        )
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.position(key("A")).buckets.onHand == 24)
            #expect(try await store.position(key("B")).buckets.onHand == 24)
            #expect(try store.faults() == "")
        }
    }

    @Test func `one external id at the same time makes one order`() async throws {
        try await withStore(connections: 8) { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 100)])
            for number in 0..<12 {
                try await store.hold("h\(number)", [Demand(key: key("A"), quantity: 1)])
            }
            let placed = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        let outcome = try await store.place(
                            "o\(number)",
                            from: "h\(number)",
                            external: "same",
                            [line("A", 1)]
                        )
                        if case .refused(.externalIDTaken) = outcome { return false }
                        _ = try outcome.result()
                        return true
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(placed == 1)
            #expect(try await store.position(key("A")).buckets.allocated == 1)
            #expect(try store.faults() == "")
        }
    }
}

/// A small generator whose seed repeats a run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
