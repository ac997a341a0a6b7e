// The chain of seals: what it covers, when it waits, and that whoever changes a row afterwards is
// found with the place.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct SealTests {
    @Test func `an untouched ledger is found whole, sealed or not`() async throws {
        try await withStore { store in
            try await store.history()
            #expect(try await store.findings() == [])
            try await store.sealAll()
            #expect(try await store.findings() == [])
            let head = try await store.audit.head()
            #expect(head.seal?.number ?? 0 > 0)
            #expect(head.unsealedRows == 0)
            #expect(head.strangers == [])
            // A seal covers everything that is written once.
            let rows = try store.sql(
                """
                SELECT (SELECT sum(rows) FROM ledger_seals) - (SELECT count(*) FROM position_ledger)
                - (SELECT count(*) FROM reservations) - (SELECT count(*) FROM reservation_events)
                - (SELECT count(*) FROM order_events) - (SELECT count(*) FROM stock_commands)
                - (SELECT count(*) FROM count_events) - (SELECT count(*) FROM shipment_events)
                - (SELECT count(*) FROM exception_events)
                """
            )
            #expect(rows == "0")
            // What happens to old reservations later does not touch their seals.
            try await store.resolve("h3", kind: 2)
            #expect(try await store.findings() == [])
            #expect(try await store.audit.head().unsealedRows == 2)
            try await store.sealAll()
            #expect(try await store.findings() == [])
        }
    }

    /// What somebody may do who owns the tables, what must be found, and where.
    struct Tampering: CustomTestStringConvertible, Sendable {
        let name: String
        let sql: String
        let fault: LedgerFault
        let place: String

        var testDescription: String { name }
    }

    static let tamperings = [
        Tampering(
            name: "a row of the ledger gets another principal",
            sql: "UPDATE position_ledger SET principal = 'somebody' "
                + "WHERE position = 1 AND version = 2",
            fault: .rowChanged,
            place: "position_ledger A@LON version 2 step 0",
        ),
        Tampering(
            name: "a row of the ledger gets another delta",
            sql: "UPDATE position_ledger SET held_delta = held_delta + 1 "
                + "WHERE position = 1 AND version = 3",
            fault: .rowChanged,
            place: "position_ledger A@LON version 3 step 0",
        ),
        Tampering(
            name: "a row of the ledger is removed: the version after it",
            sql: "DELETE FROM position_ledger WHERE position = 1 AND version = 3",
            fault: .versionGap,
            place: "position_ledger A@LON version 4 step 0",
        ),
        Tampering(
            name: "a row of the ledger is removed: its batch",
            sql: "DELETE FROM position_ledger WHERE position = 1 AND version = 3",
            fault: .rowRemoved,
            place: "batch ",
        ),
        Tampering(
            name: "a row is added to a sealed batch",
            sql: """
                INSERT INTO position_ledger (position, version, batch, at, kind, free_after)
                SELECT 1, 900, batch, at, 9, 5 FROM position_ledger
                WHERE position = 1 AND version = 2
                """,
            fault: .rowAdded,
            place: "position_ledger A@LON version 900 step 0",
        ),
        Tampering(
            name: "a row is added under a number that was never given out",
            sql: """
                INSERT INTO position_ledger (position, version, batch, at, kind, free_after)
                SELECT 1, 901, 1000000, at, 9, 5 FROM position_ledger
                WHERE position = 1 AND version = 2
                """,
            fault: .rowAdded,
            place: "position_ledger A@LON version 901 step 0",
        ),
        Tampering(
            name: "two rows change places",
            sql: """
                UPDATE position_ledger SET version = -version WHERE position = 1 AND version IN (2, 3);
                UPDATE position_ledger SET version = CASE version WHEN -2 THEN 3 ELSE 2 END
                WHERE position = 1 AND version < 0
                """,
            fault: .rowChanged,
            place: "position_ledger A@LON version 3 step 0",
        ),
        Tampering(
            name: "two rows change their batches",
            sql: """
                UPDATE position_ledger g SET batch = o.batch FROM position_ledger o
                WHERE g.position = 1 AND o.position = 1 AND g.step = 0 AND o.step = 0
                AND (g.version, o.version) IN ((2, 3), (3, 2))
                """,
            fault: .rowChanged,
            place: "position_ledger A@LON version 2 step 0",
        ),
        Tampering(
            name: "the free units of a row are another number",
            sql: "UPDATE position_ledger SET free_after = free_after + 1 "
                + "WHERE position = 1 AND version = 2",
            fault: .freeWrong,
            place: "position_ledger A@LON version 2 step 0",
        ),
        Tampering(
            name: "a balance is another number",
            sql: "UPDATE positions SET held = held + 1 WHERE id = 1",
            fault: .balanceWrong,
            place: "positions A@LON",
        ),
        Tampering(
            name: "a reservation gets another owner",
            sql: "UPDATE reservations SET owner = 'somebody' WHERE key = '\(id("h1"))'",
            fault: .rowChanged,
            place: "reservations \(id("h1"))",
        ),
        Tampering(
            name: "a reservation gets other quantities",
            sql: "UPDATE reservations SET quantities = '{7}' WHERE key = '\(id("h1"))'",
            fault: .rowChanged,
            place: "reservations \(id("h1"))",
        ),
        Tampering(
            name: "a reservation is released without an event",
            sql: "UPDATE reservations SET state = 4 WHERE key = '\(id("h3"))'",
            fault: .reservationWrong,
            place: "reservations \(id("h3"))",
        ),
        Tampering(
            name: "an event of a reservation is gone",
            sql: "DELETE FROM reservation_events WHERE key = '\(id("changed"))' AND sequence = 1",
            fault: .reservationWrong,
            place: "reservations \(id("changed"))",
        ),
        Tampering(
            name: "an event says another reason",
            sql: "UPDATE reservation_events SET reason = 'x' WHERE key = '\(id("gone"))'",
            fault: .rowChanged,
            place: "reservation_events \(id("gone")) sequence 1",
        ),
        Tampering(
            name: "an order costs another sum",
            sql: "UPDATE orders SET total_minor = 1",
            fault: .rowChanged,
            place: "order_events \(id("o1")) sequence 1",
        ),
        Tampering(
            name: "a stock command answers with another row",
            sql: "UPDATE stock_commands SET versions = '{9}' WHERE key = '\(id("r1"))'",
            fault: .rowChanged,
            place: "stock_commands \(id("r1"))",
        ),
        Tampering(
            name: "a seal is removed",
            sql: "DELETE FROM ledger_seals WHERE number = 2",
            fault: .chainBroken,
            place: "ledger_seals 3",
        ),
        Tampering(
            name: "the first seal is removed",
            sql: "DELETE FROM ledger_seals WHERE number = 1",
            fault: .chainBroken,
            place: "ledger_seals 2",
        ),
        Tampering(
            name: "a seal gets another digest",
            sql: "UPDATE ledger_seals SET digest = sha256('x') WHERE number = 2",
            fault: .sealChanged,
            place: "ledger_seals 2",
        ),
        Tampering(
            name: "a seal covers fewer batches",
            sql: "UPDATE ledger_seals SET last_batch = last_batch - 1 WHERE number = 2",
            fault: .chainBroken,
            place: "ledger_seals 3",
        ),
        Tampering(
            name: "a row and the mark of it are changed",
            sql: """
                UPDATE position_ledger SET reason = 'x' WHERE position = 1 AND version = 2;
                UPDATE ledger_seals s SET marks = (
                    SELECT string_agg(substr(digest, 1, 8), '' ORDER BY batch, digest)
                    FROM ledger_lines WHERE batch BETWEEN s.first_batch AND s.last_batch)
                """,
            fault: .sealChanged,
            place: "ledger_seals ",
        ),
    ]

    @Test func `whatever is changed afterwards is found, with its place`() async throws {
        try await withStore { store in
            try await store.history()
            try await store.sealAll(batchesEach: 4)
            #expect(try await store.findings() == [])
            for one in Self.tamperings {
                let found = try store.findings(after: one.sql)
                #expect(
                    found.contains { $0.fault == one.fault && $0.place.hasPrefix(one.place) },
                    "\(one.name): \(found)",
                )
                // Nobody is blamed for what others did.
                #expect(found.count <= 8, "\(one.name): \(found)")
            }
            #expect(try await store.findings() == [])
        }
    }

    @Test func `a chain that was made anew does not have the digest that was kept`() async throws {
        try await withStore { store in
            try await store.history()
            try await store.sealAll()
            let kept = try #require(try await store.audit.head().seal?.digest)
            let seals = try await store.audit.checkSeals(after: 0).seals
            #expect(seals.contains { $0.digest == kept })
            try store.sql(
                """
                UPDATE position_ledger SET principal = 'somebody' WHERE position = 1 AND version = 2;
                DELETE FROM ledger_seals
                """
            )
            try await store.sealAll()
            #expect(try await store.findings() == [])
            let made = try await store.audit.checkSeals(after: 0).seals
            #expect(!made.isEmpty)
            #expect(!made.contains { $0.digest == kept })
        }
    }

    @Test func `nothing is sealed that a writer could still come before`() async throws {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 10)])
            try await store.postgres.withSession { session in
                try await session.simple(
                    """
                    BEGIN; SELECT pg_advisory_xact_lock_shared(7301, 0);
                    INSERT INTO reservation_events SELECT gen_random_uuid(), 1, clock_timestamp(), 1,
                        nextval('batches'), NULL, NULL, 1, now(), '{}', '{}', '{}', '', '', '', '',
                        NULL, NULL, NULL
                    """
                )
                try await store.receive("later", [Demand(key: key("B"), quantity: 1)])
                let waiting = try await store.audit.seal()
                #expect(waiting.isWaiting)
                #expect(waiting.rows == 0)
                #expect(try store.sql("SELECT count(*) FROM ledger_seals") == "0")
                #expect(try await store.audit.head().unsealedRows == 4)
                try await session.simple("COMMIT")
            }
            let turn = try await store.audit.seal()
            #expect(!turn.isWaiting)
            #expect(turn.rows == 5)
            #expect(try await store.audit.checkSeals(after: 0).part.findings == [])
        }
    }

    @Test func `seals that are made while others write cover each row once`() async throws {
        try await withStore(connections: 8) { store in
            try await store.receive(
                "begin",
                ["A", "B", "C", "D"]
                    .flatMap { sku in
                        ["LON", "MAN", "PAR"].map { Demand(key: key(sku, $0), quantity: 50) }
                    },
            )
            // As long as the others write, however slow the machine is.
            let sealing = (0..<2)
                .map { _ in
                    Task {
                        while !Task.isCancelled { _ = try await store.audit.seal() }
                    }
                }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<5 {
                    group.addTask {
                        var run = StockPropertyTests.Run(store: store, worker: worker, seed: 7)
                        for _ in 0..<120 { try await run.step() }
                    }
                }
                try await group.waitForAll()
            }
            for task in sealing {
                task.cancel()
                try await task.value
            }
            try await store.sealAll()
            #expect(try await store.findings() == [])
            #expect(Int(try store.sql("SELECT count(*) FROM ledger_seals")) ?? 0 > 10)
            let twice = try store.sql(
                "SELECT count(*) FROM (SELECT unnest(batches) b FROM ledger_seals) u "
                    + "GROUP BY b HAVING count(*) > 1"
            )
            #expect(twice == "")
        }
    }
}

