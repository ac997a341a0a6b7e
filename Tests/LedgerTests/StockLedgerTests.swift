// Every stock command: what it does, how it refuses, and that a retry changes nothing.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct StockLedgerTests {
    @Test func `the first receipt creates the position and repeated lines are summed`() async throws
    {
        try await withStore { store in
            let lines = [(0, 3), (1, 4)]
                .map { line, units in
                    movement(line, key("A"), .received, onHand: Int64(units), mayCreate: true)
                }
            let result = try await store.apply("r1", lines).result()
            #expect(result.positions.map(\.key) == [key("A")])
            #expect(result.positions[0].buckets.onHand == 7)
            #expect(result.positions[0].version == 1)
            let row = try #require(result.settlement.rows.first)
            #expect(row.delta == 7 && row.free == 7 && row.version == 1 && row.isFresh)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `a retry is answered as the first time and another body is refused`() async throws {
        try await withStore { store in
            let first = try await store.receive("r1", [Demand(key: key("A"), quantity: 7)])
            _ = try await store.stock.setSafetyStock(
                header("s1"),
                at: key("A"),
                quantity: 2,
                channel: "web"
            )
            let before = try store.dump()
            let again = try await store.receive("r1", [Demand(key: key("A"), quantity: 7)])
            #expect(again.positions == first.positions)
            #expect(again.settlement.rows.map(\.isFresh) == [false])
            #expect(again.settlement.rows.map(\.version) == [1])
            let other = try await store.apply(
                "r1",
                body: "other",
                [movement(0, key("A"), .received, onHand: 7, mayCreate: true)],
            )
            #expect(other.refusal == .keyReused)
            #expect(try store.dump() == before)
        }
    }

    @Test func `what is not known is told apart, and nothing of the command is done`() async throws
    {
        try await withStore { store in
            try await store.receive(
                "r1",
                [Demand(key: key("A"), quantity: 1), Demand(key: key("B", "MAN"), quantity: 1)],
            )
            let before = try store.dump()
            let cases: [(PositionKey, UnknownPart)] = [
                (key("X"), .sku), (key("A", "NOWHERE"), .node), (key("A", "MAN"), .combination),
                (key("X", "NOWHERE"), .sku),
            ]
            for (index, (missing, part)) in cases.enumerated() {
                let outcome = try await store.apply(
                    "a\(index)",
                    [
                        movement(0, key("A"), .adjusted, onHand: 5),
                        movement(1, missing, .adjusted, onHand: 5),
                    ],
                )
                #expect(
                    outcome.refusal == .unknownPosition(line: 1, key: missing, unknown: part)
                )
                let safety = try await store.stock.setSafetyStock(
                    header("s\(index)"),
                    at: missing,
                    quantity: 1,
                    channel: ""
                )
                #expect(safety.refusal == .unknownPosition(line: 0, key: missing, unknown: part))
                let incoming = try await store.stock.setIncoming(
                    header("i\(index)"),
                    at: missing,
                    reference: "PO",
                    quantity: 1,
                    expectedAt: Instant(seconds: 0)
                )
                #expect(incoming.refusal == .unknownPosition(line: 0, key: missing, unknown: part))
                let page = try await store.stock.ledger(of: missing, before: nil, limit: 10)
                guard case .refused(.unknownPosition(_, _, part)) = page else {
                    Issue.record("\(page)")
                    continue
                }
            }
            #expect(try store.dump() == before)
        }
    }

    @Test func `a correction never takes what is promised`() async throws {
        try await withStore { store in
            try await store.receive(
                "r1",
                [Demand(key: key("A"), quantity: 10), Demand(key: key("B"), quantity: 10)],
            )
            #expect(try await store.hold("h1", [Demand(key: key("A"), quantity: 4)]) == 1)
            _ = try await store.apply("m1", [movement(0, key("A"), .stateMoved, damaged: 2)])
            let before = try store.dump()
            let outcome = try await store.apply(
                "a1",
                [
                    movement(0, key("B"), .adjusted, onHand: -1),
                    movement(1, key("A"), .adjusted, onHand: -5),
                ],
            )
            #expect(
                outcome.refusal
                    == .notEnough(
                        line: 1,
                        key: key("A"),
                        requested: 5,
                        available: 4,
                        what: "on hand and not promised"
                    )
            )
            #expect(try store.dump() == before)
            let done = try await store.apply("a2", [movement(0, key("A"), .adjusted, onHand: -4)])
            #expect(try done.result().positions[0].buckets.available == 0)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `units change their state only when they are in it`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 10)])
            let damaged = try await store.apply(
                "m1",
                [movement(0, key("A"), .stateMoved, damaged: 6)]
            )
            #expect(try damaged.result().positions[0].buckets.available == 4)
            // Between two unavailable states nothing becomes available: a step, no version.
            let moved =
                try await store.apply(
                    "m2",
                    [movement(0, key("A"), .stateMoved, damaged: -2, qualityControl: 2)]
                )
                .result()
            #expect(moved.positions[0].version == 2)
            #expect(moved.settlement.rows.isEmpty)
            let before = try store.dump()
            let cases: [(Movement, Int64, String)] = [
                (movement(0, key("A"), .stateMoved, damaged: -5), 4, "damaged"),
                (movement(0, key("A"), .stateMoved, qualityControl: -5), 2, "in quality control"),
                (movement(0, key("A"), .stateMoved, damaged: 5), 4, "on hand and not promised"),
            ]
            for (index, (change, available, what)) in cases.enumerated() {
                let outcome = try await store.apply("n\(index)", [change])
                #expect(
                    outcome.refusal
                        == .notEnough(
                            line: 0,
                            key: key("A"),
                            requested: 5,
                            available: available,
                            what: what
                        )
                )
            }
            #expect(try store.dump() == before)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `no position holds more units than Lua can count`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 1)])
            try store.sql("UPDATE positions SET on_hand = 999999999999")
            let before = try store.dump()
            let outcome = try await store.apply(
                "r2",
                [
                    movement(0, key("B"), .received, onHand: 5, mayCreate: true),
                    movement(1, key("A"), .received, onHand: 2, mayCreate: true),
                ],
            )
            #expect(outcome.refusal == .tooMany(line: 1, key: key("A")))
            #expect(try store.dump() == before)
        }
    }

    // MARK: Transfers

    @Test func `a transfer at once moves the units, and only available ones`() async throws {
        try await withStore { store in
            try await store.receive(
                "r1",
                [Demand(key: key("A"), quantity: 10), Demand(key: key("B", "MAN"), quantity: 1)],
            )
            _ = try await store.stock.setSafetyStock(
                header("s1"),
                at: key("A"),
                quantity: 3,
                channel: ""
            )
            let before = try store.dump()
            let refused = try await store.transfer("t1", "A", 8, isInTransit: false)
            #expect(
                refused.refusal
                    == .notEnough(
                        line: 0,
                        key: key("A"),
                        requested: 8,
                        available: 7,
                        what: "available"
                    )
            )
            let unknown = try await store.transfer(
                "t2",
                "A",
                1,
                to: "NOWHERE",
                isInTransit: false
            )
            #expect(
                unknown.refusal
                    == .unknownPosition(line: 0, key: key("A", "NOWHERE"), unknown: .node)
            )
            #expect(try store.dump() == before)
            let done = try await store.transfer("t3", "A", 7, isInTransit: false).result()
            #expect(done.positions.map(\.buckets.onHand) == [3, 7])
            #expect(done.settlement.rows.map(\.delta) == [-7, 7])
            let late = try await store.stock.receiveTransfer(header("x1"), id: id("t3"))
            #expect(
                late.refusal
                    == .wrongState(kind: .transfer, id: id("t3").description, state: "ARRIVED")
            )
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `units in transit are nowhere available until they land, once`() async throws {
        try await withStore { store in
            try await store.receive(
                "r1",
                [Demand(key: key("A"), quantity: 10), Demand(key: key("B", "MAN"), quantity: 1)],
            )
            let sent = try await store.transfer("t1", "A", 6, isInTransit: true).result()
            #expect(sent.positions.map(\.buckets.available) == [4, 0])
            #expect(sent.positions[1].buckets.inTransit == 6)
            #expect(sent.settlement.rows.map(\.delta) == [-6])
            let landed = try await store.stock.receiveTransfer(header("x1"), id: id("t1")).result()
            #expect(landed.positions.map(\.key) == [key("A", "MAN")])
            #expect(landed.positions[0].buckets.available == 6)
            #expect(landed.positions[0].buckets.inTransit == 0)
            let again = try await store.stock.receiveTransfer(header("x1"), id: id("t1")).result()
            #expect(again.positions == landed.positions)
            let before = try store.dump()
            let twice = try await store.stock.receiveTransfer(header("x2"), id: id("t1"))
            #expect(
                twice.refusal
                    == .wrongState(kind: .transfer, id: id("t1").description, state: "ARRIVED")
            )
            let none = try await store.stock.receiveTransfer(header("x3"), id: id("t9"))
            #expect(none.refusal == .notFound(kind: .transfer, id: id("t9").description))
            #expect(try store.dump() == before)
            #expect(try store.faults().isEmpty)
        }
    }

    // MARK: Safety stock

    @Test func `safety stock never touches holds and may exceed what there is`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 10)])
            try await store.hold("h1", [Demand(key: key("A"), quantity: 4)])
            let set = try await store.stock
                .setSafetyStock(
                    header("s1"),
                    at: key("A"),
                    quantity: 50,
                    channel: ""
                )
                .result()
            #expect(set.positions[0].buckets.held == 4)
            #expect(set.positions[0].buckets.available == -44)
            #expect(set.settlement.rows.map(\.delta) == [-50])
            #expect(try await store.hold("h2", [Demand(key: key("A"), quantity: 1)]) == 4)
            #expect(try await store.resolve("h1", kind: 1) == 1)
            let less = try await store.stock
                .setSafetyStock(
                    header("s2"),
                    at: key("A"),
                    quantity: 1,
                    channel: ""
                )
                .result()
            #expect(less.positions[0].buckets.available == 5)
            #expect(try store.faults().isEmpty)
        }
    }

    @Test func `units withheld from one channel reach the gate by version`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 10)])
            let set = try await store.stock
                .setSafetyStock(
                    header("s1"),
                    at: key("A"),
                    quantity: 8,
                    channel: "web"
                )
                .result()
            let row = try #require(set.settlement.rows.first)
            #expect(row.version == 2 && row.delta == 0 && row.free == 10)
            #expect(row.channelSafety == ChannelSafety(channel: "web", quantity: 8))
            #expect(set.positions[0].channelSafety == [ChannelSafety(channel: "web", quantity: 8)])
            #expect(set.positions[0].available(for: "web") == 2)
            #expect(set.positions[0].available(for: "shop") == 10)
            // The tests hold through the channel "web".
            #expect(try await store.hold("h1", [Demand(key: key("A"), quantity: 3)]) == 4)
            _ = try await store.stock.setSafetyStock(
                header("s2"),
                at: key("A"),
                quantity: 0,
                channel: "web"
            )
            #expect(try await store.position(key("A")).channelSafety.isEmpty)
            #expect(try await store.hold("h1", [Demand(key: key("A"), quantity: 3)]) == 1)
            let again = try await store.stock
                .setSafetyStock(
                    header("s1"),
                    at: key("A"),
                    quantity: 8,
                    channel: "web"
                )
                .result()
            #expect(again.positions == set.positions)
            #expect(try store.faults().isEmpty)
        }
    }

    // MARK: Incoming

    @Test func `incoming supply counts up to its date and is used up by receipts`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 1)])
            let soon = Instant(seconds: 1_000)
            let late = Instant(seconds: 2_000)
            for (name, units, at) in [("PO1", 10, soon), ("PO2", 20, late)] {
                let set = try await store.stock
                    .setIncoming(
                        header(name),
                        at: key("A"),
                        reference: name,
                        quantity: Int64(units),
                        expectedAt: at
                    )
                    .result()
                #expect(set.settlement.rows.isEmpty)
                #expect(set.positions[0].version == 1)
            }
            func incoming(by moment: Instant?) async throws -> Int64? {
                try await store.stock.availability(of: [key("A", "")], by: moment)[0].first?
                    .incoming
            }
            #expect(try await incoming(by: nil) == 0)
            #expect(try await incoming(by: Instant(seconds: 999)) == 0)
            #expect(try await incoming(by: soon) == 10)
            #expect(try await incoming(by: late) == 30)
            let lines = [("PO1", 4), ("PO1", 2), ("PO9", 5), ("PO2", 25)].enumerated()
                .map {
                    movement(
                        $0,
                        key("A"),
                        .received,
                        onHand: Int64($1.1),
                        mayCreate: true,
                        incoming: $1.0
                    )
                }
            _ = try await store.apply("r2", lines).result()
            #expect(try await incoming(by: late) == 4)
            _ = try await store.stock.setIncoming(
                header("PO1x"),
                at: key("A"),
                reference: "PO1",
                quantity: 0,
                expectedAt: soon
            )
            #expect(try await incoming(by: late) == 0)
            #expect(try store.sql("SELECT count(*) FROM incoming") == "0")
            #expect(try store.faults().isEmpty)
        }
    }

    // MARK: Queries

    @Test func `availability answers item by item, unknown ones with nothing`() async throws {
        try await withStore { store in
            try await store.receive(
                "r1",
                [Demand(key: key("A"), quantity: 1), Demand(key: key("A", "MAN"), quantity: 2)],
            )
            let found = try await store.stock.availability(
                of: [key("X"), key("A", ""), key("A", "MAN"), key("A", "")],
                by: nil
            )
            #expect(
                found.map { $0.map(\.position.key) } == [
                    [], [key("A"), key("A", "MAN")], [key("A", "MAN")],
                    [key("A"), key("A", "MAN")],
                ]
            )
        }
    }

    @Test func `positions are listed in pages, by prefix and by node`() async throws {
        try await withStore { store in
            var keys: [PositionKey] = []
            for sku in ["A", "AB", "ABC", "B", "\u{10FFFF}x", "Ä"] {
                for node in ["LON", "MAN"] { keys.append(key(sku, node)) }
            }
            try await store.receive("r1", keys.map { Demand(key: $0, quantity: 1) })
            let sorted = keys.sorted { Array($0.sku.utf8).lexicographicallyPrecedes($1.sku.utf8) }
            for (prefix, node) in [("", ""), ("A", ""), ("AB", "MAN"), ("", "LON"), ("Q", "")] {
                var listed: [PositionKey] = []
                while true {
                    let page = try await store.stock.positions(
                        skuPrefix: prefix,
                        node: node,
                        after: listed.last,
                        limit: 2
                    )
                    listed += page.map(\.key)
                    if page.count < 2 { break }
                }
                #expect(
                    listed
                        == sorted.filter {
                            $0.sku.utf8.starts(with: prefix.utf8)
                                && (node.isEmpty || $0.node == node)
                        }
                )
            }
        }
    }

    @Test func `the ledger names who caused what, newest first, in pages`() async throws {
        try await withStore { store in
            try await store.receive("r1", [Demand(key: key("A"), quantity: 10)])
            for (name, units) in [("h1", 3), ("h2", 2), ("h3", 1)] {
                try await store.hold(name, [Demand(key: key("A"), quantity: Int64(units))])
            }
            try await store.resolve("h1", kind: 1)
            try await store.resolve("h2", kind: 2)
            var rows: [LedgerEntry] = []
            while true {
                let cursor = rows.last.map { LedgerCursor(version: $0.version, step: $0.step) }
                guard
                    case .rows(let page) = try await store.stock.ledger(
                        of: key("A"),
                        before: cursor,
                        limit: 2
                    )
                else { break }
                rows += page
                if page.count < 2 { break }
            }
            #expect(
                rows.map(\.kind) == [
                    .reservationReleased, .allocated, .reserved, .reserved, .reserved, .received,
                ]
            )
            let causes = rows.map { $0.causes.map { "\($0.reservation) \($0.quantity)" } }
            #expect(
                causes == [
                    ["\(id("h2")) 2"], ["\(id("h1")) 3"], ["\(id("h3")) 1"], ["\(id("h2")) 2"],
                    ["\(id("h1")) 3"], [],
                ]
            )
            #expect(rows.last?.origin == tester)
            #expect(rows.last?.reference == "ref")
            #expect(rows[1].step == 1 && rows[1].version == rows[2].version)
            var folded = StockBuckets()
            for row in rows.reversed() {
                folded.apply(row.change)
                #expect(folded.available == row.availableAfter)
            }
            #expect(folded == (try await store.position(key("A")).buckets))
        }
    }
}
