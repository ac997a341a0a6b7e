// Reads orders and outcomes of order commands from rows. The order of the columns is that of the
// statement files.

internal import Base
internal import Domain
internal import Postgres
internal import Promising

extension OrderOutcome {
    /// Reads what a command returned, and the order that was read after it.
    ///
    /// - Parameters:
    ///   - order: the order that the command named.
    ///   - reservation: the reservation that it named, if it did.
    ///   - numbers: the number of each line of the caller.
    init(_ results: [PostgresResult], order: ID, reservation: ID, numbers: [Int32]) {
        let rows = results[0]
        let row = rows[0]
        let outcome = CommandOutcome(row, 1)
        if outcome == .done || outcome == .doneBefore {
            let settlement = Settlement(
                epoch: row.int8(0),
                rows: rows.compactMap { ViewRow(orderRow: $0) },
            )
            let found = Order(results[1][0], hasHistory: true).asOf(event: row.int4(2))
            self = .done(OrderResult(order: found, settlement: settlement))
            return
        }
        self = .refused(
            Refusal(row, outcome, order: order, reservation: reservation, numbers: numbers)
        )
    }
}

extension Refusal {
    /// Reads why a command on an order or a shipment was refused; `order` is the id that it named.
    init(
        _ row: PostgresRow,
        _ outcome: CommandOutcome,
        order: ID,
        reservation: ID,
        numbers: [Int32],
    ) {
        let line = Int(row.optionalInt4(3) ?? 0)
        let kind: EntityKind =
            switch row.optionalText(8) {
            case "reservation": .reservation
            case "shipment": .shipment
            default: .order
            }
        let id = kind == .reservation ? reservation : order
        switch outcome {
        case .keyReused:
            self = .keyReused
        case .notEnough:
            self = .notEnough(
                line: line,
                key: row.lineKey,
                requested: row.int8(6),
                available: row.int8(7),
                what: row.text(8),
            )
        case .notFound:
            self = .notFound(kind: kind, id: id.description)
        case .wrongState:
            self = .wrongState(kind: kind, id: id.description, state: row.text(9))
        case .externalIDTaken:
            self = .externalIDTaken(orderID: row.uuid(10))
        case .linesDiffer:
            self = .linesDiffer(
                line: line,
                key: row.lineKey,
                expected: row.int8(7),
                given: row.int8(6),
            )
        case .unknownLine:
            self = .unknownLine(line: line, number: numbers[line])
        case .soldOut:
            self = .soldOut(
                line: line,
                key: row.lineKey,
                requested: row.int8(6),
                available: row.int8(7),
            )
        case .reservationExpired:
            self = .reservationExpired(id: reservation)
        case .done, .doneBefore, .unknownPosition, .tooMany:
            invariantBroken("an order command cannot be refused as \(outcome)")
        }
    }
}

extension PostgresRow {
    fileprivate var lineKey: PositionKey { PositionKey(sku: text(4), node: text(5)) }
}

extension ViewRow {
    /// Reads the ledger row of an order command, whose columns begin at `first`; nil when the gate need
    /// not hear of it.
    init?(orderRow row: PostgresRow, first: Int = 11) {
        guard let position = row.optionalInt8(first), let delta = row.optionalInt8(first + 2) else {
            return nil
        }
        self.init(
            position: position,
            version: row.int8(first + 1),
            delta: delta,
            free: row.int8(first + 3),
            isFresh: true,
        )
    }
}

extension Order {
    /// Reads an order, with its history when the statement has it.
    init(_ row: PostgresRow, hasHistory: Bool) {
        let number = row.int2(6)
        guard let status = OrderStatus(rawValue: number) else {
            invariantBroken("an order has the status \(number)")
        }
        self.init(
            id: row.uuid(0),
            channel: row.text(1),
            externalID: row.text(2),
            customer: row.text(3),
            currency: row.text(4),
            totalMinor: row.int8(5),
            status: status,
            lines: row.orderLines(backordered: hasHistory ? 29 : 19),
            history: hasHistory ? row.orderEvents() : [],
            createdAt: row.timestamptz(7),
            updatedAt: row.timestamptz(8),
            placedAt: row.optionalTimestamptz(9),
            reservationID: row.uuid(10),
        )
    }
}

extension PostgresRow {
    fileprivate func orderLines(backordered backorderedColumn: Int) -> [OrderLine] {
        let numbers = int4s(11)
        let skus = texts(12)
        let nodes = texts(13)
        let prices = int8s(14)
        let ordered = int8s(15)
        let allocated = int8s(16)
        let shipped = int8s(17)
        let cancelled = int8s(18)
        let backordered = int8s(backorderedColumn)
        return numbers.indices.map { index in
            OrderLine(
                number: numbers[index],
                key: PositionKey(sku: skus[index], node: nodes[index]),
                unitPriceMinor: prices[index],
                quantities: LineQuantities(
                    ordered: ordered[index],
                    allocated: allocated[index],
                    shipped: shipped[index],
                    cancelled: cancelled[index],
                    backordered: backordered[index],
                ),
            )
        }
    }

    fileprivate func orderEvents() -> [OrderEvent] {
        var lines: [Int32: [OrderLineQuantity]] = [:]
        for ((sequence, number), units) in zip(zip(int4s(26), int4s(27)), int8s(28)) {
            lines[sequence, default: []]
                .append(OrderLineQuantity(number: number, quantity: units))
        }
        let sequences = int4s(19)
        let times = timestamptzs(20)
        let kinds = int2s(21)
        let principals = texts(22)
        let requests = texts(23)
        let traces = texts(24)
        let notes = texts(25)
        return sequences.indices.map { index in
            guard let kind = OrderEventKind(rawValue: kinds[index]) else {
                invariantBroken("an order has an event of kind \(kinds[index])")
            }
            return OrderEvent(
                sequence: sequences[index],
                at: times[index],
                kind: kind,
                origin: Origin(
                    principal: principals[index],
                    requestID: requests[index],
                    traceID: traces[index],
                ),
                note: notes[index],
                lines: lines[sequences[index]] ?? [],
            )
        }
    }
}
