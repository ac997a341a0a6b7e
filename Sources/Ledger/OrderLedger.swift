// Orders in Postgres: each command is one call of one function, and the order is read in the same
// transaction, so that an answer never mixes two moments.

package import Base
package import Domain
package import Postgres
package import Promising

/// Places and changes orders, and reads them.
package struct OrderLedger: OrderLedgerPort, Sendable {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    // MARK: Commands

    package func isDecided(_ placement: OrderPlacement) async throws(Failure) -> Bool {
        let rows = try await postgres.run(
            OrderStatements.isOrderDecided,
            [
                .uuid(placement.header.key), .text(placement.channel),
                .text(placement.externalID),
            ],
        )
        return rows[0].bool(0)
    }

    package func place(
        _ placement: OrderPlacement,
        from reservation: ID,
        reacquiring: Bool,
    ) async throws(Failure) -> OrderOutcome {
        let header = placement.header
        let lines = placement.lines
        let results = try await postgres.run([
            (
                OrderStatements.placeOrder,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .uuid(reservation),
                    .bool(reacquiring), .text(placement.channel), .text(placement.externalID),
                    .text(placement.customer), .text(placement.currency),
                    placement.placedAt.map { .timestamptz($0) } ?? .null,
                    .texts(lines.map(\.key.sku)), .texts(lines.map(\.key.node)),
                    .int8s(lines.map(\.quantity)), .int8s(lines.map(\.unitPriceMinor)),
                ] + originValues(header)
            ),
            (OrderStatements.readOrder, [.uuid(header.key)]),
        ])
        return OrderOutcome(results, order: header.key, reservation: reservation, numbers: [])
    }

    package func change(_ change: OrderChange) async throws(Failure) -> OrderOutcome {
        let kind: OrderEventKind =
            switch change.kind {
            case .cancel: .cancelled
            case .ship: .shipped
            }
        let results = try await postgres.run([
            (
                OrderStatements.changeOrder,
                [
                    .uuid(change.header.key), .uuid(change.header.fingerprint),
                    .uuid(change.order), .int2(kind.rawValue), .int4s(change.lines.map(\.number)),
                    .int8s(change.lines.map(\.quantity)), .text(change.note),
                ] + originValues(change.header)
            ),
            (OrderStatements.readOrder, [.uuid(change.order)]),
        ])
        return OrderOutcome(
            results,
            order: change.order,
            reservation: change.order,
            numbers: change.lines.map(\.number),
        )
    }

    // MARK: Queries

    package func order(id: ID) async throws(Failure) -> Order? {
        let rows = try await postgres.run(OrderStatements.readOrder, [.uuid(id)])
        return rows.first.map { Order($0, hasHistory: true) }
    }

    package func order(
        channel: String,
        externalID: String,
    ) async throws(Failure) -> Order? {
        let rows = try await postgres.run(
            OrderStatements.externalOrderKey,
            [.text(channel), .text(externalID)],
        )
        guard let row = rows.first else { return nil }
        return try await order(id: row.uuid(0))
    }

    package func orders(
        _ filter: OrderFilter,
        before cursor: OrderCursor?,
        limit: Int,
    ) async throws(Failure) -> [Order] {
        let rows = try await postgres.run(
            OrderStatements.listOrders,
            [
                .int2(filter.status?.rawValue ?? 0), .text(filter.channel),
                .timestamptz(filter.createdFrom ?? beginningOfTime),
                .timestamptz(filter.createdBefore ?? endOfTime),
                .timestamptz(cursor?.createdAt ?? endOfTime),
                .uuid(cursor?.id ?? ID(high: .max, low: .max)),
                .int8(Int64(limit)),
            ],
        )
        return rows.map { Order($0, hasHistory: false) }
    }
}

/// The first moment of the year 1, and of the year 10000: what a caller can name lies between.
private let beginningOfTime = Instant(seconds: -62_135_596_800)
private let endOfTime = Instant(seconds: 253_402_300_800)
