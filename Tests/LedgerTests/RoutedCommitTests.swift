// Decisions are written with the reservations that were made by them, and with no others.

import Base
import Domain
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct RoutedCommitTests {
    @Test func `of a batch those that are held leave a decision, once`() async throws {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 10)])
            let fields = try store.sql("SELECT id, epoch FROM positions, cache_epoch")
                .split(
                    separator: "|"
                )
            let (position, epoch) = (try #require(Int64(fields[0])), try #require(Int64(fields[1])))
            func request(_ name: String, _ quantity: Int64, isRouted: Bool) -> CommitRequest {
                CommitRequest(
                    key: id(name),
                    fingerprint: id("body"),
                    lines: [(position: position, quantity: quantity)],
                    ttlMs: 900_000,
                    owner: "",
                    channel: "web",
                    origin: tester,
                    epoch: epoch,
                    route: isRouted
                        ? RouteRecord(
                            id: id(name),
                            channel: "web",
                            network: 1,
                            rules: RuleSetName(name: "web", version: 3),
                            shipments: "",
                            body: [1],
                        ) : nil,
                )
            }
            func commit(_ requests: [CommitRequest]) async throws -> [CommitOutcome] {
                let batch = CommitBatch(requests: requests)
                let rows = try await store.postgres.execute(batch.statement, batch.parameters())
                return batch.reply(rows).outcomes
            }
            let first = request("first", 4, isRouted: true)
            let outcomes = try await commit([
                request("plain", 3, isRouted: false), request("large", 9, isRouted: true), first,
            ])
            guard case .committed = outcomes[0], case .refused = outcomes[1],
                case .committed(let times) = outcomes[2]
            else {
                Issue.record("\(outcomes)")
                return
            }
            guard case .repeated(times) = try await commit([first])[0] else {
                Issue.record("a key that is held is not answered as it was")
                return
            }
            let stored = try store.sql(
                """
                SELECT d.id, t.reservation, d.rules_version, d.at = r.created_at
                FROM route_decisions d FULL JOIN reservation_routes t ON t.decision = d.id
                LEFT JOIN reservations r ON r.key = d.id
                """
            )
            #expect(stored == "\(id("first"))|\(id("first"))|3|t")
        }
    }
}
