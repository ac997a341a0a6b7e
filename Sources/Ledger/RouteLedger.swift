// What routing asks of Postgres, from one loop: what is asked within a turn travels together.

package import Base
internal import Domain
package import Loop
package import Postgres
package import Promising

/// Decisions, and what they are proven by.
package final class RouteLedger: RouteLedgerPort {
    private let postgres: PostgresClient
    private let finding: TurnBatch<[String], Result<[[NodePosition]], Failure>>
    private let proving: TurnBatch<RouteProofQuestion, Result<RouteProof, Failure>>
    private let noting: TurnBatch<RouteRecord, Result<Void, Failure>>

    package init(loop: Loop, postgres: PostgresClient) {
        self.postgres = postgres
        let queries = RouteQueries(postgres: postgres)
        finding = TurnBatch(loop: loop, itemsMax: 100, late: .failure(.deadlineExceeded)) {
            await queries.find($0)
        }
        proving = TurnBatch(loop: loop, itemsMax: 100, late: .failure(.deadlineExceeded)) {
            await queries.prove($0)
        }
        noting = TurnBatch(loop: loop, itemsMax: 500, late: .failure(.deadlineExceeded)) {
            await queries.note($0)
        }
    }

    package func positions(of skus: [String]) async throws(Failure) -> [[NodePosition]] {
        try await finding.answer(skus).get()
    }

    package func prove(_ question: RouteProofQuestion) async throws(Failure) -> RouteProof {
        try await proving.answer(question).get()
    }

    package func note(_ record: RouteRecord) async throws(Failure) {
        try await noting.answer(record).get()
    }

    package func decisions(_ ids: [ID]) async throws(Failure) -> [StoredRoute?] {
        do throws(PostgresError) {
            let rows = try await postgres.execute(RouteStatements.decisions, [.uuids(ids)])
            var found: [ID: StoredRoute] = [:]
            for row in rows { found[row.uuid(0)] = row.storedRoute() }
            return ids.map { found[$0] }
        } catch {
            throw error.failure
        }
    }

    package func decisions(_ filter: RouteFilter) async throws(Failure) -> [StoredRoute] {
        do throws(PostgresError) {
            return
                try await postgres.execute(
                    RouteStatements.list,
                    [
                        filter.channel.map { .text($0) } ?? .null,
                        filter.before.map { .timestamptz($0.at) } ?? .null,
                        filter.before.map { .uuid($0.id) } ?? .null,
                        .int4(Int32(clamping: filter.count)),
                        .bool(filter.withPreviews),
                    ],
                )
                .map { $0.storedRoute() }
        } catch {
            throw error.failure
        }
    }
}

/// Deletes decisions that nobody reserved by, when they are old.
package struct RouteRetention: RouteRetentionPort, Sendable {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    package func forget(olderThan days: Int32, count: Int32) async throws(Failure) -> Int64 {
        do throws(PostgresError) {
            return
                try await
                postgres.execute(
                    RouteStatements.forget,
                    [.int4(days), .int4(count)],
                )[0]
                .int8(0)
        } catch {
            throw error.failure
        }
    }
}

/// The statements behind the batches.
private struct RouteQueries: Sendable {
    let postgres: PostgresClient

    func find(_ questions: [[String]]) async -> [Result<[[NodePosition]], Failure>] {
        let skus = Array(Set(questions.joined()))
        do throws(PostgresError) {
            var found: [String: [NodePosition]] = [:]
            for row in try await postgres.execute(RouteStatements.find, [.texts(skus)]) {
                found[row.text(0), default: []]
                    .append(NodePosition(node: row.text(1), id: row.int8(2)))
            }
            return questions.map { .success($0.map { found[$0] ?? [] }) }
        } catch {
            return questions.map { _ in .failure(error.failure) }
        }
    }

    func prove(_ questions: [RouteProofQuestion]) async -> [Result<RouteProof, Failure>] {
        let skus = Array(Set(questions.lazy.flatMap(\.skus)))
        let positions = Array(Set(questions.lazy.flatMap(\.positions)))
        let keys = questions.compactMap(\.key)
        do throws(PostgresError) {
            // Keys come last: a reservation that took what a position is seen to lack is seen as well.
            let results = try await postgres.transaction([
                (RouteStatements.prove, [.texts(skus), .int8s(positions)]),
                (SQL.knownKeys, [.int2(shard), .uuids(keys)]),
            ])
            let loaded = results[0].loadedPositions()
            var nodes: [String: [NodePosition]] = [:]
            for row in results[0] {
                nodes[row.text(5), default: []]
                    .append(NodePosition(node: row.text(6), id: row.int8(0)))
            }
            var known: [ID: KnownReservation] = [:]
            for row in results[1] {
                guard let key = row.optionalUUID(1) else { continue }
                known[key] = KnownReservation(
                    fingerprint: row.uuid(2),
                    times: HoldTimes(
                        createdAt: row.timestamptz(3),
                        expiresAt: row.timestamptz(4),
                    ),
                )
            }
            let epoch = results[1][0].int8(0)
            return questions.map { question in
                .success(
                    RouteProof(
                        epoch: epoch,
                        known: question.key.flatMap { known[$0] },
                        positions: loaded,
                        skus: question.skus.map { nodes[$0] ?? [] },
                    )
                )
            }
        } catch {
            return questions.map { _ in .failure(error.failure) }
        }
    }

    func note(_ records: [RouteRecord]) async -> [Result<Void, Failure>] {
        do throws(PostgresError) {
            _ = try await postgres.execute(
                RouteStatements.note,
                [
                    .uuids(records.map(\.id)), .texts(records.map(\.channel)),
                    .int8s(records.map(\.network)), .texts(records.map(\.rules.name)),
                    .int4s(records.map(\.rules.version)), .texts(records.map(\.shipments)),
                    .byteas(records.map(\.body)),
                ],
            )
            return records.map { _ in .success(()) }
        } catch {
            return records.map { _ in .failure(error.failure) }
        }
    }
}

extension PostgresRow {
    /// A row of route_decisions.sql or list_routes.sql.
    fileprivate func storedRoute() -> StoredRoute {
        StoredRoute(
            record: RouteRecord(
                id: uuid(1),
                channel: text(3),
                network: int8(4),
                rules: RuleSetName(name: text(5), version: int4(6)),
                shipments: text(7),
                body: bytea(8),
            ),
            at: timestamptz(2),
            isReserved: bool(9),
        )
    }
}

private enum RouteStatements {
    static let find = Statement(
        "sku_positions",
        file: PackageResources.sku_positions_sql,
        [OID.texts]
    )
    static let prove = Statement(
        "prove_route",
        file: PackageResources.prove_route_sql,
        [OID.texts, OID.int8s]
    )
    static let note = Statement(
        "note_routes",
        file: PackageResources.note_routes_sql,
        [OID.uuids, OID.texts, OID.int8s, OID.texts, OID.int4s, OID.texts, OID.byteas]
    )
    static let decisions = Statement(
        "route_decisions",
        file: PackageResources.route_decisions_sql,
        [OID.uuids]
    )
    static let list = Statement(
        "list_routes",
        file: PackageResources.list_routes_sql,
        [OID.text, OID.timestamptz, OID.uuid, OID.int4, OID.bool],
        mayTakeLong: true,
    )
    static let forget = Statement(
        "forget_routes",
        file: PackageResources.forget_routes_sql,
        [OID.int4, OID.int4],
        mayTakeLong: true,
    )
}
