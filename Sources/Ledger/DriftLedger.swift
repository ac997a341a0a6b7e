// Positions and their ledgers as the audit of drift reads them, the history of what it found, and the
// one repair that writes to Postgres.

internal import Base
package import Domain
package import Postgres
package import Promising

/// The ledger, for the audit of drift.
package struct DriftLedger: DriftLedgerPort {
    private let postgres: PostgresClient
    /// The limit in audit_positions.sql.
    private static let rowsMax: Int64 = 5_000

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    // MARK: Audit

    package func images(
        _ questions: [LedgerQuestion]
    ) async throws(Failure) -> [LedgerImage?] {
        var images = [LedgerImage?](repeating: nil, count: questions.count)
        var folds = questions.map { question in
            if case .after(let fold) = question.start { fold } else { LedgerFold() }
        }
        // A long ledger is summed in parts; only the last of them has to be of the same snapshot as
        // the position.
        var open = Array(questions.indices)
        while !open.isEmpty {
            var unfinished: [Int] = []
            for row in try await rows(open.map { (questions[$0], folds[$0]) }) {
                let index = open[Int(row.int8(0)) - 1]
                if case .believing = questions[index].start {
                    let version = row.int8(3)
                    folds[index] = LedgerFold(
                        version: version,
                        step: row.int4(4),
                        sums: StockBuckets(columns: row.int8s(5)),
                        versions: version,
                    )
                } else {
                    folds[index].add(row)
                    if row.int8(11) == Self.rowsMax { unfinished.append(index) }
                }
                images[index] = LedgerImage(questions[index], row, folds[index])
            }
            open = unfinished
        }
        return images
    }

    private func rows(
        _ questions: [(question: LedgerQuestion, fold: LedgerFold)]
    ) async throws(Failure) -> PostgresResult {
        let afters = questions.map { question, fold in
            question.start == .believing
                ? (version: Int64.max, step: Int32.max)
                : (version: fold.version, step: fold.step)
        }
        return try await run(
            DriftStatements.auditPositions,
            [
                .int8s(questions.map(\.question.position)),
                .int8s(questions.map { $0.question.view?.version ?? -1 }),
                .texts(
                    questions.map { question, _ in
                        (question.view?.beyond ?? []).map(String.init).joined(separator: ",")
                    }
                ),
                .int8s(afters.map(\.version)), .int4s(afters.map(\.step)),
            ],
        )
    }

    package func breaks(of position: PositionID) async throws(Failure) -> [LedgerBreak] {
        try await run(DriftStatements.ledgerBreaks, [.int8(position)])
            .map { row in
                LedgerBreak(
                    version: row.int8(0),
                    step: row.int4(1),
                    batch: row.int8(2),
                    at: row.timestamptz(3),
                    units: row.int8(4),
                )
            }
    }

    package func positions(
        in scope: DriftScope,
        after cursor: AuditedPosition?,
        limit: Int,
    ) async throws(Failure) -> [AuditedPosition] {
        let limit = PostgresValue.int8(Int64(limit))
        let rows =
            switch scope {
            case .all:
                try await run(DriftStatements.auditAll, [.int8(cursor?.id ?? 0), limit])
            case .sku(let sku, let node):
                try await run(
                    DriftStatements.auditSKU,
                    [.text(sku), .text(cursor?.key.node ?? ""), .text(node), limit],
                )
            case .node(let node):
                try await run(
                    DriftStatements.auditNode,
                    [.text(node), .text(cursor?.key.sku ?? ""), limit],
                )
            }
        return rows.map { row in
            AuditedPosition(
                id: row.int8(0),
                key: PositionKey(sku: row.text(1), node: row.text(2)),
            )
        }
    }

    package func positionCount() async throws(Failure) -> Int64 {
        try await run(DriftStatements.positionCount, [])[0].int8(0)
    }

    package func position(_ key: PositionKey) async throws(Failure) -> PositionID? {
        try await positions(in: .sku(key.sku, node: key.node), after: nil, limit: 1).first?.id
    }

    // MARK: History

    package func note(_ events: [DriftEvent]) async throws(Failure) {
        if events.isEmpty { return }
        _ = try await run(
            DriftStatements.noteDrift,
            [
                .int8s(events.map(\.position)), .int2s(events.map(\.kind.rawValue)),
                .int2s(events.map(\.finding.kind.rawValue)), .int8s(events.map(\.finding.units)),
                .int8s(events.map(\.version)), .int8s(events.map { $0.clean?.version ?? -1 }),
                .timestamptzs(events.map { $0.clean?.at ?? Instant(microseconds: 0) }),
                .texts(events.map(\.server)), .texts(events.map(\.origin.principal)),
                .texts(events.map(\.origin.requestID)), .texts(events.map(\.origin.traceID)),
                .texts(events.map(\.finding.detail)),
            ],
        )
    }

    package func events(
        of position: PositionID,
        limit: Int,
    ) async throws(Failure) -> [DriftEvent] {
        try await run(DriftStatements.driftEvents, [.int8(position), .int8(Int64(limit))])
            .map { DriftEvent(position, $0) }
    }

    // MARK: Repair

    package func writeBack(
        _ image: LedgerImage,
        by origin: Origin,
    ) async throws(Failure) -> WriteBack {
        let fold = image.fold
        let row = try await run(
            DriftStatements.writeBack,
            [
                .int8(image.position), .int8(fold.version), .int4(fold.step),
                .int8s(fold.sums.named.map(\.units)),
                .int8s(image.difference.named.map(\.units)),
                .text("written back: \(image.difference.words)"), .text(origin.principal),
                .text(origin.requestID), .text(origin.traceID), .text("DRIFT"),
            ],
        )[0]
        switch row.int2(0) {
        case 1:
            let isVersion = row.int4(3) == 0
            let viewRow = ViewRow(
                position: image.position,
                version: row.int8(2),
                delta: 0,
                free: row.int8(4),
                isFresh: true,
            )
            return .done(Settlement(epoch: row.int8(1), rows: isVersion ? [viewRow] : []))
        case 2: return .changed
        case 3: return .impossible("the ledger has no row for the position's version")
        case 4:
            return .impossible(
                "the ledger has fewer units than are promised: promises were given on the strength "
                    + "of the changed figure; count the stock and adjust it, or release some of them"
            )
        case 5:
            return .impossible(
                "the ledger's reserved units are not those of the live reservations: reservations "
                    + "were changed as well"
            )
        default:
            return .impossible("allocated units were changed: compare them with the orders by hand")
        }
    }

    func run(
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

extension LedgerFold {
    /// Adds the sums of a row of audit_positions.sql.
    fileprivate mutating func add(_ row: PostgresRow) {
        if row.int8(11) == 0 { return }
        versions += row.int8(12)
        version = row.int8(13)
        step = row.int4(14)
        sums.apply(StockBuckets(columns: row.int8s(15)))
    }
}

extension LedgerImage {
    fileprivate init(_ question: LedgerQuestion, _ row: PostgresRow, _ fold: LedgerFold) {
        self.init(
            position: question.position,
            key: PositionKey(sku: row.text(1), node: row.text(2)),
            version: row.int8(3),
            step: row.int4(4),
            balances: StockBuckets(columns: row.int8s(5)),
            freeAtView: row.optionalInt8(6),
            beyondCount: row.int8(7),
            beyondDelta: row.int8(8),
            lagMs: max(0, row.optionalInt8(9) ?? 0),
            freeAfterLast: row.optionalInt8(10) ?? 0,
            fold: fold,
        )
    }
}

extension DriftEvent {
    fileprivate init(_ position: PositionID, _ row: PostgresRow) {
        let (kind, finding) = (row.int2(1), row.int2(2))
        guard let event = Kind(rawValue: kind), let what = DriftKind(rawValue: finding) else {
            invariantBroken("the history of drift has the event \(kind) of \(finding)")
        }
        let cleanAt = row.optionalTimestamptz(6)
        self.init(
            position: position,
            at: row.timestamptz(0),
            kind: event,
            finding: DriftFinding(kind: what, units: row.int8(3), detail: row.text(11)),
            version: row.int8(4),
            clean: row.optionalInt8(5).flatMap { version in cleanAt.map { (version, $0) } },
            server: row.text(7),
            origin: Origin(
                principal: row.text(8),
                requestID: row.text(9),
                traceID: row.text(10),
            ),
        )
    }
}

/// The statements of the audit; each file states its contract.
private enum DriftStatements {
    static let auditPositions = Statement(
        "audit_positions",
        file: PackageResources.audit_positions_sql,
        [OID.int8s, OID.int8s, OID.texts, OID.int8s, OID.int4s],
        mayTakeLong: true,
    )
    static let ledgerBreaks = Statement(
        "ledger_breaks",
        file: PackageResources.ledger_breaks_sql,
        [OID.int8],
        mayTakeLong: true,
    )
    static let auditAll = Statement(
        "audit_all",
        file: PackageResources.audit_all_sql,
        [OID.int8, OID.int8],
    )
    static let auditSKU = Statement(
        "audit_sku",
        file: PackageResources.audit_sku_sql,
        [OID.text, OID.text, OID.text, OID.int8],
    )
    static let auditNode = Statement(
        "audit_node",
        file: PackageResources.audit_node_sql,
        [OID.text, OID.text, OID.int8],
    )
    static let positionCount = Statement(
        "position_count",
        file: PackageResources.position_count_sql,
        [],
    )
    static let noteDrift = Statement(
        "note_drift",
        file: PackageResources.note_drift_sql,
        [
            OID.int8s, OID.int2s, OID.int2s, OID.int8s, OID.int8s, OID.int8s, OID.timestamptzs,
            OID.texts, OID.texts, OID.texts, OID.texts, OID.texts,
        ],
    )
    static let driftEvents = Statement(
        "drift_events",
        file: PackageResources.drift_events_sql,
        [OID.int8, OID.int8],
    )
    static let writeBack = Statement(
        "write_back",
        file: PackageResources.write_back_sql,
        [
            OID.int8, OID.int8, OID.int4, OID.int8s, OID.int8s, OID.text, OID.text, OID.text,
            OID.text, OID.text,
        ],
        mayTakeLong: true,
    )
}
