// Units that a node gave up: the swap in the database, giving up, exceptions, and the use case that
// drives it all.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct RerouteTests {
    @Test func `rejected units move to their new place in one step`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            let rejected = try await store.step("r", made.id, .reject, code: "NO_STAFF").shipment()
            #expect(rejected.status == .rejected)
            #expect(rejected.buckets(1) == [0, 0, 4, 0, 0, 0, 0, 0])
            #expect(rejected.history.last?.code == "NO_STAFF")
            // Until there is another place they stay where they are.
            #expect(try await store.position(key("A")).buckets.allocated == 4)
            #expect(try await store.exceptions().map(\.code) == [.nodeRejected])
            let job = try #require(try await store.claim().first)
            #expect(job.shipment == made.id && job.order == id("o1"))
            #expect(job.lines.map(\.units) == [4, 3])
            #expect(job.excluded == [key("A"), key("B")])
            try await #expect(
                store.holdRouted("new", [("A", 4), ("B", 3)], at: "MAN", day: 2) == 1
            )
            let swapped = try await store.swap(job, "new")
            #expect(try swapped.units() == 7)
            let shipments = try await store.shipments("o1")
            #expect(shipments.map(\.status) == [.rejected, .scheduled])
            #expect(shipments[0].buckets(1) == [0, 0, 0, 0, 0, 0, 4, 0])
            #expect(shipments[1].node == "MAN" && shipments[1].buckets(1)[0] == 4)
            #expect(try await store.position(key("A")).buckets.available == 20)
            #expect(try await store.position(key(Slot.units(1))).buckets.available == 50)
            #expect(try await store.position(key("A", "MAN")).buckets.allocated == 4)
            #expect(try await store.position(key(Slot.units(2), "MAN")).buckets.allocated == 7)
            #expect(try await store.exceptions().isEmpty)
            #expect(
                try await store.order("o1").history.map(\.kind) == [.placed, .rejected, .rerouted]
            )
            #expect(
                try store.sql(
                    "SELECT state, order_key FROM reservations WHERE key = '\(id("new"))'"
                )
                    == "3|\(id("o1"))"
            )
            #expect(try await store.claim().isEmpty)
            let before = try store.dump()
            guard case .over = try await store.swap(job, "new") else {
                Issue.record("a swap was done twice")
                return
            }
            #expect(try store.dump() == before)
            #expect(try store.faults() == "")
        }
    }

    @Test func `units that arrive later than they were promised are shown to people`()
        async throws
    {
        try await withStore { store in
            try await store.network()
            func decide(_ hold: String, _ node: String, arrives: String) throws {
                try store.sql(
                    """
                    INSERT INTO route_decisions SELECT '\(id(hold))', 1, now(), '', 1, 'web', 1,
                        E'\(node)\troad\tNorthway\t2026-12-01\t0\t\(arrives)', '';
                    INSERT INTO reservation_routes VALUES ('\(id(hold))', '\(id(hold))')
                    """
                )
            }
            /// The latest shipment is rejected, and goes from another node.
            func move(to node: String, arrives: String, day: Int) async throws {
                let left = try #require(try await store.shipments("o1").last)
                _ = try await store.step("r\(day)", left.id, .reject, code: "NO_STAFF").shipment()
                let job = try #require(try await store.claim().first)
                try decide(node, node, arrives: arrives)
                try await #expect(
                    store.holdRouted(node, [("A", 4), ("B", 3)], at: node, day: day) == 1
                )
                #expect(try await store.swap(job, node).units() == 7)
            }
            try decide("h-o1", "LON", arrives: "2026-12-02")
            _ = try await store.shipment(of: "o1")
            try await move(to: "MAN", arrives: "2026-12-02", day: 2)
            #expect(try await store.exceptions().isEmpty)
            try await move(to: "PAR", arrives: "2026-12-09", day: 3)
            let open = try await store.exceptions()
            #expect(open.map(\.code) == [.promiseAtRisk, .promiseAtRisk])
            #expect(open.map(\.line) == [1, 2])
            #expect(open[0].detail == "4 units arrive on 2026-12-09, promised for 2026-12-02")
            #expect(try store.faults() == "")
        }
    }

    @Test func `missing units go to quality control, and nobody is promised them`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("a", made.id, .accept).shipment()
            let picked = try await store.step("p", made.id, .pick, [(1, 1), (2, 3)]).shipment()
            #expect(picked.status == .incomplete)
            #expect(picked.buckets(1) == [1, 1, 0, 3, 0, 0, 0, 0])
            // Nobody is promised them while they wait, either.
            #expect(try await store.position(key("A")).buckets.available == 16)
            let job = try #require(try await store.claim().first)
            try await #expect(store.holdRouted("new", [("A", 3)], at: "PAR", day: 3) == 1)
            #expect(try await store.swap(job, "new").units() == 3)
            let goods = try await store.position(key("A")).buckets
            #expect(goods.qualityControl == 3 && goods.allocated == 1 && goods.available == 16)
            #expect(try await store.shipments("o1")[0].buckets(1) == [1, 1, 0, 0, 0, 0, 0, 3])
            let open = try await store.exceptions()
            #expect(open.map(\.code) == [.stockShortPick])
            #expect(open[0].code.queue == .stock && open[0].line == 1)
            // What was found goes on.
            _ = try await store.step("k", made.id, .pack).shipment()
            _ = try await store.step("s", made.id, .ship).shipment()
            #expect(
                try await store.order("o1").history.map(\.kind) == [
                    .placed, .accepted, .shortPicked, .rerouted, .packed, .shipped,
                ]
            )
            #expect(try store.faults() == "")
        }
    }

    @Test func `a swap takes what is still needed and gives the rest back`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("r", made.id, .reject, code: "X").shipment()
            let job = try #require(try await store.claim().first)
            try await #expect(
                store.holdRouted("new", [("A", 4), ("B", 3)], at: "MAN", day: 2) == 1
            )
            _ = try await store.change("c", "o1", .cancel, [(1, 3), (2, 3)]).result()
            #expect(try await store.swap(job, "new").units() == 1)
            #expect(try await store.position(key("A", "MAN")).buckets.held == 0)
            #expect(try await store.position(key("A", "MAN")).buckets.allocated == 1)
            #expect(try await store.position(key("B", "MAN")).buckets.available == 20)
            #expect(try await store.position(key(Slot.units(2), "MAN")).buckets.available == 49)
            #expect(try store.faults() == "")
            // All of it was cancelled: the hold is released whole.
            _ = try await store.change("c2", "o1", .cancel, []).result()
            let other = try await store.shipment(of: "o2")
            _ = try await store.step("r2", other.id, .reject, code: "X").shipment()
            let second = try #require(try await store.claim().first)
            try await #expect(store.holdRouted("idle", [("A", 4)], at: "PAR", day: 3) == 1)
            _ = try await store.change("c3", "o2", .cancel, []).result()
            #expect(try await store.swap(second, "idle").units() == 0)
            #expect(try await store.position(key("A", "PAR")).buckets.available == 20)
            #expect(
                try store.sql("SELECT state FROM reservations WHERE key = '\(id("idle"))'") == "4"
            )
            #expect(try await store.exceptions().isEmpty)
            #expect(try store.faults() == "")
        }
    }

    @Test func `a hold that has expired is not swapped in`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("r", made.id, .reject, code: "X").shipment()
            let job = try #require(try await store.claim().first)
            try await #expect(
                store.holdRouted("new", [("A", 4), ("B", 3)], at: "MAN", day: 2) == 1
            )
            try store.sql("UPDATE reservations SET expires_at = now() - interval '1 s'")
            for _ in 0..<2 {
                let before = try store.dump()
                guard case .holdLost = try await store.swap(job, "new") else {
                    Issue.record("a hold whose time was over was swapped in")
                    return
                }
                #expect(try store.dump() == before)
                try await store.resolve("new", kind: 3)
            }
            #expect(try store.faults() == "")
        }
    }

    @Test func `a node that gives a SKU up while it is asked is not swapped in`() async throws {
        try await withStore { store in
            try await store.network()
            try await store.hold(
                "h",
                [Demand(key: key("A"), quantity: 2), Demand(key: key("A", "MAN"), quantity: 2)]
            )
            let lines = [
                line("A", 2), PlacedLine(key: key("A", "MAN"), quantity: 2, unitPriceMinor: 1),
            ]
            _ = try await store.place("o1", from: "h", lines).result()
            let shipments = try await store.shipments("o1")
            _ = try await store.step("r1", shipments[0].id, .reject, code: "X").shipment()
            let job = try #require(try await store.claim().first)
            // Manchester is asked, and has units; then it gives up its own.
            try await #expect(store.holdRouted("new", [("A", 2)], at: "MAN", day: 2) == 1)
            _ = try await store.step("r2", shipments[1].id, .reject, code: "X").shipment()
            guard case .holdLost = try await store.swap(job, "new") else {
                Issue.record("units went to a node that has given them up")
                return
            }
            #expect(try await store.shipments("o1").count == 2)
            #expect(try store.faults() == "")
        }
    }

    @Test func `units without a place are backordered, tried again, and cancelled`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("r", made.id, .reject, code: "X").shipment()
            let job = try #require(try await store.claim().first)
            let lost = try await store.fulfilment.giveUp(
                job.id,
                lines: [],
                key: id("g1"),
                detail: "nowhere",
                origin: tester,
            )
            #expect(lost.units == 7)
            var order = try await store.order("o1")
            #expect(order.status == .backordered)
            #expect(order.lines.map(\.quantities.backordered) == [4, 3])
            #expect(try await store.position(key("A")).buckets.available == 20)
            var open = try await store.exceptions()
            #expect(open.map(\.code) == [.routeExhausted, .routeExhausted])
            #expect(open.map(\.code.queue) == [.routing, .routing])
            #expect(open.map(\.subject) == (1...2).map { "order/\(id("o1"))/\($0)" })

            // Somebody tries the first line again: London still must not have it.
            let retried = try await store.exception("t1", open[0].id, .retry)
            #expect(try retried.exception().history.map(\.kind) == [.opened, .retried])
            let again = try #require(try await store.claim(attemptsMax: 0).first)
            #expect(again.shipment == nil && again.lines.map(\.number) == [1])
            #expect(!again.lines[0].isSpent, "people are not bound by the most there may be")
            #expect(again.excluded == [key("A")])
            _ = try await store.fulfilment.giveUp(
                again.id,
                lines: [],
                key: id("g2"),
                detail: "still nowhere",
                origin: tester,
            )
            let seen = try #require(try await store.fulfilment.exception(id: open[0].id))
            #expect(seen.history.map(\.kind) == [.opened, .retried, .seenAgain])
            #expect(seen.detail.contains("still nowhere"))
            #expect(try await store.exceptions().count == 2, "one open exception for each line")
            // The answer to the retry stays what it was.
            #expect(
                try await store.exception("t1", open[0].id, .retry).exception()
                    == retried.exception()
            )

            // Then there is a place.
            _ = try await store.exception("t2", open[0].id, .retry).exception()
            let third = try #require(try await store.claim().first)
            try await #expect(store.holdRouted("new", [("A", 4)], at: "PAR", day: 3) == 1)
            #expect(try await store.swap(third, "new").units() == 4)
            open = try await store.exceptions()
            #expect(open.map(\.line) == [2])
            order = try await store.order("o1")
            #expect(order.lines.map(\.quantities.backordered) == [0, 3])
            #expect(order.lines.map(\.quantities.allocated) == [4, 0])
            #expect(
                order.history.map(\.kind) == [.placed, .rejected, .backordered, .reallocated]
            )
            _ = try await store.change("c", "o1", .cancel, [(2, 3)]).result()
            #expect(try await store.exceptions().isEmpty)
            #expect(try await store.order("o1").status == .confirmed)
            #expect(try store.faults() == "")
        }
    }

    @Test func `an exception is resolved once, with a note that stays`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("a", made.id, .accept).shipment()
            _ = try await store.step("p", made.id, .pick, [(1, 3)]).shipment()
            let open = try #require(try await store.exceptions().first)
            #expect(
                try await store.exception("t", open.id, .retry).refusal
                    == .wrongState(
                        kind: .exception,
                        id: open.id.description,
                        state: "STOCK_SHORT_PICK"
                    )
            )
            let first = try await store.exception("e", open.id, .resolve).exception()
            #expect(first.state == .resolved && first.history.last?.note == "why")
            #expect(try await store.exception("e", open.id, .resolve).exception() == first)
            #expect(
                try await store.exception("e", body: "x", open.id, .resolve).refusal == .keyReused
            )
            #expect(
                try await store.exception("f", open.id, .resolve).refusal
                    == .wrongState(kind: .exception, id: open.id.description, state: "RESOLVED")
            )
            #expect(
                try await store.exception("f", id("none"), .resolve).refusal
                    == .notFound(kind: .exception, id: id("none").description)
            )
            // The next short pick of the line is another exception.
            _ = try await store.step("p2", made.id, .pick, [(1, 2)]).shipment()
            #expect(try await store.exceptions().map(\.code) == [.stockShortPick])
            #expect(try await store.exceptions(.resolved).map(\.id) == [open.id])
        }
    }

    @Test func `withdrawn units are to go elsewhere, and packed ones stay`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            let other = try await store.shipment(of: "o2")
            for step in [ShipmentStep.accept, .pick, .pack] {
                _ = try await store.step("\(step)", other.id, step).shipment()
            }
            func withdraw(_ name: String, _ order: String) async throws -> OrderOutcome {
                try await store.fulfilment.withdraw(
                    WithdrawCommand(
                        header: header(name),
                        order: id(order),
                        shipments: [],
                        cause: .asked,
                        note: "strike"
                    )
                )
            }
            let done = try await withdraw("w1", "o1").result()
            #expect(done.order.history.map(\.kind) == [.placed, .withdrawn])
            #expect(try await withdraw("w1", "o1").result().order == done.order)
            #expect(try await store.shipments("o1")[0].status == .cancelled)
            let job = try #require(try await store.claim().first)
            #expect(job.shipment == made.id && job.excluded == [key("A"), key("B")])
            guard case .wrongState(.order, _, _) = try await withdraw("w2", "o2").refusal else {
                Issue.record("a packed shipment was withdrawn")
                return
            }
            #expect(try store.faults() == "")
        }
    }

    @Test func `the use case moves what it can, and gives up what it cannot`() async throws {
        try await withStore { store in
            try await store.receive(
                "r",
                [
                    Demand(key: key("A"), quantity: 9), Demand(key: key("B"), quantity: 9),
                    Demand(key: key("A", "MAN"), quantity: 9),
                    Demand(key: key("A", "PAR"), quantity: 2),
                    Demand(key: key("B", "PAR"), quantity: 1),
                ]
            )
            try await store.hold(
                "h",
                [Demand(key: key("A"), quantity: 3), Demand(key: key("B"), quantity: 2)]
            )
            _ = try await store.place("o1", from: "h", [line("A", 3), line("B", 2)]).result()
            let made = try await store.shipments("o1")[0]
            _ = try await store.step("r1", made.id, .reject, code: "X").shipment()
            let gate = RecordingGate()
            let holds = DirectHolds(store: store)
            let rerouter = Rerouter(
                ledger: store.fulfilment,
                gate: gate,
                holds: holds,
                places: StockRerouting(stock: store.fulfilment, holds: holds),
                attemptsMax: 2,
            )
            func drive() async throws -> (moved: Int64, lost: Int64) {
                var sum = (moved: 0 as Int64, lost: 0 as Int64)
                for job in try await store.claim(attemptsMax: 2) {
                    let figures = try await rerouter.drive(job)
                    sum.moved += figures.movedUnits
                    sum.lost += figures.lostUnits
                }
                return sum
            }
            // A has a place, B has not: one unit is not enough.
            #expect(try await drive() == (3, 2))
            #expect(try await store.shipments("o1").map(\.node) == ["LON", "MAN"])
            #expect(try await store.order("o1").lines.map(\.quantities.backordered) == [0, 2])
            #expect(try await store.exceptions().map(\.code) == [.routeExhausted])
            // Manchester has it no more: two go to Paris, and back to London never.
            let second = try await store.shipments("o1")[1]
            _ = try await store.step("r2", second.id, .reject, [(1, 2)], code: "X").shipment()
            #expect(try await drive() == (2, 0))
            let third = try await store.shipments("o1")[2]
            #expect(third.node == "PAR" && third.buckets(1)[0] == 2)
            // That was the second time; there may be no third, wherever there is stock.
            try await store.receive("more", [Demand(key: key("A", "EDI"), quantity: 9)])
            _ = try await store.step("r3", third.id, .reject, code: "X").shipment()
            #expect(try await drive() == (0, 2))
            #expect(try await store.exceptions().count == 2)
            #expect(
                try await store.exceptions().contains { $0.detail.contains("2 times") }
            )
            #expect(!gate.settlements.isEmpty)
            #expect(try store.faults() == "")
        }
    }

    @Test func `a job whose server died is found again with its hold`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("r", made.id, .reject, code: "X").shipment()
            let holds = DirectHolds(store: store)
            let places = StockRerouting(stock: store.fulfilment, holds: holds)
            let job = try #require(
                try await store.fulfilment.claim(limit: 1, leaseMs: 60_000, attemptsMax: 3).first
            )
            #expect(try await store.claim().isEmpty, "it is one server's at a time")
            let first = Rerouter(
                ledger: DyingLedger(),
                gate: RecordingGate(),
                holds: holds,
                places: places,
                attemptsMax: 3,
            )
            await #expect(throws: Failure.self) { try await first.drive(job) }
            #expect(holds.reserved.count == 1)
            // Its lease is over; what it holds is what is free no more.
            try store.sql("UPDATE reroutes SET due_at = now()")
            let again = try #require(try await store.claim().first)
            let second = Rerouter(
                ledger: store.fulfilment,
                gate: RecordingGate(),
                holds: holds,
                places: places,
                attemptsMax: 3,
            )
            #expect(try await second.drive(again).movedUnits == 7)
            #expect(holds.reserved.count == 1, "the hold of the dead one is used")
            #expect(try store.faults() == "")
        }
    }
}

