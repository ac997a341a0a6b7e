// The audit of a position against its ledger, and the one repair that writes to Postgres: every edit
// past the ledger is found to the unit, and nothing is written back that is not proven.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct DriftLedgerTests {
    private func ledger(_ store: Store) -> DriftLedger { DriftLedger(postgres: store.postgres) }

    /// Audits a position that has no view.
    private func audit(_ store: Store, _ id: PositionID) async throws -> PositionAudit {
        let question = LedgerQuestion(position: id, view: nil, start: .after(LedgerFold()))
        return PositionAudit(
            position: id,
            view: nil,
            ledger: try await ledger(store).images([question])[0],
        )
    }

    /// A position with a little history: received, held twice, confirmed, released.
    private func scene(_ store: Store, _ sku: String) async throws -> PositionID {
        try await store.receive("r-\(sku)", [Demand(key: key(sku), quantity: 100)])
        for name in ["1", "2", "3"] {
            _ = try await store.hold("\(sku)-\(name)", [Demand(key: key(sku), quantity: 4)])
        }
        try await store.resolve("\(sku)-1", kind: 1)
        try await store.resolve("\(sku)-2", kind: 2)
        return try await store.position(key(sku)).id
    }

    @Test func `a ledger of any length is summed to its balances`() async throws {
        try await withStore { store in
            let id = try await scene(store, "A")
            // More rows than one statement sums, with steps between the versions.
            try store.sql(
                """
                INSERT INTO position_ledger (position, version, step, batch, at, kind,
                    on_hand_delta, in_transit_delta, free_after)
                SELECT \(id), p.version + (n + 1) / 2, 1 - n % 2, 1000 + n, now(), 9, n % 2,
                    1 - n % 2, p.free + (n + 1) / 2
                FROM positions p, generate_series(1, 12001) n WHERE p.id = \(id);
                UPDATE positions SET on_hand = on_hand + 6001, in_transit = in_transit + 6000,
                    version = version + 6001, step = 0 WHERE id = \(id)
                """
            )
            #expect(try store.faults() == "")
            let found = try await audit(store, id)
            #expect(found.findings.isEmpty, "\(found.findings)")
            #expect(found.ledger?.fold.versions == found.ledger?.version)
            #expect(try await ledger(store).breaks(of: id).isEmpty)
        }
    }

    @Test(
        arguments: [
            ("on_hand = on_hand + 5", 5, "on hand +5"),
            ("on_hand = on_hand - 5", -5, "on hand -5"),
            ("held = held + 3", -3, "reserved +3"),
            ("allocated = allocated - 1, held = held + 1", 0, "reserved +1, allocated -1"),
            ("safety = safety + 2", -2, "safety +2"),
            ("damaged = damaged + 1, on_hand = on_hand + 1", 0, "on hand +1, damaged +1"),
            ("in_transit = in_transit + 9", 0, "in transit +9"),
        ]
    )
    func `an edit past the ledger is found to the unit, before and after the next command`(
        edit: String,
        units: Int64,
        words: String,
    ) async throws {
        try await withStore { store in
            let id = try await scene(store, "A")
            #expect(try await audit(store, id).findings.isEmpty)
            let before = try await store.position(key("A")).version
            try store.sql("UPDATE positions SET \(edit) WHERE id = \(id)")
            for isLater in [false, true] {
                if isLater {
                    _ = try await store.hold("later", [Demand(key: key("A"), quantity: 1)])
                    _ = try await store.hold("latest", [Demand(key: key("A"), quantity: 1)])
                }
                let found = try await audit(store, id)
                #expect(found.findings.map(\.kind) == [.ledger])
                #expect(found.findings.first?.units == units)
                #expect(found.findings.first?.detail.hasSuffix(": \(words)") == true)
                let breaks = try await ledger(store).breaks(of: id)
                let since = DriftSince(found.findings[0], found, breaks: breaks, events: [])
                if units == 0 {
                    #expect(breaks.isEmpty && since.version == nil)
                } else {
                    #expect(since.version == (isLater ? before + 1 : before))
                    #expect(since.isAfterLast == !isLater)
                    #expect(breaks.map(\.units) == (isLater ? [units] : []))
                }
            }
        }
    }

    @Test func `what is believed is held against what comes after it`() async throws {
        try await withStore { store in
            let id = try await scene(store, "A")
            let ports = ledger(store)
            func image(_ start: FoldStart) async throws -> LedgerImage {
                let question = LedgerQuestion(position: id, view: nil, start: start)
                return try #require(try await ports.images([question])[0])
            }
            let believed = try await image(.believing)
            #expect(believed.fold.sums == believed.balances)
            _ = try await store.hold("later", [Demand(key: key("A"), quantity: 2)])
            let right = try await image(.after(believed.fold))
            #expect(right.difference == StockBuckets())
            #expect(right.fold.version == believed.version + 1)
            try store.sql("UPDATE positions SET on_hand = on_hand + 1 WHERE id = \(id)")
            _ = try await store.hold("latest", [Demand(key: key("A"), quantity: 2)])
            #expect(try await image(.after(right.fold)).difference.onHand == 1)
        }
    }

    @Test func `rows that are gone are found, and never written back`() async throws {
        try await withStore { store in
            let id = try await scene(store, "A")
            for gone in ["version = 3", "version = (SELECT version FROM positions)"] {
                try store.sql("DELETE FROM position_ledger WHERE \(gone) AND step = 0")
                let found = try await audit(store, id)
                #expect(found.findings.map(\.kind) == [.missingRows])
            }
            #expect(try await ledger(store).images([]).isEmpty)
            let none = LedgerQuestion(position: 999, view: nil, start: .believing)
            #expect(try await ledger(store).images([none]) == [nil])
        }
    }

    // MARK: Repair

    @Test func `balances are written back with a row that says so, once`() async throws {
        try await withStore { store in
            let id = try await scene(store, "A")
            try store.sql("UPDATE positions SET on_hand = on_hand + 7, held = held + 1")
            // The next command writes what is free into the ledger: the break stays for ever.
            _ = try await store.hold("later", [Demand(key: key("A"), quantity: 1)])
            let found = try #require(try await audit(store, id).ledger)
            let position = try await store.position(key("A"))
            let unsound = try await store.audit.checkPositions(after: 0)
            #expect(Set(unsound.findings.map(\.fault)) == [.freeWrong, .balanceWrong])
            guard case .done(let settlement) = try await ledger(store).writeBack(found, by: tester)
            else {
                Issue.record("not written back")
                return
            }
            let row = try #require(settlement.rows.first)
            #expect(row.version == position.version + 1 && row.delta == 0)
            #expect(row.free == position.buckets.available - 6)
            #expect(try await audit(store, id).findings.isEmpty)
            let after = try await store.position(key("A"))
            #expect(after.buckets.available == row.free)
            #expect(after.buckets.held == position.buckets.held - 1)
            let entries = try await store.stock.ledger(of: key("A"), before: nil, limit: 1)
            guard case .rows(let rows) = entries else { return }
            #expect(rows[0].reason == "DRIFT")
            #expect(rows[0].reference == "written back: on hand +7, reserved +1")
            #expect(rows[0].origin == tester)
            #expect(rows[0].change == StockBuckets())
            guard case .changed = try await ledger(store).writeBack(found, by: tester) else {
                Issue.record("written back twice")
                return
            }
            // Books that were put right take commands as before.
            _ = try await store.hold("last", [Demand(key: key("A"), quantity: 1)])
            #expect(try await audit(store, id).findings.isEmpty)
            #expect(try await ledger(store).breaks(of: id).map(\.units) == [6, -6])
            // The rows stay: a check tells that they were wrong, and that nothing is wrong any more.
            let checked = try await store.audit.checkPositions(after: 0)
            #expect(checked.findings == [] && checked.repaired.map(\.fault) == [.freeWrong])
            #expect(checked.repaired[0].place.contains("A@"))
            #expect(checked.repaired[0].detail.hasSuffix("2 rows like it were later written back"))
            // What is edited after that is wrong again, and nothing takes it back.
            try store.sql("UPDATE positions SET on_hand = on_hand + 1 WHERE id = \(id)")
            _ = try await store.hold("after", [Demand(key: key("A"), quantity: 1)])
            let again = try await store.audit.checkPositions(after: 0)
            #expect(Set(again.findings.map(\.fault)) == [.freeWrong, .balanceWrong])
            #expect(again.repaired == checked.repaired)
        }
    }

    @Test(
        arguments: [
            // A row that only says that it is a write-back, and takes nothing back.
            "free_after = free_after + 1", "reason = 'drift'", "kind = 8",
            "on_hand_delta = 1, in_transit_delta = 2",
        ]
    )
    func `what only looks like a write-back takes nothing back`(edit: String) async throws {
        try await withStore { store in
            _ = try await scene(store, "A")
            try store.sql("UPDATE positions SET on_hand = on_hand + 7")
            _ = try await store.hold("later", [Demand(key: key("A"), quantity: 1)])
            let id = try await store.position(key("A")).id
            let found = try #require(try await audit(store, id).ledger)
            guard case .done = try await ledger(store).writeBack(found, by: tester) else {
                Issue.record("not written back")
                return
            }
            #expect(try await store.audit.checkPositions(after: 0).findings == [])
            try store.sql("UPDATE position_ledger SET \(edit) WHERE reason = 'DRIFT'")
            let checked = try await store.audit.checkPositions(after: 0)
            #expect(checked.findings.contains { $0.fault == .freeWrong } && checked.repaired == [])
        }
    }

    @Test func `what cannot be proven is left as it is, with the reason`() async throws {
        try await withStore { store in
            func refused(_ sku: String, _ edit: String, _ why: String) async throws {
                let id = try await scene(store, sku)
                try store.sql("\(edit.replacing("#", with: "\(id)"))")
                let found = try #require(try await audit(store, id).ledger)
                let before = try store.dump()
                guard
                    case .impossible(let text) =
                        try await ledger(store).writeBack(found, by: tester)
                else {
                    Issue.record("\(edit) was written back")
                    return
                }
                #expect(text.contains(why), "\(text)")
                #expect(try store.dump() == before)
            }
            try await refused(
                "A",
                "UPDATE positions SET allocated = allocated - 1 WHERE id = #",
                "orders"
            )
            // A reservation was shortened as well: the ledger is no proof any more.
            try await refused(
                "B",
                """
                UPDATE positions SET held = held - 1 WHERE id = #;
                UPDATE reservations SET held = ARRAY[held[1] - 1]
                    WHERE state = 1 AND # = ANY (positions)
                """,
                "live reservations",
            )
            // Promises were given on the strength of units that the ledger does not have.
            let id = try await scene(store, "C")
            try store.sql("UPDATE positions SET on_hand = on_hand + 50 WHERE id = \(id)")
            #expect(try await store.hold("big", [Demand(key: key("C"), quantity: 120)]) == 1)
            let found = try #require(try await audit(store, id).ledger)
            let before = try store.dump()
            guard case .impossible(let text) = try await ledger(store).writeBack(found, by: tester)
            else {
                Issue.record("promises were taken back")
                return
            }
            #expect(text.contains("promised"))
            #expect(try store.dump() == before)
        }
    }

    @Test func `a difference that has changed meanwhile is not touched`() async throws {
        try await withStore { store in
            let id = try await scene(store, "A")
            try store.sql("UPDATE positions SET on_hand = on_hand + 7")
            let found = try #require(try await audit(store, id).ledger)
            try store.sql("UPDATE positions SET on_hand = on_hand + 1")
            guard case .changed = try await ledger(store).writeBack(found, by: tester) else {
                Issue.record("another difference was written back")
                return
            }
            #expect(try await audit(store, id).findings.first?.units == 8)
        }
    }

    // MARK: History and scopes

    @Test func `the history says since when, and ends with what ended it`() async throws {
        try await withStore { store in
            let ports = ledger(store)
            let id = try await scene(store, "A")
            let finding = DriftFinding(kind: .view, units: 5, detail: "five")
            func event(_ kind: DriftEvent.Kind, clean: Int64?) -> DriftEvent {
                DriftEvent(
                    position: id,
                    kind: kind,
                    finding: finding,
                    version: 4,
                    clean: clean.map { ($0, Instant(microseconds: 77)) },
                    server: "s0",
                    origin: tester,
                )
            }
            try await ports.note([event(.found, clean: 1), event(.gone, clean: nil)])
            try await ports.note([event(.found, clean: 2), event(.found, clean: 3)])
            try await ports.note([])
            let events = try await ports.events(of: id, limit: 10)
            #expect(events.map(\.kind) == [.found, .found, .gone, .found])
            #expect(events.map { $0.clean?.version } == [3, 2, nil, 1])
            #expect(events[0].origin == tester && events[0].clean?.at.microseconds == 77)
            var found = try await audit(store, id)
            found.findings = [finding]
            let since = DriftSince(finding, found, breaks: [], events: events)
            #expect(since.clean?.version == 3 && since.version == 4)
            #expect(since.row == LedgerCursor(version: 4, step: 0))
            let over = DriftSince(finding, found, breaks: [], events: Array(events.dropFirst(2)))
            #expect(over.alarmedAt == nil && over.clean == nil)
        }
    }

    @Test func `scopes give every position once, page by page`() async throws {
        try await withStore { store in
            for (sku, node) in [("A", "N1"), ("A", "N2"), ("B", "N1"), ("C", "N2"), ("A", "N3")] {
                try await store.receive("\(sku)\(node)", [Demand(key: key(sku, node), quantity: 1)])
            }
            func all(_ scope: DriftScope) async throws -> Set<PositionKey> {
                var cursor: AuditedPosition?
                var seen: [PositionKey] = []
                while true {
                    let page = try await ledger(store).positions(in: scope, after: cursor, limit: 2)
                    seen += page.map(\.key)
                    if page.count < 2 { break }
                    cursor = page.last
                }
                #expect(Set(seen).count == seen.count)
                return Set(seen)
            }
            #expect(try await all(.all).count == 5)
            #expect(try await all(.sku("A", node: "")).map(\.node).sorted() == ["N1", "N2", "N3"])
            #expect(try await all(.sku("A", node: "N2")) == [key("A", "N2")])
            #expect(try await all(.node("N1")) == [key("A", "N1"), key("B", "N1")])
            #expect(try await all(.node("N9")).isEmpty)
            #expect(try await ledger(store).positionCount() == 5)
            #expect(try await ledger(store).position(key("Z")) == nil)
        }
    }
}
