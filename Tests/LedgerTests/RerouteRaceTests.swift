// Units that are cancelled while a reroute is being handed out.

import Base
import Domain
import Promising
import Testing

@testable import Ledger

@Suite struct RerouteRaceTests {
    @Test func `a job whose units are cancelled while it is handed out is none`() async throws {
        try await withStore { store in
            try await store.network()
            let made = try await store.shipment(of: "o1")
            _ = try await store.step("r", made.id, .reject, code: "NO_STAFF").shipment()
            // Half a second after each statement that changes reroutes: one leases, one closes what needs
            // no place; then comes the one that hands out.
            try store.sql(
                """
                CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
                CREATE TRIGGER rest AFTER UPDATE ON reroutes FOR EACH STATEMENT EXECUTE FUNCTION rest()
                """
            )
            async let claimed = store.claim()
            try await Task.sleep(for: .milliseconds(700))
            guard case .done = try await store.change("c", "o1", .cancel, [(1, 4), (2, 3)]) else {
                Issue.record("the order was not cancelled")
                return
            }
            #expect(try await claimed.isEmpty)
            try store.sql("DROP TRIGGER rest ON reroutes")
            // It is closed by whoever looks when its lease is over.
            try store.sql("UPDATE reroutes SET due_at = now() WHERE state = 1")
            #expect(try await store.claim().isEmpty)
            #expect(try store.sql("SELECT state FROM reroutes") == "4")
            #expect(try store.faults() == "")
        }
    }
}