extension Store {
    /// The ledger as auditors ask it.
    var audit: LedgerHistory { LedgerHistory(postgres: postgres) }

    /// Something of every kind.
    func history() async throws {
        try await receive("r1", ["A", "B", "C"].map { Demand(key: key($0), quantity: 100) })
        for name in ["h1", "gone", "changed", "h2", "h3"] {
            try await hold(name, [Demand(key: key("A"), quantity: 4)])
        }
        try await hold("cart", ["A", "B", "C"].map { Demand(key: key($0), quantity: 2) })
        try await resolve("gone", kind: 2)
        try await resolve("h1", kind: 1)
        try sql(
            """
            SELECT resolve_batch(0::int2, 5::int2, ARRAY['\(id("changed"))'::uuid],
                ARRAY['\(id("change"))'::uuid], ARRAY['\(id("body"))'::uuid], ARRAY[0], ARRAY[false],
                ARRAY[''], ARRAY[NULL::uuid], ARRAY['tester'], ARRAY['r'], ARRAY[''], ARRAY['why'],
                ARRAY[1], (SELECT array_agg(id) FROM positions WHERE sku = 'A'), ARRAY[9::int8])
            """
        )
        _ = try await stock.setSafetyStock(header("s"), at: key("A"), quantity: 5, channel: "")
        _ = try await stock.setSafetyStock(header("w"), at: key("A"), quantity: 3, channel: "web")
        _ = try await place("o1", from: "cart", ["A", "B", "C"].map { line($0, 2) }).result()
        _ = try await change("c1", "o1", .cancel, [(1, 1)]).result()
        try await receive("r2", [Demand(key: key("C", "MAN"), quantity: 5)])
        _ = try await transfer("t1", "B", 5, isInTransit: true).result()
        let counts = CountLedger(postgres: postgres)
        let proposal = CountProposal(
            header: header("k1"),
            key: key("C"),
            counted: 90,
            countedAt: nil,
            reason: "COUNT",
            reference: "sheet",
        )
        _ = try await counts.propose(proposal)
        let decision = CountDecision(
            header: header("k2"),
            id: id("k1"),
            isApproved: true,
            allowsOwn: true,
        )
        _ = try await counts.decide(decision)
    }

