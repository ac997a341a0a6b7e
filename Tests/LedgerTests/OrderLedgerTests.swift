// Orders in the database: placing, cancelling and shipping, their refusals, and lists.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct OrderLedgerTests {
    @Test func `an order takes what its reservation holds, and a retry gets it again`() async throws
    {
        try await withStore { store in
            try await store.scene()
            let lines = [line("A", 2), line("B", 3), line("A", 1)]
            let first = try await store.place("o1", from: "h1", lines).result()
            #expect(first.order.status == .confirmed)
            #expect(first.order.totalMinor == 600)
            #expect(first.order.lines.map(\.quantities.allocated) == [2, 3, 1])
            #expect(first.order.lines.map(\.number) == [1, 2, 3])
            #expect(first.order.history.map(\.kind) == [.placed])
            #expect(first.order.history[0].origin == tester)
            // Free units stay as they were: the gate has nothing to hear of.
            #expect(first.settlement.rows.isEmpty)
            let position = try await store.position(key("A"))
            #expect(position.buckets.held == 0 && position.buckets.allocated == 3)
            #expect(try store.sql("SELECT state, order_key FROM reservations") == "3|\(id("o1"))")

            _ = try await store.change("c1", "o1", .cancel, [(1, 1)]).result()
            let before = try store.dump()
            let again = try await store.place("o1", from: "h1", lines).result()
            #expect(again.order == first.order)
            let other = try await store.place("o1", body: "other", from: "h1", lines)
            #expect(other.refusal == .keyReused)
            #expect(try store.dump() == before)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `an order is refused for what is wrong with it, and leaves no trace`() async throws {
        try await withStore { store in
            try await store.scene()
            for name in ["h2", "h3", "h4", "h5"] {
                try await store.hold(name, [Demand(key: key("A"), quantity: 1)])
            }
            try await store.resolve("h2", kind: 2)
            try store.sql(
                "UPDATE reservations SET expires_at = now() - interval '1 s' "
                    + "WHERE key IN ('\(id("h3"))', '\(id("h4"))')"
            )
            try await store.resolve("h4", kind: 3)
            _ = try await store.place("o1", from: "h1", [line("A", 3), line("B", 3)]).result()
            let before = try store.dump()
            let one = [line("A", 1)]
            func refusal(
                _ name: String,
                from reservation: String,
                external: String = "new",
                _ lines: [PlacedLine],
            ) async throws -> Refusal? {
                try await store.place(name, from: reservation, external: external, lines).refusal
            }
            #expect(
                try await refusal("o2", from: "h9", one)
                    == .notFound(kind: .reservation, id: id("h9").description)
            )
            #expect(
                try await refusal("o2", from: "h2", one)
                    == .wrongState(
                        kind: .reservation,
                        id: id("h2").description,
                        state: "RELEASED"
                    )
            )
            #expect(
                try await refusal("o2", from: "h1", [line("A", 3), line("B", 3)])
                    == .wrongState(kind: .reservation, id: id("h1").description, state: "ORDERED")
            )
            #expect(try await refusal("o2", from: "h3", one) == .reservationExpired(id: id("h3")))
            #expect(try await refusal("o2", from: "h4", one) == .reservationExpired(id: id("h4")))
            #expect(
                try await refusal("o2", from: "h5", external: "x-o1", one)
                    == .externalIDTaken(orderID: id("o1"))
            )
            #expect(
                try await refusal("o2", from: "h5", [line("A", 2)])
                    == .linesDiffer(line: 0, key: key("A"), expected: 1, given: 2)
            )
            #expect(
                try await refusal("o2", from: "h5", one + [line("Z", 2)])
                    == .linesDiffer(line: 1, key: key("Z"), expected: 0, given: 2)
            )
            #expect(
                try await refusal("o2", from: "h5", [line("Z", 2)])
                    == .linesDiffer(line: 0, key: key("Z"), expected: 0, given: 2)
            )
            #expect(try store.dump() == before)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `a missing line is told with its position`() async throws {
        try await withStore { store in
            try await store.scene()
            let outcome = try await store.place("o1", from: "h1", [line("A", 3)])
            #expect(
                outcome.refusal == .linesDiffer(line: -1, key: key("B"), expected: 3, given: 0)
            )
        }
    }

    @Test func `confirmed units make an order, and partly confirmed ones too`() async throws {
        try await withStore { store in
            try await store.scene()
            try await store.resolve("h1", kind: 1)
            let placed = try await store.place("o1", from: "h1", [line("A", 3), line("B", 3)])
            #expect(try placed.result().order.status == .confirmed)
            try await store.hold(
                "h2",
                [Demand(key: key("A"), quantity: 2), Demand(key: key("B"), quantity: 1)]
            )
            try store.sql(
                """
                SELECT outcome FROM resolve_batch(0::int2, 1::int2, ARRAY['\(id("h2"))'::uuid],
                    ARRAY[NULL::uuid], ARRAY[NULL::uuid], ARRAY[0], ARRAY[false], ARRAY[''],
                    ARRAY[NULL::uuid], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[1],
                    ARRAY[(SELECT id FROM positions WHERE sku = 'A')], ARRAY[1::int8])
                """
            )
            let mixed = try await store.place("o2", from: "h2", [line("A", 2), line("B", 1)])
            #expect(try mixed.result().order.lines.map(\.quantities.allocated) == [2, 1])
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `an expired hold is taken again only while its units are free`() async throws {
        try await withStore { store in
            try await store.scene()
            try await store.hold("h2", [Demand(key: key("A"), quantity: 2)])
            try store.sql("UPDATE reservations SET expires_at = now() - interval '1 s'")
            // Not swept yet: the units are still on its books.
            let lines = [line("A", 3), line("B", 3)]
            let overdue = try await store.place("o1", from: "h1", again: true, lines).result()
            #expect(overdue.settlement.rows.isEmpty)
            // Swept: they come from what is free.
            try await store.resolve("h2", kind: 3)
            let swept = try await store.place("o2", from: "h2", again: true, [line("A", 2)])
                .result()
            #expect(swept.settlement.rows.map(\.delta) == [-2])
            #expect(
                try store.sql("SELECT kind FROM reservation_events ORDER BY at, kind") == "7\n3\n7"
            )
            // Gone: somebody else has them.
            try await store.hold("h3", [Demand(key: key("A"), quantity: 5)])
            try store.sql(
                "UPDATE reservations SET expires_at = now() - interval '1 s' "
                    + "WHERE key = '\(id("h3"))'"
            )
            try await store.resolve("h3", kind: 3)
            #expect(try await store.hold("h4", [Demand(key: key("A"), quantity: 3)]) == 1)
            let before = try store.dump()
            let gone = try await store.place("o3", from: "h3", again: true, [line("A", 5)])
            #expect(
                gone.refusal == .soldOut(line: 0, key: key("A"), requested: 5, available: 2)
            )
            #expect(try store.dump() == before)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `units are cancelled and shipped line by line, and each answer stays`() async throws
    {
        try await withStore { store in
            try await store.scene()
            _ = try await store.place("o1", from: "h1", [line("A", 3), line("B", 3)]).result()
            let shipped = try await store.change("s1", "o1", .ship, [(1, 2)]).result()
            #expect(shipped.order.status == .partiallyShipped)
            #expect(shipped.settlement.rows.isEmpty)
            let position = try await store.position(key("A"))
            #expect(position.buckets.onHand == 8 && position.buckets.allocated == 1)

            let cancelled = try await store.change("c1", "o1", .cancel, [(2, 3)]).result()
            #expect(cancelled.settlement.rows.map(\.delta) == [3])
            #expect(cancelled.order.status == .partiallyShipped)
            let rest = try await store.change("s2", "o1", .ship, []).result()
            #expect(rest.order.status == .shipped)
            #expect(rest.order.history.map(\.kind) == [.placed, .shipped, .cancelled, .shipped])
            #expect(rest.order.lines.allSatisfy { $0.quantities.isConserved })

            let before = try store.dump()
            #expect(
                try await store.change("s1", "o1", .ship, [(1, 2)]).result().order == shipped.order
            )
            #expect(
                try await store.change("c1", "o1", .cancel, [(2, 3)]).result().order
                    == cancelled.order
            )
            #expect(
                try await store.change("s1", body: "x", "o1", .ship, [(1, 2)]).refusal == .keyReused
            )
            #expect(
                try await store.change("s3", "o1", .ship, []).refusal
                    == .wrongState(kind: .order, id: id("o1").description, state: "SHIPPED")
            )
            #expect(
                try await store.change("s3", "o9", .ship, []).refusal
                    == .notFound(kind: .order, id: id("o9").description)
            )
            #expect(
                try await store.change("s3", "o1", .ship, [(1, 1), (7, 1)]).refusal
                    == .notEnough(
                        line: 0,
                        key: key("A"),
                        requested: 1,
                        available: 0,
                        what: "allocated"
                    )
            )
            #expect(
                try await store.change("s3", "o1", .cancel, [(7, 1)]).refusal
                    == .unknownLine(line: 0, number: 7)
            )
            #expect(try store.dump() == before)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `a wholly cancelled order gives everything back`() async throws {
        try await withStore { store in
            try await store.scene()
            _ = try await store.place("o1", from: "h1", [line("A", 3), line("B", 3)]).result()
            let done = try await store.change("c1", "o1", .cancel, []).result()
            #expect(done.order.status == .cancelled)
            #expect(try await store.position(key("A")).buckets.available == 10)
            #expect(
                try await store.change("c2", "o1", .cancel, []).refusal
                    == .wrongState(kind: .order, id: id("o1").description, state: "CANCELLED")
            )
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `an order is found by id and by its channel's number`() async throws {
        try await withStore { store in
            try await store.scene()
            let placed = try await store.place("o1", from: "h1", [line("A", 3), line("B", 3)])
            let order = try placed.result().order
            #expect(try await store.orders.order(id: id("o1")) == order)
            #expect(try await store.orders.order(channel: "web", externalID: "x-o1") == order)
            #expect(try await store.orders.order(id: id("o2")) == nil)
            #expect(try await store.orders.order(channel: "shop", externalID: "x-o1") == nil)
        }
    }

    @Test func `lists go on without gaps while orders come in`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 1_000)])
            func place(_ number: Int) async throws {
                try await store.hold("h\(number)", [Demand(key: key("A"), quantity: 1)])
                _ = try await store.place("o\(number)", from: "h\(number)", [line("A", 1)]).result()
            }
            for number in 0..<25 { try await place(number) }
            _ = try await store.change("c", "o7", .cancel, []).result()
            var listed: [ID] = []
            var cursor: OrderCursor?
            var next = 25
            while true {
                let page = try await store.orders.orders(OrderFilter(), before: cursor, limit: 4)
                listed += page.map(\.id)
                #expect(page.allSatisfy { $0.history.isEmpty && $0.lines.count == 1 })
                guard page.count == 4, let last = page.last else { break }
                cursor = OrderCursor(createdAt: last.createdAt, id: last.id)
                try await place(next)
                next += 1
            }
            #expect(listed == (0..<25).reversed().map { id("o\($0)") })
            let cancelled = try await store.orders.orders(
                OrderFilter(status: .cancelled, channel: "web"),
                before: nil,
                limit: 10
            )
            #expect(cancelled.map(\.id) == [id("o7")])
            #expect(
                try await store.orders.orders(OrderFilter(channel: "shop"), before: nil, limit: 10)
                    .isEmpty
            )
            let seventh = cancelled[0].createdAt
            let since = try await store.orders.orders(
                OrderFilter(createdFrom: seventh, createdBefore: seventh.advanced(milliseconds: 0)),
                before: nil,
                limit: 10
            )
            #expect(since.isEmpty)
        }
    }

    @Test func `the status of the database is the status of the domain`() async throws {
        try await withStore { store in
            var cases: [LineQuantities] = []
            for digits in 1..<256 as Range<Int64> {
                var quantities = LineQuantities()
                quantities.allocated = digits & 3
                quantities.shipped = digits >> 2 & 3
                quantities.cancelled = digits >> 4 & 3
                quantities.backordered = digits >> 6 & 3
                quantities.ordered =
                    quantities.allocated + quantities.shipped + quantities.cancelled
                    + quantities.backordered
                cases.append(quantities)
            }
            let calls = cases.map {
                "SELECT order_status(\($0.ordered), \($0.allocated), \($0.shipped), "
                    + "\($0.cancelled), \($0.backordered))"
            }
            let answers = try store.sql(calls.joined(separator: " UNION ALL "))
                .split(separator: "\n")
            #expect(answers.count == cases.count)
            for (quantities, answer) in zip(cases, answers) {
                let line = OrderLine(
                    number: 1,
                    key: key("A"),
                    unitPriceMinor: 0,
                    quantities: quantities
                )
                #expect(Int16(answer) == OrderStatus.derived(from: [line]).rawValue)
            }
        }
    }
}

