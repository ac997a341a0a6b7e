// Shipments and exceptions in Postgres: each command is one call of one function, and what it was about
// is read in the same transaction, so that an answer never mixes two moments.

package import Base
package import Domain
package import Postgres
package import Promising

/// Decides about shipments and exceptions, and reads them.
package struct FulfilmentLedger: FulfilmentPort, Sendable {
    let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    // MARK: Commands

    package func carryOut(_ command: ShipmentCommand) async throws(Failure) -> ShipmentOutcome {
        let header = command.header
        let numbers = command.lines.map(\.number)
        let results = try await postgres.run([
            (
                FulfilmentStatements.changeShipment,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .uuid(command.shipment),
                    .int2(command.step.rawValue), .int4s(numbers),
                    .int8s(command.lines.map(\.quantity)), .text(command.code),
                    .text(command.note), .text(command.carrier), .text(command.tracking),
                ] + originValues(header)
            ),
            (
                FulfilmentStatements.readShipment,
                [.uuid(command.shipment), .uuid(header.key)]
            ),
        ])
        let rows = results[0]
        let outcome = CommandOutcome(rows[0], 1)
        guard outcome == .done || outcome == .doneBefore else {
            return .refused(
                Refusal(
                    rows[0],
                    outcome,
                    order: command.shipment,
                    reservation: command.shipment,
                    numbers: numbers,
                )
            )
        }
        let settlement = Settlement(
            epoch: rows[0].int8(0),
            rows: rows.compactMap { ViewRow(orderRow: $0) },
        )
        return .done(Shipment(results[1][0], hasHistory: true), settlement)
    }

    package func withdraw(_ command: WithdrawCommand) async throws(Failure) -> OrderOutcome {
        let header = command.header
        let results = try await postgres.run([
            (
                FulfilmentStatements.withdrawShipments,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .uuid(command.order),
                    .uuids(command.shipments), .int2(command.cause.rawValue), .text(command.note),
                ] + originValues(header)
            ),
            (OrderStatements.readOrder, [.uuid(command.order)]),
        ])
        return OrderOutcome(
            results,
            order: command.order,
            reservation: command.order,
            numbers: [],
        )
    }

    package func carryOut(_ command: ExceptionCommand) async throws(Failure) -> ExceptionOutcome {
        let header = command.header
        let results = try await postgres.run([
            (
                FulfilmentStatements.changeException,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .uuid(command.id),
                    .int2(command.kind.rawValue), .text(command.note),
                ] + originValues(header)
            ),
            (FulfilmentStatements.readException, [.uuid(command.id)]),
        ])
        let row = results[0][0]
        let id = command.id.description
        switch row.int2(0) {
        case 1, 2:
            let found = OrderException(results[1][0], hasHistory: true)
            return .done(found.asOf(event: row.int4(1)))
        case 3: return .refused(.keyReused)
        case 7: return .refused(.notFound(kind: .exception, id: id))
        case 8: return .refused(.wrongState(kind: .exception, id: id, state: row.text(2)))
        case let outcome: invariantBroken("change_exception said \(outcome)")
        }
    }

    // MARK: Queries

    package func shipment(id: ID) async throws(Failure) -> Shipment? {
        let rows = try await postgres.run(FulfilmentStatements.readShipment, [.uuid(id), .null])
        return rows.first.map { Shipment($0, hasHistory: true) }
    }

    package func shipments(of order: ID) async throws(Failure) -> [Shipment] {
        try await postgres.run(FulfilmentStatements.listShipments, [.uuid(order)])
            .map { Shipment($0, hasHistory: false) }
    }

    package func work(
        at node: String,
        in states: [FulfilmentStatus],
        after cursor: WorkCursor?,
        limit: Int,
    ) async throws(Failure) -> [Shipment] {
        let rows = try await postgres.run(
            FulfilmentStatements.listWork,
            [
                .text(node), .int2s(states.map(\.rawValue)), .int4(cursor?.dueDay ?? .min),
                .timestamptz(cursor?.createdAt ?? beginningOfTime),
                .uuid(cursor?.id ?? ID(high: 0, low: 0)), .int8(Int64(limit)),
            ],
        )
        return rows.map { Shipment($0, hasHistory: false) }
    }

    package func exception(id: ID) async throws(Failure) -> OrderException? {
        let rows = try await postgres.run(FulfilmentStatements.readException, [.uuid(id)])
        return rows.first.map { OrderException($0, hasHistory: true) }
    }

    package func exceptions(
        _ filter: ExceptionFilter,
        after cursor: ExceptionCursor?,
        limit: Int,
    ) async throws(Failure) -> [OrderException] {
        let rows = try await postgres.run(
            FulfilmentStatements.listExceptions,
            [
                .text(filter.queue), .text(filter.code), filter.order.map { .uuid($0) } ?? .null,
                .int2(filter.state.rawValue), .timestamptz(cursor?.openedAt ?? beginningOfTime),
                .uuid(cursor?.id ?? ID(high: 0, low: 0)), .int8(Int64(limit)),
            ],
        )
        return rows.map { OrderException($0, hasHistory: false) }
    }

    /// How many exceptions are open, by queue, and how many re-routes are pending.
    package func openWork() async throws(Failure) -> (exceptions: [String: Int64], reroutes: Int64)
    {
        var counts: [String: Int64] = [:]
        for row in try await postgres.run(FulfilmentStatements.countExceptions, []) {
            counts[row.text(0)] = row.int8(1)
        }
        let reroutes = counts.removeValue(forKey: "") ?? 0
        return (counts, reroutes)
    }
}

/// The first moment of the year 1: what a caller can name is not before it.
private let beginningOfTime = Instant(seconds: -62_135_596_800)
