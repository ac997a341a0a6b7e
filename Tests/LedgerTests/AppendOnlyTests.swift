// A server's role can add to the ledger and cannot change it; what it must be able to do is shown by
// all other tests of this module, which have that role, too.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct AppendOnlyTests {
    /// The SQLSTATE with which a statement is refused to the server's role; empty when it is done.
    private func refusal(_ sql: String, _ store: Store, _ number: Int) async -> String {
        do throws(PostgresError) {
            _ = try await store.postgres.execute(Statement(name: "try_\(number)", sql: sql), [])
            return ""
        } catch {
            return error.sqlstate
        }
    }

    @Test func `the role of a server cannot rewrite what is written once`() async throws {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 10)])
            try await store.hold("h", [Demand(key: key("A"), quantity: 2)])
            try await store.resolve("h", kind: 2)
            let ledger = LedgerHistory(postgres: store.postgres)
            #expect(try await ledger.seal().rows > 0)
            let tables = [
                "position_ledger", "reservation_events", "order_events", "count_events",
                "stock_commands", "ledger_seals", "shipment_events", "exception_events",
            ]
            var attempts = tables.flatMap { table in
                [
                    "UPDATE \(table) SET batch = batch", "DELETE FROM \(table)",
                    "TRUNCATE \(table)",
                ]
            }
            attempts += [
                "UPDATE position_ledger SET principal = 'nobody' WHERE version = 1",
                "UPDATE stock_commands SET positions = positions",
                "UPDATE ledger_seals SET digest = digest",
                "INSERT INTO ledger_seals SELECT * FROM ledger_seals",
                "UPDATE reservations SET owner = owner", "UPDATE reservations SET batch = batch",
                "UPDATE orders SET total_minor = total_minor",
                "UPDATE order_lines SET ordered = ordered",
                "UPDATE stock_counts SET difference = difference",
                "DELETE FROM positions", "DELETE FROM reservations", "DELETE FROM orders",
                "DELETE FROM order_lines", "DELETE FROM stock_counts",
                "INSERT INTO serving_privileges VALUES ('x', 'ALL')",
                "ALTER TABLE position_ledger DISABLE TRIGGER ALL",
                "CREATE TABLE mine (a int)",
                "SELECT setval('batches', 1)",
            ]
            let before = try store.dump()
            for (number, sql) in attempts.enumerated() {
                let state = await refusal(sql, store, number)
                // 42703: a table without such a column refuses the column, not the caller.
                #expect(["42501", "42703"].contains(state), "\(sql): \(state)")
            }
            #expect(await refusal("DELETE FROM position_ledger", store, -1) == "42501")
            #expect(try store.dump() == before)
            // Who owns the tables could do all of it.
            try store.sql("BEGIN; DELETE FROM position_ledger; ROLLBACK")
        }
    }

    @Test func `a server notices when it could rewrite the ledger`() async throws {
        try await withStore { store in
            let serving = try await ServingRole.current(store.postgres)
            #expect(serving.rewritableTables == [])
            #expect(serving.role == servingRole)
            let owner = PostgresClient(
                configuration: PostgresConfiguration(
                    conninfo: store.conninfo,
                    connections: 1,
                    writers: 0,
                )
            )
            try owner.start()
            let owning = try await ServingRole.current(owner)
            await owner.shutdown()
            #expect(owning.rewritableTables.contains("position_ledger"))
            #expect(owning.rewritableTables.contains("ledger_seals"))
            try store.sql("GRANT UPDATE (reason) ON position_ledger TO \(servingRole)")
            let careless = try await ServingRole.current(store.postgres)
            #expect(careless.rewritableTables == ["position_ledger"])
            // Setting the role up again takes it back.
            try store.sql("SELECT grant_serving('\(servingRole)')")
            let again = try await ServingRole.current(store.postgres)
            #expect(again.rewritableTables == [])
        }
    }

    @Test func `whoever takes a number for his batch has all his locks by then`() async throws {
        try await withStore { store in
            let names = try store.sql(
                """
                SELECT proname FROM (
                    -- What another function locks is locked where it is called.
                    SELECT proname, replace(replace(prosrc, 'lock_reroute(', 'FOR NO KEY UPDATE'),
                        'begin_network_command(',
                        'pg_advisory_xact_lock_shared(7301 FOR NO KEY UPDATE') AS prosrc
                    FROM pg_proc
                    -- Their callers have begun a command, see below, or lay slots with the locks taken.
                    WHERE proname NOT IN ('put_slots', 'note_rule_change')) f
                WHERE prosrc LIKE '%nextval(''batches'')%'
                AND NOT (position('pg_advisory_xact_lock_shared(7301' IN prosrc) > 0
                    AND position('pg_advisory_xact_lock_shared(7301' IN prosrc)
                        < position('nextval(''batches'')' IN prosrc)
                    AND (proname = 'propose_count' OR position('FOR NO KEY UPDATE' IN prosrc) > 0
                        AND position('FOR NO KEY UPDATE' IN prosrc)
                        < position('nextval(''batches'')' IN prosrc)))
                """
            )
            #expect(names == "")
            let begin = try store.sql(
                """
                SELECT count(*) FROM pg_proc
                WHERE proname IN ('begin_network_command', 'begin_rule_command')
                AND prosrc LIKE '%pg_advisory_xact_lock_shared(7301%'
                """
            )
            #expect(begin == "2")
            let count = try store.sql(
                "SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%nextval(''batches'')%'"
            )
            #expect(Int(count) ?? 0 >= 9)
        }
    }
}
