// The ledger for auditors: each method is one statement, at one snapshot, and bounded.

package import Base
package import Domain
package import Postgres
package import Promising

/// Checks the ledger, seals it, and rebuilds what was.
package struct LedgerHistory: LedgerHistoryPort, SealPort, Sendable {
    private let postgres: PostgresClient

    /// Rows that one look at seals reads, at least.
    private let rowsEnough: Int64 = 50_000
    private let positionsMax: Int32 = 100
    /// What `check_positions` says of a row that was wrong and is taken back by a later one.
    private static let repairedFree: Int16 = 10
    private let reservationsMax: Int32 = 1_000
    /// Batches of one seal: what a busy server commits in a second or two.
    private let sealBatchesMax: Int32 = 500
    /// How long a turn of the sealer, or a look at the latest moment, waits for writers.
    private let writersMs: Int32 = 1_000

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    // MARK: Sealing

    package func seal() async throws(Failure) -> SealTurn {
        let row = try await asked(
            HistoryStatements.sealLedger,
            [.int4(sealBatchesMax), .int4(writersMs)]
        )[0]
        return SealTurn(
            isBusy: row.bool(0),
            isWaiting: row.bool(1),
            rows: row.int8(2),
            hasMore: row.bool(3),
        )
    }

    package func head() async throws(Failure) -> LedgerHead {
        let row = try await asked(HistoryStatements.ledgerHead, [])[0]
        let seal = row.optionalInt8(0)
            .map { CheckedSeal(number: $0, digest: row.text(1), rows: 0) }
        return LedgerHead(
            seal: seal,
            batch: row.optionalInt8(2) ?? 0,
            sealedAt: row.optionalTimestamptz(3),
            unsealedRows: row.int8(4),
            unsealedSince: row.optionalTimestamptz(5),
            strangers: row.isNull(6) ? [] : row.texts(6),
        )
    }

    // MARK: Checks

    package func checkSeals(
        after number: Int64
    ) async throws(Failure) -> (part: CheckedPart<Int64>, seals: [CheckedSeal]) {
        let rows = try await asked(
            HistoryStatements.checkSeals,
            [.int8(number), .int8(rowsEnough)]
        )
        var part = CheckedPart<Int64>(checked: 0, rows: 0, findings: [], next: nil)
        var seals: [CheckedSeal] = []
        for row in rows {
            if let fault = row.optionalInt2(3) {
                part.findings.append(
                    LedgerFinding(
                        fault: LedgerFault(stored: fault),
                        seal: row.int8(0),
                        batch: row.int8(4),
                        place: row.text(5),
                        detail: row.text(6),
                    )
                )
            } else {
                seals.append(
                    CheckedSeal(number: row.int8(0), digest: row.text(2), rows: row.int8(1))
                )
                part.rows += row.int8(1)
            }
        }
        part.checked = seals.count
        part.next = seals.last?.number
        return (part, seals)
    }

    package func checkPositions(
        after id: PositionID
    ) async throws(Failure) -> CheckedPart<PositionID> {
        let rows = try await asked(
            HistoryStatements.checkPositions,
            [.int8(id), .int4(positionsMax)]
        )
        var part = CheckedPart<PositionID>(
            checked: rows.count,
            rows: 0,
            findings: [],
            next: rows.count < Int(positionsMax) ? nil : rows.last?.int8(0),
        )
        for row in rows {
            part.rows += row.int8(1)
            if row.isNull(2) { continue }
            let places = row.texts(3)
            let details = row.texts(4)
            for (index, fault) in row.int2s(2).enumerated() {
                let isRepaired = fault == Self.repairedFree
                let finding = LedgerFinding(
                    fault: isRepaired ? .freeWrong : LedgerFault(stored: fault),
                    place: places[index],
                    detail: details[index],
                )
                if isRepaired {
                    part.repaired.append(finding)
                } else {
                    part.findings.append(finding)
                }
            }
        }
        return part
    }

    package func checkReservations(after id: ID?) async throws(Failure) -> CheckedPart<ID> {
        let rows = try await asked(
            HistoryStatements.checkReservations,
            [id.map { .uuid($0) } ?? .null, .int4(reservationsMax)]
        )
        var part = CheckedPart<ID>(
            checked: rows.count,
            rows: 0,
            findings: [],
            next: rows.count < Int(reservationsMax) ? nil : rows.last?.uuid(0),
        )
        for row in rows {
            part.rows += row.int8(2)
            guard let detail = row.optionalText(3) else { continue }
            part.findings.append(
                LedgerFinding(
                    fault: .reservationWrong,
                    batch: row.int8(1),
                    place: "reservations \(row.uuid(0))",
                    detail: detail,
                )
            )
        }
        return part
    }

    // MARK: Moments

    package func batch(at moment: Instant) async throws(Failure) -> MomentOutcome {
        let row = try await asked(
            HistoryStatements.momentBatch,
            [.timestamptz(moment), .int4(writersMs)]
        )[0]
        switch row.int2(0) {
        case 1: return .batch(row.int8(1))
        case 2: return .isAhead
        default: throw .unavailable(what: "a transaction that has not ended", retryAfterMs: 1_000)
        }
    }

    package func positions(
        asOf batch: Int64,
        after cursor: PositionKey?,
        limit: Int,
    ) async throws(Failure) -> (positions: [Position], next: PositionKey?) {
        let rows = try await asked(
            HistoryStatements.positionsAsOf,
            [
                .int8(batch), .text(cursor?.sku ?? ""), .text(cursor?.node ?? ""),
                .int4(Int32(clamping: limit)),
            ],
        )
        let found = rows.filter { !$0.isNull(3) }.map { $0.position(first: 0) }
        guard rows.count == limit, let last = rows.last else { return (found, nil) }
        return (found, PositionKey(sku: last.text(1), node: last.text(2)))
    }

    package func reservations(
        asOf batch: Int64,
        after cursor: ID?,
        limit: Int,
    ) async throws(Failure) -> (reservations: [Reservation], next: ID?) {
        let rows = try await asked(
            HistoryStatements.reservationsAsOf,
            [.int8(batch), cursor.map { .uuid($0) } ?? .null, .int4(Int32(clamping: limit))],
        )
        let found = rows.filter { !$0.isNull(1) }.compactMap { $0.optionalReservation() }
        return (found, rows.count < limit ? nil : rows.last?.uuid(0))
    }

    private func asked(
        _ statement: Statement,
        _ parameters: [PostgresValue],
    ) async throws(Failure) -> PostgresResult {
        do throws(PostgresError) {
            return try await postgres.execute(statement, parameters)
        } catch {
            throw error.failure
        }
    }
}

