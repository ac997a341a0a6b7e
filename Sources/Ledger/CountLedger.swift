// Cycle counts in Postgres: each command is one call of one function, which decides and writes.

package import Base
package import Domain
package import Postgres
package import Promising

/// Carries out commands on counts, and reads them.
package struct CountLedger: CountPort, Sendable {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    package func propose(_ proposal: CountProposal) async throws(Failure) -> CountOutcome {
        let rows = try await postgres.run(
            CountStatements.propose,
            [
                .uuid(proposal.header.key), .uuid(proposal.header.fingerprint),
                .text(proposal.key.sku), .text(proposal.key.node), .int8(proposal.counted),
                proposal.countedAt.map { .timestamptz($0) } ?? .null,
                .text(proposal.reason), .text(proposal.reference),
            ] + originValues(proposal.header),
        )
        switch rows[0].int2(0) {
        case 1, 2: return .done(Settlement(epoch: 0, rows: []))
        case 3: return .refused(.keyReused)
        case 4:
            let unknown = UnknownPart(column: rows[0].text(1))
            return .refused(.unknownPosition(line: 0, key: proposal.key, unknown: unknown))
        case let outcome: invariantBroken("propose_count said \(outcome)")
        }
    }

    package func decide(_ decision: CountDecision) async throws(Failure) -> CountOutcome {
        let rows = try await postgres.run(
            CountStatements.decide,
            [
                .uuid(decision.header.key), .uuid(decision.header.fingerprint),
                .uuid(decision.id), .int2(decision.isApproved ? 2 : 3),
                .bool(decision.allowsPart), .bool(decision.allowsOwn), .text(decision.note),
            ] + originValues(decision.header),
        )
        let row = rows[0]
        let id = decision.id.description
        switch row.int2(1) {
        case 1, 2:
            return .done(Settlement(epoch: row.int8(0), rows: rows.compactMap(\.countRow)))
        case 3: return .refused(.keyReused)
        case 5:
            return .refused(
                .notEnough(
                    line: 0,
                    key: try await place(of: decision.id),
                    requested: row.int8(3),
                    available: row.int8(4),
                    what: row.text(2),
                )
            )
        case 6: return .refused(.tooMany(line: 0, key: try await place(of: decision.id)))
        case 7: return .refused(.notFound(kind: .count, id: id))
        case 8: return .refused(.wrongState(kind: .count, id: id, state: row.text(2)))
        case 14: return .refused(.ownProposal(kind: .count, id: id))
        case let outcome: invariantBroken("decide_count said \(outcome)")
        }
    }

    package func count(id: ID) async throws(Failure) -> StockCount? {
        let rows = try await postgres.run(CountStatements.read, [.uuid(id)])
        guard let row = rows.first else { return nil }
        var count = row.count
        count.history = row.countHistory
        return count
    }

    package func counts(
        _ filter: CountFilter,
        before cursor: CountCursor?,
        limit: Int,
    ) async throws(Failure) -> [StockCount] {
        let last = CountCursor(
            proposedAt: Instant(microseconds: 253_402_300_799_000_000),
            id: ID(high: .max, low: .max),
        )
        let before = cursor ?? last
        let rows = try await postgres.run(
            CountStatements.list,
            [
                .int2(filter.state?.rawValue ?? 0), .text(filter.sku), .text(filter.node),
                .timestamptz(before.proposedAt), .uuid(before.id), .int8(Int64(limit)),
            ],
        )
        return rows.map(\.count)
    }

    package func shortHolds(
        at position: PositionID,
        units: Int64,
    ) async throws(Failure) -> [ShortHold] {
        let rows = try await postgres.run(
            CountStatements.shortHolds,
            [.int8(position), .int8(units)],
        )
        return rows.map { row in
            ShortHold(
                reservation: row.uuid(0),
                order: row.optionalUUID(1),
                owner: row.text(2),
                quantity: row.int8(3),
                short: row.int8(4),
                createdAt: row.timestamptz(5),
                expiresAt: row.optionalTimestamptz(6),
            )
        }
    }

    private func place(of id: ID) async throws(Failure) -> PositionKey {
        try await count(id: id)?.position.key ?? PositionKey(sku: "", node: "")
    }
}

extension PostgresRow {
    /// The ledger row of a decision, for the gate; nil when free stayed as it was.
    fileprivate var countRow: ViewRow? {
        guard let position = optionalInt8(5), let delta = optionalInt8(7) else { return nil }
        return ViewRow(
            position: position,
            version: int8(6),
            delta: delta,
            free: int8(8),
            isFresh: true,
        )
    }

    /// A row of read_count.sql or list_counts.sql, without history.
    fileprivate var count: StockCount {
        guard let state = CountState(rawValue: int2(1)) else {
            invariantBroken("a count in state \(int2(1))")
        }
        return StockCount(
            id: uuid(0),
            state: state,
            counted: int8(2),
            countedAt: timestamptz(3),
            expected: int8(4),
            difference: int8(5),
            applied: int8(6),
            reason: text(7),
            reference: text(8),
            proposedBy: text(9),
            proposedAt: timestamptz(10),
            position: position(first: 11),
        )
    }

    fileprivate var countHistory: [CountEvent] {
        let times = timestamptzs(19)
        let kinds = int2s(20)
        let principals = texts(21)
        let requests = texts(22)
        let traces = texts(23)
        let notes = texts(24)
        let units = int8s(25)
        let versions = int8s(26)
        return int4s(18).enumerated()
            .map { index, sequence in
                guard let kind = CountEventKind(rawValue: kinds[index]) else {
                    invariantBroken("a count has an event of kind \(kinds[index])")
                }
                return CountEvent(
                    sequence: sequence,
                    at: times[index],
                    kind: kind,
                    origin: Origin(
                        principal: principals[index],
                        requestID: requests[index],
                        traceID: traces[index],
                    ),
                    note: notes[index],
                    applied: units[index],
                    version: versions[index],
                )
            }
    }
}

/// The statements of counts.
private enum CountStatements {
    static let propose = Statement(
        "propose_count",
        file: PackageResources.propose_count_sql,
        [
            OID.uuid, OID.uuid, OID.text, OID.text, OID.int8, OID.timestamptz, OID.text, OID.text,
            OID.text, OID.text, OID.text,
        ],
        mayTakeLong: true,
    )
    static let decide = Statement(
        "decide_count",
        file: PackageResources.decide_count_sql,
        [
            OID.uuid, OID.uuid, OID.uuid, OID.int2, OID.bool, OID.bool, OID.text, OID.text,
            OID.text, OID.text,
        ],
        mayTakeLong: true,
    )
    static let read = Statement("read_count", file: PackageResources.read_count_sql, [OID.uuid])
    static let list = Statement(
        "list_counts",
        file: PackageResources.list_counts_sql,
        [OID.int2, OID.text, OID.text, OID.timestamptz, OID.uuid, OID.int8],
        mayTakeLong: true,
    )
    static let shortHolds = Statement(
        "short_holds",
        file: PackageResources.short_holds_sql,
        [OID.int8, OID.int8],
        mayTakeLong: true,
    )
}
