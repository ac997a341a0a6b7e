// Whole holds are resolved by a few statements for all of them; looking at each by itself, as lines
// need it, is the reference that they are held against.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct ResolveWholeTests {
    /// What a caller could have sent, and a few things that nobody should.
    private static let names = [
        "one", "three", "half", "confirmed", "released", "late", "late and half", "again", "nobody",
    ]

    @Test(arguments: [1, 2, 3] as [Int16])
    func `all at once decide like each by itself`(kind: Int16) async throws {
        try await withStore { store in
            try await Self.setTheScene(store)
            var random = SplitMix(state: UInt64(kind))
            for round in 0..<20 {
                let names = Self.names.shuffled(using: &random)
                    .prefix(round == 0 ? Self.names.count : Int.random(in: 1...9, using: &random))
                let each = try store.sql(Self.script("resolve_each", kind, Array(names)))
                let whole = try store.sql(Self.script("resolve_batch", kind, Array(names)))
                #expect(each == whole, "round \(round), \(names)")
                if round == 0 {
                    #expect(each.contains("{"), "a round that decides nothing proves nothing")
                }
            }
        }
    }

    @Test func `whole holds do not go the way of lines`() async throws {
        try await withStore { store in
            try await Self.setTheScene(store)
            try store.sql("DROP FUNCTION resolve_each")
            #expect(try await store.resolve("one", kind: 1) == 1)
            #expect(try await store.resolve("three", kind: 2) == 1)
            #expect(try await store.resolve("late", kind: 3) == 1)
            #expect(try store.faults() == "")
        }
    }

    @Test func `a request key that two commands of one turn share counts once`() async throws {
        try await withStore { store in
            try await Self.setTheScene(store)
            let queries = ReservationQueries(postgres: store.postgres)
            let commands = ["one", "three", "one"]
                .map { name in
                    ReservationCommand(
                        kind: .release,
                        id: id(name),
                        requestKey: id("the key"),
                        fingerprint: id("the body"),
                        origin: tester,
                    )
                }
            let outcomes = try await queries.carryOut(commands).map { try $0.get().outcome }
            #expect(outcomes == [1, 3, 2])
            #expect(try store.faults() == "")
        }
    }

    private static func setTheScene(_ store: Store) async throws {
        try await store.receive(
            "r",
            ["A", "B", "C"].map { Demand(key: key($0), quantity: 100) },
        )
        for name in ["one", "half", "confirmed", "released", "again"] {
            try await store.hold(name, [Demand(key: key("A"), quantity: 4)])
        }
        try await store.hold(
            "three",
            ["A", "B", "C"].map { Demand(key: key($0), quantity: 2) },
        )
        for name in ["late", "late and half"] {
            try await store.hold(name, [Demand(key: key("B"), quantity: 3)])
        }
        try await store.resolve("confirmed", kind: 1)
        try await store.resolve("released", kind: 2)
        for name in ["half", "late and half"] {
            let place = key(name == "half" ? "A" : "B")
            var command = ReservationCommand(
                kind: .confirm,
                id: id(name),
                requestKey: nil,
                fingerprint: id("body"),
                origin: tester,
            )
            command.lines = [Demand(key: place, quantity: 1)]
            let position = try #require(
                PositionID(
                    store.sql("SELECT id FROM positions WHERE sku = '\(place.sku)'")
                        .trimmingCharacters(in: .whitespacesAndNewlines)
                )
            )
            let queries = ReservationQueries(postgres: store.postgres)
            let reply = try await queries.carryOut(command, [position]).get()
            #expect(reply.outcome == 1)
        }
        let again = ReservationCommand(
            kind: .release,
            id: id("again"),
            requestKey: id("key of again"),
            fingerprint: id("body of again"),
            origin: tester,
        )
        let queries = ReservationQueries(postgres: store.postgres)
        #expect(try await queries.carryOut([again])[0].get().outcome == 1)
        try store.sql(
            """
            UPDATE reservations SET expires_at = now() - interval '1 second'
            WHERE key IN ('\(id("late"))', '\(id("late and half"))')
            """
        )
    }

    /// Resolves the reservations by `function`, shows all that it left behind, and undoes it.
    private static func script(_ function: String, _ kind: Int16, _ names: [String]) -> String {
        let all = { (text: (String) -> String) in names.map(text).joined(separator: ", ") }
        // One of them repeats a request, one brings its key with another body.
        let keys = all { name in
            switch name {
            case "again", "one": "'\(id("key of again"))'"
            case "three": "'\(id("key of three"))'"
            default: "NULL"
            }
        }
        let same = all { _ in "''" }
        return """
            BEGIN;
            SELECT epoch, outcome, state, fresh
            FROM \(function)(0::int2, \(kind)::int2,
                ARRAY[\(all { "'\(id($0))'" })]::uuid[], ARRAY[\(keys)]::uuid[],
                ARRAY[\(all { "'\(id($0 == "again" ? "body of again" : $0))'" })]::uuid[],
                ARRAY[\(all { _ in "0" })], ARRAY[\(all { _ in "false" })],
                ARRAY[\(same)], ARRAY[\(all { _ in "NULL" })]::uuid[],
                ARRAY[\(all { "'who \($0)'" })], ARRAY[\(all { "'request \($0)'" })],
                ARRAY[\(same)], ARRAY[\(all { "'why \($0)'" })], '{}', '{}', '{}') r
            CROSS JOIN LATERAL (
                SELECT array_agg(row(p, v, d, f)::text ORDER BY p) AS fresh
                FROM unnest(fresh_position, fresh_version, fresh_delta, fresh_free) u(p, v, d, f)
            ) s;
            SELECT * FROM positions ORDER BY id;
            SELECT key, state, expires_at, events, positions, quantities, held, confirmed, versions
            FROM reservations ORDER BY key;
            SELECT key, sequence, kind, request_key, fingerprint, state, expires_at, quantities,
                held, confirmed, principal, request_id, trace_id, reason
            FROM reservation_events ORDER BY key, sequence;
            SELECT position, version, step, kind, held_delta, allocated_delta, free_after,
                principal, request_id, trace_id, reason
            FROM position_ledger ORDER BY position, version, step;
            ROLLBACK;
            """
    }
}
