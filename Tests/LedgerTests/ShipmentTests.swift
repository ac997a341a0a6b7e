// Shipments in the database: what an order becomes, what nodes do with it, and what orders do to it.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct ShipmentTests {
    @Test func `the transitions of the database are those of the domain`() async throws {
        try await withStore { store in
            let rows = try store.sql("SELECT * FROM fulfilment_transitions ORDER BY 1, 2")
                .split(separator: "\n").map(String.init)
            var ours: [String] = []
            for was in FulfilmentStatus.allCases {
                for becomes in FulfilmentStatus.allCases where was.successors.contains(becomes) {
                    ours.append("\(was.rawValue)|\(becomes.rawValue)")
                }
            }
            #expect(rows == ours)
            let names =
                try store.sql("SELECT fulfilment_name(n::int2) FROM generate_series(1, 11) n")
                .split(separator: "\n").map(String.init)
            #expect(names == FulfilmentStatus.allCases.map(\.name))
            let codes = try store.sql("SELECT code, queue FROM exception_codes ORDER BY 1")
                .split(separator: "\n").map(String.init)
            #expect(
                codes
                    == ExceptionCode.allCases.map { "\($0.rawValue)|\($0.queue.rawValue)" }
                    .sorted()
            )
        }
    }

    @Test func `no statement takes a shipment where it must not go`() async throws {
        try await withStore { store in
            try await store.network()
            let shipment = try await store.shipment(of: "o1")
            for was in FulfilmentStatus.allCases {
                for becomes in FulfilmentStatus.allCases where becomes != was {
                    // The owner sets the state aside of the rule, then the rule is asked.
                    let answer = try? store.sql(
                        """
                        BEGIN; ALTER TABLE shipments DISABLE TRIGGER shipments_transition;
                        UPDATE shipments SET status = \(was.rawValue) WHERE id = '\(shipment.id)';
                        ALTER TABLE shipments ENABLE TRIGGER shipments_transition;
                        UPDATE shipments SET status = \(becomes.rawValue)
                            WHERE id = '\(shipment.id)' RETURNING 'moved'; ROLLBACK
                        """
                    )
                    let isMoved = answer?.contains("moved") == true
                    #expect(
                        isMoved == was.successors.contains(becomes),
                        "\(was.name) to \(becomes.name)"
                    )
                }
            }
        }
    }

    @Test func `an order becomes shipments, with the capacity it took`() async throws {
        try await withStore { store in
            try await store.network()
            try await store.hold(
                "h1",
                [
                    Demand(key: key("A"), quantity: 5), Demand(key: key("B"), quantity: 2),
                    Demand(key: key("B", "MAN"), quantity: 3),
                    Demand(key: key(Slot.orders(1)), quantity: 1),
                    Demand(key: key(Slot.units(1)), quantity: 7),
                    Demand(key: key(Slot.orders(2), "MAN"), quantity: 1),
                    Demand(key: key(Slot.units(2), "MAN"), quantity: 3),
                ]
            )
            let lines = [
                line("A", 2), PlacedLine(key: key("B", "MAN"), quantity: 3, unitPriceMinor: 1),
                line("A", 3), line("B", 2),
            ]
            _ = try await store.place("o1", from: "h1", lines).result()
            let shipments = try await store.shipments("o1")
            #expect(shipments.map(\.node) == ["LON", "MAN"])
            #expect(shipments.map(\.number) == [1, 2])
            #expect(shipments.map(\.status) == [.scheduled, .scheduled])
            #expect(shipments.map { $0.slotDay ?? 0 } == [20_788, 20_789])
            #expect(shipments[0].lines.map(\.number) == [1, 3, 4])
            #expect(shipments[0].lines.map(\.quantities.open) == [2, 3, 2])
            #expect(shipments[1].lines.map(\.sku) == ["B"])
            #expect(
                shipments[0].capacity == [
                    TakenCapacity(sku: Slot.orders(1), units: 1),
                    TakenCapacity(sku: Slot.units(1), units: 7),
                ]
            )
            #expect(try await store.position(key(Slot.units(1))).buckets.allocated == 7)
            // Without capacity nothing is scheduled.
            try await store.hold("h2", [Demand(key: key("A"), quantity: 1)])
            _ = try await store.place("o2", from: "h2", [line("A", 1)]).result()
            #expect(try await store.shipments("o2").map(\.status) == [.new])
            #expect(try store.faults() == "")
        }
    }

    @Test func `a node takes a shipment to its end, and every answer stays`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            var answers: [(name: String, step: ShipmentStep, shipment: Shipment)] = []
            for (name, step) in [
                ("s1", ShipmentStep.accept), ("s2", .pick), ("s3", .pack), ("s4", .ship),
                ("s5", .deliver),
            ] {
                let outcome = try await store.step(name, made.id, step, tracking: "T-1")
                answers.append((name, step, try outcome.shipment()))
            }
            #expect(
                answers.map(\.shipment.status) == [
                    .accepted, .inProgress, .packed, .shipped, .delivered,
                ]
            )
            #expect(answers[4].shipment.tracking == "T-1")
            #expect(answers[4].shipment.history.map(\.kind).last == .delivered)
            #expect(answers[4].shipment.history.allSatisfy { $0.origin == tester })
            #expect(answers[4].shipment.buckets(1) == [0, 0, 0, 0, 4, 0, 0, 0])
            // Units and capacity are used up together; what is free stays.
            let units = try await store.position(key(Slot.units(1))).buckets
            #expect(units.onHand == 43 && units.allocated == 0)
            let orders = try await store.position(key(Slot.orders(1))).buckets
            #expect(orders.onHand == 4 && orders.allocated == 0)
            let goods = try await store.position(key("A")).buckets
            #expect(goods.onHand == 16 && goods.allocated == 0)
            let order = try await store.order("o1")
            #expect(order.status == .shipped)
            #expect(
                order.history.map(\.kind) == [
                    .placed, .accepted, .picked, .packed, .shipped, .delivered,
                ]
            )
            let before = try store.dump()
            for answer in answers {
                let again = try await store.step(answer.name, made.id, answer.step, tracking: "T-1")
                #expect(try again.shipment() == answer.shipment)
                #expect(try again.settlement().rows.isEmpty)
            }
            #expect(
                try await store.step("s1", body: "x", made.id, .accept).refusal == .keyReused
            )
            #expect(try store.dump() == before)
            #expect(try store.faults() == "")
        }
    }

    @Test func `a step that does not fit is refused and leaves no trace`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            let before = try store.dump()
            for step in ShipmentStep.allCases where !step.states.contains(.scheduled) {
                #expect(
                    try await store.step("x", made.id, step).refusal
                        == .wrongState(
                            kind: .shipment,
                            id: made.id.description,
                            state: "SCHEDULED"
                        )
                )
            }
            #expect(
                try await store.step("x", id("none"), .accept).refusal
                    == .notFound(kind: .shipment, id: id("none").description)
            )
            #expect(
                try await store.step("x", made.id, .reject, [(1, 5)], code: "C").refusal
                    == .notEnough(line: 0, key: key("A"), requested: 5, available: 4, what: "open")
            )
            #expect(
                try await store.step("x", made.id, .reject, [(1, 1), (9, 1)], code: "C").refusal
                    == .unknownLine(line: 1, number: 9)
            )
            #expect(try store.dump() == before)
            _ = try await store.step("a", made.id, .accept).shipment()
            _ = try await store.step("p", made.id, .pick, [(1, 4)]).shipment()
            let picked = try store.dump()
            #expect(
                try await store.step("x", made.id, .pack).refusal
                    == .notEnough(
                        line: 1,
                        key: key("B"),
                        requested: 3,
                        available: 0,
                        what: "picked"
                    )
            )
            #expect(try store.dump() == picked)
        }
    }

    @Test func `an order is cancelled where it hurts least`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1", a: 6, b: 2)
            _ = try await store.step("a", made.id, .accept).shipment()
            _ = try await store.step("r", made.id, .reject, [(1, 1)], code: "DAMAGED").shipment()
            // Three are in hand, one is missing: of the six of A one leaves, one is missing, four are
            // open, three of those picked after a second look.
            _ = try await store.step("p", made.id, .pick, [(1, 4)]).shipment()
            #expect(try await store.shipments("o1")[0].buckets(1) == [4, 4, 1, 1, 0, 0, 0, 0])
            let cancelled = try await store.change("c1", "o1", .cancel, [(1, 3)]).result()
            // The one that leaves, the one that is missing (to quality control), one in hand.
            #expect(try await store.shipments("o1")[0].buckets(1) == [3, 3, 0, 0, 0, 3, 0, 0])
            let goods = try await store.position(key("A")).buckets
            #expect(goods.qualityControl == 1 && goods.allocated == 3 && goods.available == 16)
            #expect(cancelled.settlement.rows.count == 2, "goods and units of capacity")
            #expect(try await store.position(key(Slot.units(1))).buckets.allocated == 5)
            #expect(try await store.claim().isEmpty, "nothing is left to find a place for")
            #expect(try await store.exceptions().map(\.code) == [.stockShortPick])
            _ = try await store.step("p2", made.id, .pick, [(2, 2)]).shipment()
            _ = try await store.step("k", made.id, .pack).shipment()
            _ = try await store.change("c2", "o1", .cancel, [(2, 2)]).result()
            let shipped = try await store.step("s", made.id, .ship).shipment()
            #expect(shipped.buckets(1) == [0, 0, 0, 0, 3, 3, 0, 0])
            #expect(try await store.position(key(Slot.orders(1))).buckets.onHand == 4)
            #expect(try await store.position(key(Slot.units(1))).buckets.onHand == 47)
            #expect(try await store.order("o1").status == .shipped)
            #expect(try store.faults() == "")
        }
    }

    @Test func `an order ships in whatever state its shipments are`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1", a: 6, b: 2)
            _ = try await store.step("a", made.id, .accept).shipment()
            _ = try await store.change("s1", "o1", .ship, [(1, 2)]).result()
            var shipment = try await store.shipments("o1")[0]
            #expect(shipment.status == .accepted && shipment.buckets(1)[0] == 4)
            #expect(try await store.position(key(Slot.orders(1))).buckets.allocated == 1)
            _ = try await store.step("r", made.id, .reject, [(1, 1)], code: "NO_STOCK").shipment()
            #expect(
                try await store.change("s2", "o1", .ship, [(1, 4)]).refusal
                    == .notEnough(
                        line: 0,
                        key: key("A"),
                        requested: 4,
                        available: 3,
                        what: "allocated"
                    ),
                "a unit that the node has given up cannot ship from there"
            )
            _ = try await store.change("s3", "o1", .ship, []).result()
            shipment = try await store.shipments("o1")[0]
            #expect(shipment.status == .shipped && shipment.tracking == "note")
            #expect(
                try await store.change("s4", "o1", .ship, []).refusal
                    == .wrongState(
                        kind: .order,
                        id: id("o1").description,
                        state: "waiting for another node"
                    )
            )
            #expect(try await store.order("o1").status == .partiallyShipped)
            _ = try await store.change("c1", "o1", .cancel, []).result()
            #expect(try await store.order("o1").status == .shipped)
            #expect(try await store.position(key(Slot.orders(1))).buckets.onHand == 4)
            #expect(try store.faults() == "")
        }
    }

    @Test func `a node's work is listed by promise, without gaps, and by state`() async throws {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 1_000)])
            for number in 0..<25 {
                try await store.hold("h\(number)", [Demand(key: key("A"), quantity: 1)])
                _ = try await store.place("o\(number)", from: "h\(number)", [line("A", 1)]).result()
            }
            // Promises as routing makes them; most have none and come last.
            for (number, day) in [(20, 7), (5, 9), (11, 7)] {
                try store.sql(
                    "UPDATE shipments SET promise_day = \(day) WHERE order_key = '\(id("o\(number)"))'"
                )
            }
            let taken = try await store.shipments("o3")[0]
            _ = try await store.step("a", taken.id, .accept).shipment()
            _ = try await store.change("s", "o4", .ship, []).result()
            var listed: [ID] = []
            var cursor: WorkCursor?
            while true {
                let page = try await store.fulfilment.work(
                    at: "LON",
                    in: [],
                    after: cursor,
                    limit: 4
                )
                listed += page.map(\.order)
                guard page.count == 4, let last = page.last else { break }
                cursor = WorkCursor(
                    dueDay: last.promiseDay ?? .max,
                    createdAt: last.createdAt,
                    id: last.id
                )
            }
            let rest = (0..<25).filter { ![4, 5, 11, 20].contains($0) }
            #expect(listed == ([11, 20, 5] + rest).map { id("o\($0)") })
            let accepted = try await store.fulfilment.work(
                at: "LON",
                in: [.accepted, .shipped],
                after: nil,
                limit: 10
            )
            #expect(accepted.map(\.order) == [id("o3"), id("o4")])
            #expect(
                try await store.fulfilment.work(at: "MAN", in: [], after: nil, limit: 1).isEmpty
            )
        }
    }
}
