// Stock in Postgres: each command is one call of one function, which decides and writes; nothing is
// decided here.

package import Base
package import Domain
package import Postgres
package import Promising

/// Carries out stock commands and reads stock.
package struct StockLedger: StockLedgerPort, Sendable {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    // MARK: Commands

    package func apply(_ command: StockCommand) async throws(Failure) -> StockOutcome {
        let movements = command.movements
        let rows = try await postgres.run(
            StockStatements.applyMovements,
            [
                .uuid(command.header.key),
                .uuid(command.header.fingerprint),
                .texts(movements.map(\.key.sku)),
                .texts(movements.map(\.key.node)),
                .int2s(movements.map(\.kind.rawValue)),
                .int8s(movements.map(\.change.onHand)),
                .int8s(movements.map(\.change.damaged)),
                .int8s(movements.map(\.change.qualityControl)),
                .int8s(movements.map(\.change.inTransit)),
                .bools(movements.map(\.mayCreate)),
                .texts(movements.map(\.incomingReference)),
                .int2(command.transfer?.rawValue ?? 0),
            ] + originValues(command.header) + [.text(command.reason), .text(command.reference)],
        )
        return StockOutcome(
            rows,
            places: movements.map { ($0.line, $0.key) },
            id: command.header.key,
        )
    }

    package func receiveTransfer(
        _ header: CommandHeader,
        id: ID,
    ) async throws(Failure) -> StockOutcome {
        let rows = try await postgres.run(
            StockStatements.receiveTransfer,
            [.uuid(header.key), .uuid(header.fingerprint), .uuid(id)] + originValues(header),
        )
        return StockOutcome(rows, places: [], id: id)
    }

    package func setSafetyStock(
        _ header: CommandHeader,
        at key: PositionKey,
        quantity: Int64,
        channel: String,
    ) async throws(Failure) -> StockOutcome {
        let rows = try await postgres.run(
            StockStatements.setSafetyStock,
            [
                .uuid(header.key), .uuid(header.fingerprint), .text(key.sku), .text(key.node),
                .int8(quantity), .text(channel),
            ] + originValues(header),
        )
        return StockOutcome(rows, places: [(0, key)], id: header.key)
    }

    package func setIncoming(
        _ header: CommandHeader,
        at key: PositionKey,
        reference: String,
        quantity: Int64,
        expectedAt: Instant,
    ) async throws(Failure) -> StockOutcome {
        let rows = try await postgres.run(
            StockStatements.setIncoming,
            [
                .uuid(header.key), .uuid(header.fingerprint), .text(key.sku), .text(key.node),
                .text(reference), .int8(quantity), .timestamptz(expectedAt),
            ] + originValues(header),
        )
        return StockOutcome(rows, places: [(0, key)], id: header.key)
    }

    // MARK: Queries

    package func availability(
        of items: [PositionKey],
        by moment: Instant?,
    ) async throws(Failure) -> [[ExpectedPosition]] {
        let rows = try await postgres.run(
            StockStatements.readAvailability,
            [
                .texts(items.map(\.sku)), .texts(items.map(\.node)),
                moment.map { .timestamptz($0) } ?? .null,
            ],
        )
        var result = [[ExpectedPosition]](repeating: [], count: items.count)
        for row in rows where !row.isNull(2) {
            result[Int(row.int8(0)) - 1]
                .append(
                    ExpectedPosition(position: row.position(first: 2), incoming: row.int8(1))
                )
        }
        return result
    }

    package func positions(
        skuPrefix: String,
        node: String,
        after cursor: PositionKey?,
        limit: Int,
    ) async throws(Failure) -> [Position] {
        let rows = try await postgres.run(
            node.isEmpty ? StockStatements.listPositions : StockStatements.listPositionsOfNode,
            [
                .text(cursor?.sku ?? ""), .text(node.isEmpty ? cursor?.node ?? "" : node),
                .text(skuPrefix), .int8(Int64(limit)),
            ],
        )
        return rows.map { $0.position(first: 0) }
    }

    package func ledger(
        of key: PositionKey,
        before cursor: LedgerCursor?,
        limit: Int,
    ) async throws(Failure) -> LedgerPage {
        let results = try await postgres.run([
            (
                StockStatements.listLedger,
                [
                    .text(key.sku), .text(key.node), .int8(cursor?.version ?? .max),
                    .int4(cursor?.step ?? .max), .int8(Int64(limit)),
                ]
            ),
            (StockStatements.unknownPart, [.text(key.sku), .text(key.node)]),
        ])
        if let unknown = results[1][0].optionalText(0) {
            let part = UnknownPart(column: unknown)
            return .refused(.unknownPosition(line: 0, key: key, unknown: part))
        }
        return .rows(results[0].map { LedgerEntry($0) })
    }
}

/// Who asks, as parameters.
func originValues(_ header: CommandHeader) -> [PostgresValue] {
    [
        .text(header.origin.principal), .text(header.origin.requestID),
        .text(header.origin.traceID),
    ]
}

extension LedgerEntry {
    fileprivate init(_ row: PostgresRow) {
        var causes: [LedgerCause] = []
        if !row.isNull(12) {
            let keys = row.uuids(12)
            let units = row.int8s(13)
            let principals = row.texts(14)
            let requests = row.texts(15)
            let traces = row.texts(16)
            for index in keys.indices {
                let origin = Origin(
                    principal: principals[index],
                    requestID: requests[index],
                    traceID: traces[index],
                )
                causes.append(
                    LedgerCause(reservation: keys[index], quantity: units[index], origin: origin)
                )
            }
        }
        let number = row.int2(4)
        guard let kind = LedgerKind(rawValue: number) else {
            invariantBroken("the ledger has the kind \(number)")
        }
        self.init(
            version: row.int8(0),
            step: row.int4(1),
            batch: row.int8(2),
            at: row.timestamptz(3),
            kind: kind,
            change: StockBuckets(columns: row.int8s(5)),
            availableAfter: row.int8(6),
            origin: Origin(
                principal: row.text(7),
                requestID: row.text(8),
                traceID: row.text(9),
            ),
            reason: row.text(10),
            reference: row.text(11),
            causes: causes,
        )
    }
}
