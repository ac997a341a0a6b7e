// Thousands of random commands on orders, shipments and re-routes. Alone, against a naive model of every
// line; from many connections at once, against the books and the orders' own histories.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct FulfilmentPropertyTests {
    private static let nodes = ["LON", "MAN", "PAR"]

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `every unit is where the model has it, after any mix of commands`(
        seed: UInt64
    ) async throws {
        try await withStore { store in
            try await store.network()
            var run = Run(store: store, worker: 0, seed: seed)
            var model = Model()
            for number in 0..<220 {
                let done = try await run.step(&model)
                if done, number.isMultiple(of: 20) { try await expect(model, store, seed) }
            }
            try await expect(model, store, seed)
            #expect(run.done > 60, "seed \(seed): a run in which nothing is done proves nothing")
            #expect(model.seen.count >= 10, "seed \(seed): only \(model.seen)")
            #expect(try store.faults() == "", "seed \(seed)")
            #expect(try store.tampered() == "", "seed \(seed)")
        }
    }

    @Test(arguments: [11, 12] as [UInt64])
    func `commands in each other's way leave the books whole`(seed: UInt64) async throws {
        try await withStore(connections: 6) { store in
            try await store.network()
            for number in 0..<4 { _ = try await store.shipment(of: "shared-\(number)", a: 3, b: 2) }
            let done = try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        var run = Run(store: store, worker: worker, seed: seed)
                        run.orders = (0..<4).map { "shared-\($0)" }
                        run.placesOrders = false
                        var ignored = Model()
                        for _ in 0..<70 { try await run.step(&ignored) }
                        return run.done
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(done > 30, "seed \(seed): \(done)")
            #expect(try store.faults() == "", "seed \(seed)")
            #expect(try store.tampered() == "", "seed \(seed)")
            for number in 0..<4 {
                let order = try await store.order("shared-\(number)")
                let last = try #require(order.history.last?.sequence)
                #expect(order.asOf(event: last).lines == order.lines, "its history is its state")
                #expect(order.lines.allSatisfy { $0.quantities.isConserved })
            }
        }
    }

    private func expect(_ model: Model, _ store: Store, _ seed: UInt64) async throws {
        for (name, lines) in model.orders {
            let order = try await store.order(name)
            #expect(order.lines.map(\.quantities) == lines, "seed \(seed), \(name)")
            #expect(order.status == OrderStatus.derived(from: order.lines))
        }
        for (index, node) in Self.nodes.enumerated() {
            let units = try await store.position(key(Slot.units(index + 1), node)).buckets
            #expect(50 - units.onHand == model.shippedUnits[node] ?? 0, "seed \(seed), \(node)")
            let orders = try await store.position(key(Slot.orders(index + 1), node)).buckets
            #expect(5 - orders.onHand == model.endedShipments(at: node), "seed \(seed), \(node)")
        }
    }

    /// What there should be, by the plainest arithmetic.
    struct Model {
        var orders: [String: [LineQuantities]] = [:]
        var shippedUnits: [String: Int64] = [:]
        /// Of each shipment: its node, what it still has, whether anything of it has shipped.
        var shipments: [ID: (node: String, allocated: Int64, hasShipped: Bool)] = [:]
        var seen: Set<String> = []

        func endedShipments(at node: String) -> Int64 {
            Int64(shipments.values.count { $0.node == node && $0.allocated == 0 && $0.hasShipped })
        }

        /// Looks at the shipments of an order; `shipped` says that what went has shipped.
        mutating func note(_ shipments: [Shipment], shipped: Bool) {
            for shipment in shipments {
                let allocated = shipment.lines.reduce(0) { $0 + $1.quantities.allocated }
                let before = self.shipments[shipment.id]
                let gone = (before?.allocated ?? allocated) - allocated
                if shipped, gone > 0 { shippedUnits[shipment.node, default: 0] += gone }
                self.shipments[shipment.id] = (
                    shipment.node, allocated,
                    before?.hasShipped == true || (shipped && gone > 0)
                )
            }
        }

        mutating func cancel(_ order: String, _ line: Int, _ units: Int64) {
            guard var lines = orders[order] else { return }
            let homeless = min(units, lines[line].backordered)
            lines[line].backordered -= homeless
            lines[line].allocated -= units - homeless
            lines[line].cancelled += units
            orders[order] = lines
        }

        mutating func ship(_ order: String, _ line: Int, _ units: Int64) {
            orders[order]?[line].allocated -= units
            orders[order]?[line].shipped += units
        }
    }

    /// One caller with commands of every kind.
    struct Run {
        let store: Store
        let worker: Int
        var random: SplitMix
        var number = 0
        var done = 0
        var orders: [String] = []
        var placesOrders = true

        init(store: Store, worker: Int, seed: UInt64) {
            self.store = store
            self.worker = worker
            random = SplitMix(state: seed &* 1_000 &+ UInt64(worker))
        }

        /// One command; returns whether it was done.
        @discardableResult
        mutating func step(_ model: inout Model) async throws -> Bool {
            number += 1
            let name = "w\(worker)-\(number)"
            let isDone =
                switch Int.random(in: 0..<12, using: &random) {
                case 0: try await place(name, &model)
                case 1: try await change(name, .cancel, &model)
                case 2: try await change(name, .ship, &model)
                case 3: try await withdraw(name, &model)
                case 4, 5: try await reroute(&model)
                case 6: try await retry(name, &model)
                default: try await work(name, &model)
                }
            if isDone { done += 1 }
            return isDone
        }

        private mutating func place(_ name: String, _ model: inout Model) async throws -> Bool {
            guard placesOrders, orders.count < 12 else { return false }
            let (a, b) = (
                Int64.random(in: 1...3, using: &random), Int64.random(in: 1...3, using: &random)
            )
            let day = Int.random(in: 1...3, using: &random)
            let node = FulfilmentPropertyTests.nodes[day - 1]
            guard try await store.holdRouted(name, [("A", a), ("B", b)], at: node, day: day) == 1
            else { return false }
            let lines = [("A", a), ("B", b)]
                .map { PlacedLine(key: key($0.0, node), quantity: $0.1, unitPriceMinor: 1) }
            _ = try await store.place(name, from: name, lines).result()
            orders.append(name)
            model.orders[name] = [a, b]
                .map { LineQuantities(ordered: $0, allocated: $0, shipped: 0, cancelled: 0) }
            model.note(try await store.shipments(name), shipped: false)
            return true
        }

        private mutating func change(
            _ name: String,
            _ kind: OrderChange.Kind,
            _ model: inout Model,
        ) async throws -> Bool {
            guard let order = orders.randomElement(using: &random) else { return false }
            let line = Int32.random(in: 1...2, using: &random)
            let units = Int64.random(in: 1...2, using: &random)
            let outcome = try await store.change(name, order, kind, [(line, units)])
            guard case .done = outcome else { return false }
            model.seen.insert("\(kind)")
            if kind == .cancel {
                model.cancel(order, Int(line) - 1, units)
            } else {
                model.ship(order, Int(line) - 1, units)
            }
            model.note(try await store.shipments(order), shipped: kind == .ship)
            return true
        }

        /// A step of a node on one of an order's shipments, often one that does not fit.
        private mutating func work(_ name: String, _ model: inout Model) async throws -> Bool {
            guard let order = orders.randomElement(using: &random),
                let shipment = try await store.shipments(order).filter({ $0.status.isOpen })
                    .randomElement(using: &random)
            else { return false }
            let fitting = ShipmentStep.allCases.filter { $0.states.contains(shipment.status) }
            guard let step = fitting.randomElement(using: &random),
                step != .reject || Bool.random(using: &random)
            else { return false }
            var lines: [(Int32, Int64)] = []
            if step == .reject || step == .pick, Bool.random(using: &random) {
                for line in shipment.lines where line.quantities.open > 0 {
                    let least: Int64 = step == .pick ? 0 : 1
                    let most = line.quantities.open
                    lines.append((line.number, .random(in: least...most, using: &random)))
                }
            }
            let outcome = try await store.step(name, shipment.id, step, lines, code: "X")
            guard case .done(let after, _) = outcome else { return false }
            model.seen.insert("\(step)")
            if step == .ship {
                for line in shipment.lines {
                    model.ship(order, Int(line.number) - 1, line.quantities.open)
                }
                model.note([after], shipped: true)
            }
            // Every third command is sent again: nothing may change.
            if number.isMultiple(of: 3) {
                let again = try await store.step(name, shipment.id, step, lines, code: "X")
                #expect(try again.shipment() == after)
            }
            return true
        }

        private mutating func withdraw(_ name: String, _ model: inout Model) async throws -> Bool {
            guard Int.random(in: 0..<3, using: &random) == 0,
                let order = orders.randomElement(using: &random)
            else { return false }
            let outcome = try await store.fulfilment.withdraw(
                WithdrawCommand(
                    header: header(name),
                    order: id(order),
                    shipments: [],
                    cause: .asked,
                    note: ""
                )
            )
            guard case .done = outcome else { return false }
            model.seen.insert("withdraw")
            return true
        }

        private mutating func retry(_ name: String, _ model: inout Model) async throws -> Bool {
            let open = try await store.exceptions().filter { $0.code == .routeExhausted }
            guard let exception = open.randomElement(using: &random) else { return false }
            let outcome = try await store.exception(name, exception.id, .retry)
            if case .done = outcome { model.seen.insert("retry") }
            return false
        }

        /// Drives what is due: to another node with capacity, or to nowhere.
        private mutating func reroute(_ model: inout Model) async throws -> Bool {
            var hasMoved = false
            for job in try await store.claim() {
                let name = "reroute-\(job.id)-\(job.holds)-\(worker)-\(number)"
                let nodes = FulfilmentPropertyTests.nodes.enumerated()
                    .filter { node in
                        !job.lines.contains { job.excluded.contains(key($0.sku, node.element)) }
                    }
                let goods = job.lines.map { (sku: $0.sku, units: $0.units) }
                let order = try #require(orders.first { id($0) == job.order })
                if let node = nodes.randomElement(using: &random),
                    !job.lines.contains(where: \.isSpent),
                    try await store.holdRouted(
                        name,
                        goods,
                        at: node.element,
                        day: node.offset + 1,
                    ) == 1
                {
                    guard case .done(let units, _) = try await store.swap(job, name) else {
                        _ = try await store.resolve(name, kind: 2)
                        continue
                    }
                    hasMoved = hasMoved || units > 0
                    model.seen.insert(job.shipment == nil ? "reallocate" : "swap")
                    if job.shipment == nil {
                        for line in job.lines {
                            model.orders[order]?[Int(line.number) - 1].backordered -= line.units
                            model.orders[order]?[Int(line.number) - 1].allocated += line.units
                        }
                    }
                } else {
                    let lost = try await store.fulfilment.giveUp(
                        job.id,
                        lines: [],
                        key: id(name),
                        detail: "nowhere",
                        origin: tester,
                    )
                    if lost.units > 0 {
                        model.seen.insert("give up")
                        for line in job.lines {
                            model.orders[order]?[Int(line.number) - 1].allocated -= line.units
                            model.orders[order]?[Int(line.number) - 1].backordered += line.units
                        }
                    }
                    hasMoved = hasMoved || lost.units > 0
                }
                model.note(try await store.shipments(order), shipped: false)
            }
            return hasMoved
        }
    }
}
