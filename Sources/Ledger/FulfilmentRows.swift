// Reads shipments and exceptions from rows. The order of the columns is that of the statement files.

internal import Base
internal import Domain
internal import Postgres

extension Shipment {
    /// Reads a shipment, with its history when the statement has it.
    init(_ row: PostgresRow, hasHistory: Bool) {
        self.init(
            id: row.uuid(0),
            order: row.uuid(1),
            number: row.int4(2),
            node: row.text(3),
            status: fulfilmentStatus(row.int2(4)),
            service: row.text(5),
            slotDay: row.optionalInt4(6),
            slotWindow: row.optionalInt2(7) ?? 0,
            promiseDay: row.optionalInt4(8),
            lines: row.shipmentLines(),
            capacity: zip(row.texts(25), row.int8s(26))
                .map { TakenCapacity(sku: $0, units: $1) },
            carrier: row.text(9),
            tracking: row.text(10),
            reservation: row.uuid(11),
            createdAt: row.timestamptz(12),
            updatedAt: row.timestamptz(13),
            history: hasHistory ? row.shipmentEvents() : [],
        )
    }
}

private func fulfilmentStatus(_ number: Int16) -> FulfilmentStatus {
    guard let status = FulfilmentStatus(rawValue: number) else {
        invariantBroken("a shipment is in state \(number)")
    }
    return status
}

extension PostgresRow {
    fileprivate func shipmentLines() -> [ShipmentLine] {
        let skus = texts(15)
        let buckets = (16...24).map { int8s($0) }
        return int4s(14).enumerated()
            .map { index, number in
                var quantities = ShipmentQuantities()
                quantities.quantity = buckets[0][index]
                quantities.open = buckets[1][index]
                quantities.picked = buckets[2][index]
                quantities.leaving = buckets[3][index]
                quantities.missing = buckets[4][index]
                quantities.shipped = buckets[5][index]
                quantities.cancelled = buckets[6][index]
                quantities.moved = buckets[7][index]
                quantities.short = buckets[8][index]
                return ShipmentLine(number: number, sku: skus[index], quantities: quantities)
            }
    }

    fileprivate func shipmentEvents() -> [ShipmentEvent] {
        let times = timestamptzs(28)
        let kinds = int2s(29)
        let statuses = int2s(30)
        let origins = origins(principals: 31, requests: 32, traces: 33)
        let codes = texts(34)
        let notes = texts(35)
        return int4s(27).enumerated()
            .map { index, sequence in
                guard let kind = ShipmentEventKind(rawValue: kinds[index]) else {
                    invariantBroken("a shipment has an event of kind \(kinds[index])")
                }
                return ShipmentEvent(
                    sequence: sequence,
                    at: times[index],
                    kind: kind,
                    status: fulfilmentStatus(statuses[index]),
                    origin: origins[index],
                    code: codes[index],
                    note: notes[index],
                )
            }
    }

    private func origins(principals: Int, requests: Int, traces: Int) -> [Origin] {
        let requestIDs = texts(requests)
        let traceIDs = texts(traces)
        return texts(principals).enumerated()
            .map { index, principal in
                Origin(
                    principal: principal,
                    requestID: requestIDs[index],
                    traceID: traceIDs[index],
                )
            }
    }

    fileprivate func exceptionEvents() -> [ExceptionEvent] {
        let times = timestamptzs(11)
        let kinds = int2s(12)
        let origins = origins(principals: 13, requests: 14, traces: 15)
        let notes = texts(16)
        return int4s(10).enumerated()
            .map { index, sequence in
                guard let kind = ExceptionEventKind(rawValue: kinds[index]) else {
                    invariantBroken("an exception has an event of kind \(kinds[index])")
                }
                return ExceptionEvent(
                    sequence: sequence,
                    at: times[index],
                    kind: kind,
                    origin: origins[index],
                    note: notes[index],
                )
            }
    }
}

extension OrderException {
    /// Reads an exception, with its history when the statement has it.
    init(_ row: PostgresRow, hasHistory: Bool) {
        guard let code = ExceptionCode(rawValue: row.text(1)),
            let state = ExceptionState(rawValue: row.int2(7))
        else { invariantBroken("an exception is \(row.text(1)) in state \(row.int2(7))") }
        self.init(
            id: row.uuid(0),
            code: code,
            subject: row.text(2),
            order: row.optionalUUID(3),
            line: row.optionalInt4(4),
            shipment: row.optionalUUID(5),
            detail: row.text(6),
            state: state,
            openedAt: row.timestamptz(8),
            resolvedAt: row.optionalTimestamptz(9),
            history: hasHistory ? row.exceptionEvents() : [],
        )
    }
}
