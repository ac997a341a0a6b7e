// Shipments and re-routes as the tests of the database write them.

import Base
import Domain
import Postgres
import Promising
import Testing

@testable import Ledger

/// Capacity of a node's slots.
enum Slot {
    static func orders(_ day: Int) -> String { "@orders/2026-12-0\(day)/0" }
    static func units(_ day: Int) -> String { "@units/2026-12-0\(day)/0" }
}

extension Store {
    /// 20 units of A and B at each of three nodes, and capacity for 5 orders and 50 units there.
    func network() async throws {
        var lines: [Demand] = []
        for (day, node) in ["LON", "MAN", "PAR"].enumerated() {
            lines += ["A", "B"].map { Demand(key: key($0, node), quantity: 20) }
            lines.append(Demand(key: key(Slot.orders(day + 1), node), quantity: 5))
            lines.append(Demand(key: key(Slot.units(day + 1), node), quantity: 50))
        }
        try await receive("network", lines)
    }

    /// Holds goods at a node with the capacity that they need.
    func holdRouted(
        _ name: String,
        _ goods: [(sku: String, units: Int64)],
        at node: String,
        day: Int,
        ttlMs: Int32 = 900_000,
    ) async throws -> Int16 {
        let units = goods.reduce(0) { $0 + $1.units }
        return try await hold(
            name,
            goods.map { Demand(key: key($0.sku, node), quantity: $0.units) } + [
                Demand(key: key(Slot.orders(day), node), quantity: 1),
                Demand(key: key(Slot.units(day), node), quantity: units),
            ],
            ttlMs: ttlMs,
        )
    }

    /// An order of A and B from London, with capacity; its shipment.
    func shipment(of name: String, a: Int64 = 4, b: Int64 = 3) async throws -> Shipment {
        try await #expect(holdRouted("h-\(name)", [("A", a), ("B", b)], at: "LON", day: 1) == 1)
        _ = try await place(name, from: "h-\(name)", [line("A", a), line("B", b)]).result()
        return try #require(try await shipments(name).first)
    }

    func shipments(_ order: String) async throws -> [Shipment] {
        try await fulfilment.shipments(of: id(order))
    }

    func step(
        _ name: String,
        body: String = "body",
        _ shipment: ID,
        _ step: ShipmentStep,
        _ lines: [(Int32, Int64)] = [],
        code: String = "",
        tracking: String = "",
    ) async throws -> ShipmentOutcome {
        var command = ShipmentCommand(
            header: header(name, body: body),
            shipment: shipment,
            step: step,
        )
        command.lines = lines.map { OrderLineQuantity(number: $0.0, quantity: $0.1) }
        command.code = code
        command.note = "note"
        command.tracking = tracking
        return try await fulfilment.carryOut(command)
    }

    func claim(attemptsMax: Int = 3) async throws -> [RerouteJob] {
        try await fulfilment.claim(limit: 16, leaseMs: 0, attemptsMax: attemptsMax)
    }

    /// By time, and of one moment by line.
    func exceptions(_ state: ExceptionState = .open) async throws -> [OrderException] {
        try await fulfilment.exceptions(
            ExceptionFilter(queue: "", code: "", order: nil, state: state),
            after: nil,
            limit: 100,
        )
        .sorted { ($0.openedAt, $0.line ?? 0) < ($1.openedAt, $1.line ?? 0) }
    }

    func order(_ name: String) async throws -> Order {
        try #require(try await orders.order(id: id(name)))
    }
}

extension ShipmentOutcome {
    func shipment() throws -> Shipment {
        guard case .done(let shipment, _) = self else { throw Refused(description: "\(self)") }
        return shipment
    }

    func settlement() throws -> Settlement {
        guard case .done(_, let settlement) = self else { throw Refused(description: "\(self)") }
        return settlement
    }

    var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}

extension SwapOutcome {
    func units() throws -> Int64 {
        guard case .done(let units, _) = self else { throw Refused(description: "\(self)") }
        return units
    }
}

extension Shipment {
    /// The buckets of a line: open, picked, leaving, missing, shipped, cancelled, moved, short.
    func buckets(_ number: Int32) -> [Int64] {
        guard let units = lines.first(where: { $0.number == number })?.quantities else { return [] }
        return [
            units.open, units.picked, units.leaving, units.missing, units.shipped,
            units.cancelled, units.moved, units.short,
        ]
    }
}