/// Ends where a server that is killed between holding and swapping does.
private struct DyingLedger: ReroutePort {
    func claim(limit: Int, leaseMs: Int, attemptsMax: Int) async throws(Failure) -> [RerouteJob] {
        throw .unavailable(what: "server", retryAfterMs: 1)
    }

    func swap(_ job: ID, to hold: ID, origin: Origin) async throws(Failure) -> SwapOutcome {
        throw .unavailable(what: "server", retryAfterMs: 1)
    }

    func giveUp(
        _ job: ID,
        lines: [Int32],
        key: ID,
        detail: String,
        origin: Origin,
    ) async throws(Failure) -> (units: Int64, settlement: Settlement) {
        throw .unavailable(what: "server", retryAfterMs: 1)
    }

    func postpone(_ job: ID, ms: Int, withNextHold: Bool, detail: String) async throws(Failure) {
        throw .unavailable(what: "server", retryAfterMs: 1)
    }

    func closedWork(limit: Int) async throws(Failure) -> [ClosedWork] { [] }
}

extension Store {
    func swap(_ job: RerouteJob, _ hold: String) async throws -> SwapOutcome {
        try await fulfilment.swap(job.id, to: id(hold), origin: tester)
    }

    func exception(
        _ name: String,
        body: String = "body",
        _ exception: ID,
        _ kind: ExceptionCommand.Kind,
    ) async throws -> ExceptionOutcome {
        try await fulfilment.carryOut(
            ExceptionCommand(
                header: header(name, body: body),
                id: exception,
                kind: kind,
                note: "why"
            )
        )
    }
}

extension ExceptionOutcome {
    func exception() throws -> OrderException {
        guard case .done(let exception) = self else { throw Refused(description: "\(self)") }
        return exception
    }

    var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}