func line(_ sku: String, _ units: Int64) -> PlacedLine {
    PlacedLine(key: key(sku), quantity: units, unitPriceMinor: 100)
}

extension Store {
    /// 10 units of A and B each, of which the reservation h1 holds 3.
    func scene() async throws {
        try await receive(
            "r1",
            [Demand(key: key("A"), quantity: 10), Demand(key: key("B"), quantity: 10)]
        )
        try await hold(
            "h1",
            [Demand(key: key("A"), quantity: 3), Demand(key: key("B"), quantity: 3)]
        )
    }

    func place(
        _ name: String,
        body: String = "body",
        from reservation: String,
        again: Bool = false,
        external: String? = nil,
        _ lines: [PlacedLine],
    ) async throws -> OrderOutcome {
        let placement = OrderPlacement(
            header: header(name, body: body),
            reservation: nil,
            channel: "web",
            externalID: external ?? "x-\(name)",
            customer: "c-1",
            currency: "GBP",
            placedAt: Instant(seconds: 1_000),
            lines: lines,
        )
        return try await orders.place(placement, from: id(reservation), reacquiring: again)
    }

    func change(
        _ name: String,
        body: String = "body",
        _ order: String,
        _ kind: OrderChange.Kind,
        _ lines: [(Int32, Int64)],
    ) async throws -> OrderOutcome {
        try await orders.change(
            OrderChange(
                header: header(name, body: body),
                order: id(order),
                kind: kind,
                lines: lines.map { OrderLineQuantity(number: $0.0, quantity: $0.1) },
                note: "note",
            )
        )
    }
}