extension LedgerFault {
    /// Reads the number that a check of the database tells.
    fileprivate init(stored number: Int16) {
        guard let fault = LedgerFault(rawValue: number) else {
            invariantBroken("a check found the fault \(number)")
        }
        self = fault
    }
}

/// The statements of this file.
private enum HistoryStatements {
    static let sealLedger = Statement(
        "seal_ledger",
        file: PackageResources.seal_ledger_sql,
        [OID.int4, OID.int4]
    )
    static let ledgerHead = Statement(
        "ledger_head",
        file: PackageResources.ledger_head_sql,
        [],
        mayTakeLong: true,
    )
    static let checkSeals = Statement(
        "check_seals",
        file: PackageResources.check_seals_sql,
        [OID.int8, OID.int8],
        mayTakeLong: true,
    )
    static let checkPositions = Statement(
        "check_positions",
        file: PackageResources.check_positions_sql,
        [OID.int8, OID.int4],
        mayTakeLong: true,
    )
    static let checkReservations = Statement(
        "check_reservations",
        file: PackageResources.check_reservations_sql,
        [OID.uuid, OID.int4],
        mayTakeLong: true,
    )
    static let momentBatch = Statement(
        "moment_batch",
        file: PackageResources.moment_batch_sql,
        [OID.timestamptz, OID.int4],
        mayTakeLong: true,
    )
    static let positionsAsOf = Statement(
        "positions_as_of",
        file: PackageResources.positions_as_of_sql,
        [OID.int8, OID.text, OID.text, OID.int4],
        mayTakeLong: true,
    )
    static let reservationsAsOf = Statement(
        "reservations_as_of",
        file: PackageResources.reservations_as_of_sql,
        [OID.int8, OID.uuid, OID.int4],
        mayTakeLong: true,
    )
}
