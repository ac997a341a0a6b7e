// Re-routes in Postgres: handed out, swapped and given up, each in one transaction.

package import Base
package import Domain
internal import Postgres
package import Promising

extension FulfilmentLedger: ReroutePort, FreeStockPort {
    package func claim(
        limit: Int,
        leaseMs: Int,
        attemptsMax: Int,
    ) async throws(Failure) -> [RerouteJob] {
        let rows = try await postgres.run(
            FulfilmentStatements.claimReroutes,
            [.int4(Int32(limit)), .int4(Int32(leaseMs)), .int4(Int32(attemptsMax))],
        )
        return rows.map { RerouteJob($0) }
    }

    package func swap(
        _ job: ID,
        to hold: ID,
        origin: Origin,
    ) async throws(Failure) -> SwapOutcome {
        // The attempt is named like the hold that it uses up.
        let rows = try await postgres.run(
            FulfilmentStatements.swapReroute,
            [.uuid(hold), .uuid(job), .uuid(hold)] + values(origin),
        )
        let row = rows[0]
        switch row.int2(1) {
        case 1: return .done(units: row.int8(3), rows.rerouteSettlement)
        case 2: return .over
        default: return row.text(2) == "reroute" ? .over : .holdLost
        }
    }

    package func giveUp(
        _ job: ID,
        lines: [Int32],
        key: ID,
        detail: String,
        origin: Origin,
    ) async throws(Failure) -> (units: Int64, settlement: Settlement) {
        let rows = try await postgres.run(
            FulfilmentStatements.giveUpReroute,
            [.uuid(key), .uuid(job), .int4s(lines), .text(detail)] + values(origin),
        )
        return (rows[0].optionalInt8(3) ?? 0, rows.rerouteSettlement)
    }

    package func postpone(
        _ job: ID,
        ms: Int,
        withNextHold: Bool,
        detail: String,
    ) async throws(Failure) {
        _ = try await postgres.run(
            FulfilmentStatements.postponeReroute,
            [.uuid(job), .int4(Int32(ms)), .bool(withNextHold), .text(detail)],
        )
    }

    package func closedWork(limit: Int) async throws(Failure) -> [ClosedWork] {
        try await postgres.run(FulfilmentStatements.closedShipments, [.int4(Int32(limit))])
            .map { ClosedWork(order: $0.uuid(0), shipments: $0.uuids(1)) }
    }

    package func freeStock(
        of skus: [String],
        channel: String,
    ) async throws(Failure) -> [FreeStock] {
        try await postgres.run(FulfilmentStatements.freeStock, [.texts(skus), .text(channel)])
            .map { row in
                FreeStock(
                    key: PositionKey(sku: row.text(0), node: row.text(1)),
                    units: row.int8(2),
                )
            }
    }

    private func values(_ origin: Origin) -> [PostgresValue] {
        [.text(origin.principal), .text(origin.requestID), .text(origin.traceID)]
    }
}

extension PostgresResult {
    /// What the gate has to apply of a swap, or of giving up.
    fileprivate var rerouteSettlement: Settlement {
        Settlement(
            epoch: self[0].int8(0),
            rows: compactMap { ViewRow(orderRow: $0, first: 4) },
        )
    }
}

extension RerouteJob {
    fileprivate init(_ row: PostgresRow) {
        let skus = row.texts(8)
        let units = row.int8s(9)
        let spent = row.bools(10)
        self.init(
            id: row.uuid(0),
            order: row.uuid(1),
            shipment: row.optionalUUID(2),
            holds: row.int4(3),
            channel: row.text(4),
            customer: row.text(5),
            reservation: row.uuid(6),
            lines: row.int4s(7).enumerated()
                .map { index, number in
                    RerouteLine(
                        number: number,
                        sku: skus[index],
                        units: units[index],
                        isSpent: spent[index],
                    )
                },
            excluded: Set(
                zip(row.texts(11), row.texts(12)).map { PositionKey(sku: $0, node: $1) }
            ),
        )
    }
}
