// A batch is inserted first, and known keys are looked up only where that shows that there are any.
// Looking them up before, as V0002 did, is the reference that it is held against.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct CommitFirstTests {
    /// One request of a batch.
    private struct Asked {
        var name: String
        var body = "body"
        var channel = "web"
        /// Units by the number of the position, from 1.
        var lines: [(position: Int, quantity: Int)]
    }

    private static let reference = "commit_looked_up"

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `inserting first decides like looking up first`(seed: UInt64) async throws {
        try await withStore { store in
            try await Self.setTheScene(store)
            var random = SplitMix(state: seed)
            var seen: Set<String> = []
            for round in 0..<25 {
                let batch = Self.batch(round, &random)
                let first = try store.sql(Self.script("commit_batch", batch))
                let reference = try store.sql(Self.script(Self.reference, batch))
                #expect(first == reference, "seed \(seed), round \(round): \(batch)")
                let outcome = first.split(separator: "\n").first { $0.contains("{") } ?? ""
                let codes = outcome.split(separator: "}").first ?? ""
                for code in "1234" where codes.contains(code) { seen.insert(String(code)) }
            }
            #expect(seen == ["1", "2", "3", "4"], "seed \(seed): every outcome must have come")
        }
    }

    @Test func `a key that another session commits meanwhile is answered, not taken twice`()
        async throws
    {
        try await withStore(connections: 4) { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 100)])
            let outcomes = try await withThrowingTaskGroup(of: Int16.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        try await store.hold("k", [Demand(key: key("A"), quantity: 1)])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == 1 } == 1)
            #expect(outcomes.count { $0 == 2 } == 15)
            #expect(try await store.position(key("A")).buckets.held == 1)
            #expect(try store.faults() == "")
        }
    }

    // MARK: Private

    private static func setTheScene(_ store: Store) async throws {
        // By the owner: the role of a server makes no functions.
        let text = String(decoding: PackageResources.V0002_reserve_sql, as: UTF8.self)
        try store.sql(
            text.replacingOccurrences(of: "FUNCTION commit_batch", with: "FUNCTION \(reference)")
        )
        try await store.receive(
            "r",
            ["A", "B", "C"].map { Demand(key: key($0), quantity: 12) },
        )
        for name in ["known one", "known two"] {
            try await store.hold(name, [Demand(key: key("A"), quantity: 1)])
        }
        try await store.hold("known wide", ["B", "C"].map { Demand(key: key($0), quantity: 1) })
        _ = try await store.stock.setSafetyStock(
            header("safety"),
            at: key("C"),
            quantity: 8,
            channel: "shop",
        )
    }

    private static func batch(_ round: Int, _ random: inout SplitMix) -> [Asked] {
        var names = (1...Int.random(in: 1...6, using: &random)).map { "new \(round) \($0)" }
        if round % 3 != 0 {
            names += ["known one", "known two", "known wide"].shuffled(using: &random)
                .prefix(Int.random(in: 1...3, using: &random))
        }
        return names.shuffled(using: &random)
            .map { name in
                let isKnown = name.hasPrefix("known")
                let count = round % 2 == 0 ? 1 : Int.random(in: 1...3, using: &random)
                let lines = (1...3).shuffled(using: &random).prefix(count).sorted()
                    .map { (position: $0, quantity: Int.random(in: 1...6, using: &random)) }
                return Asked(
                    name: name,
                    body: isKnown && Bool.random(using: &random) ? "other" : "body",
                    channel: Bool.random(using: &random) ? "shop" : "web",
                    lines: lines,
                )
            }
    }

    /// Commits the batch by `function`, shows all that it left behind, and undoes it.
    private static func script(_ function: String, _ batch: [Asked]) -> String {
        let all = { (text: (Asked) -> String) in batch.map(text).joined(separator: ", ") }
        let lines = batch.enumerated()
            .flatMap { index, asked in asked.lines.map { (index + 1, $0.position, $0.quantity) } }
        let used = Set(lines.map(\.1)).sorted()
        let place = { (position: Int) in (used.firstIndex(of: position) ?? 0) + 1 }
        let column = { (text: ((Int, Int, Int)) -> Int) in
            lines.map { "\(text($0))" }.joined(separator: ", ")
        }
        return """
            BEGIN;
            SELECT outcome, short_position, short_free, f.rows, r.rows,
                (SELECT array_agg(e - c ORDER BY n) FROM unnest(created_at, expires_at)
                    WITH ORDINALITY AS u(c, e, n))
            FROM \(function)(0::int2, (SELECT epoch FROM cache_epoch),
                (SELECT array_agg(id ORDER BY id) FROM positions
                    WHERE sku IN (\(used.map { "'\(["A", "B", "C"][$0 - 1])'" }
                        .joined(separator: ", ")))),
                ARRAY[\(all { "'\(id($0.name))'" })]::uuid[],
                ARRAY[\(all { "'\(id($0.body))'" })]::uuid[],
                ARRAY[\(all { _ in "60000" })], ARRAY[\(all { "'owner of \($0.name)'" })],
                ARRAY[\(all { "'\($0.channel)'" })], ARRAY[\(all { _ in "'tester'" })],
                ARRAY[\(all { "'request \($0.name)'" })], ARRAY[\(all { _ in "''" })],
                ARRAY[\(column(\.0))], ARRAY[\(column { place($0.1) })],
                ARRAY[\(column(\.2))]::int8[]) b
            CROSS JOIN LATERAL (SELECT array_agg(row(p, v, d, q)::text ORDER BY p) AS rows
                FROM unnest(fresh_position, fresh_version, fresh_delta, fresh_free)
                    AS u(p, v, d, q)) f
            CROSS JOIN LATERAL (SELECT array_agg(row(p, v, d, q)::text ORDER BY p, v) AS rows
                FROM unnest(replay_position, replay_version, replay_delta, replay_free)
                    AS u(p, v, d, q)) r;
            SELECT * FROM positions ORDER BY id;
            SELECT key, fingerprint, state, expires_at - created_at, first_expires_at = expires_at,
                events, positions, quantities, held, confirmed, versions, owner, channel,
                principal, request_id, trace_id
            FROM reservations ORDER BY key;
            SELECT position, version, step, kind, held_delta, free_after FROM position_ledger
                ORDER BY position, version, step;
            ROLLBACK;
            """
    }
}