    /// Seals everything that is committed.
    func sealAll(batchesEach: Int = 500) async throws {
        if batchesEach == 500 {
            while try await audit.seal().hasMore {}
            return
        }
        while try sql("SELECT more FROM seal_ledger(\(batchesEach), 1000)") == "t" {}
    }

    /// Everything that a check of all of it finds.
    func findings() async throws -> [LedgerFinding] {
        var findings: [LedgerFinding] = []
        var seal: Int64? = 0
        while let after = seal {
            let part = try await audit.checkSeals(after: after).part
            findings += part.findings
            seal = part.next
        }
        for place in try await audit.head().strangers {
            findings.append(LedgerFinding(fault: .rowAdded, place: place, detail: ""))
        }
        var position: PositionID? = 0
        while let after = position {
            let part = try await audit.checkPositions(after: after)
            findings += part.findings
            position = part.next
        }
        var reservation: ID?
        repeat {
            let part = try await audit.checkReservations(after: reservation)
            findings += part.findings
            reservation = part.next
        } while reservation != nil
        return findings
    }

    /// What is found after `sql`, which is undone again.
    func findings(after sql: String) throws -> [LedgerFinding] {
        let text = try self.sql(
            """
            BEGIN;
            \(sql);
            SELECT fault, place, coalesce(detail, '') FROM check_seals(0, 1000000)
                WHERE fault IS NOT NULL;
            SELECT 5, unnest(strangers), '' FROM unsealed_lines();
            SELECT f.fault, f.place, f.detail FROM check_positions(0, 1000),
                unnest(faults, places, details) AS f(fault, place, detail);
            SELECT 9, 'reservations ' || key, detail FROM check_reservations(NULL, 1000)
                WHERE detail IS NOT NULL;
            ROLLBACK;
            """
        )
        return text.split(separator: "\n")
            .compactMap { row in
                let columns = row.split(
                    separator: "|",
                    maxSplits: 2,
                    omittingEmptySubsequences: false
                )
                guard columns.count == 3, let number = Int16(columns[0]),
                    let fault = LedgerFault(rawValue: number)
                else { return nil }
                return LedgerFinding(
                    fault: fault,
                    place: String(columns[1]),
                    detail: String(columns[2])
                )
            }
    }
}
