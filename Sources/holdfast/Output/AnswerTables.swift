// The answers of a server as tables for people.

internal import Base
internal import Messages
internal import SwiftProtobuf

/// Prints an answer: as JSON for scripts, else as text for people.
func printAnswer(
    _ message: some Message,
    isJSON: Bool,
    key: String? = nil,
    text: () -> String,
) throws {
    if isJSON {
        Terminal.writeLine(try JSONText.encoded(message, key: key))
        return
    }
    Terminal.write(text())
    if let key { Terminal.write("key \(printable(key))\n") }
}

/// Positions, one per line.
func positionsText(_ positions: [Holdfast_V1_Position]) -> String {
    var table = Table([
        .text("SKU"), .text("NODE"), .number("AVAILABLE"), .number("ON HAND"),
        .number("RESERVED"), .number("ALLOCATED"), .number("SAFETY"), .number("UNAVAILABLE"),
        .number("IN TRANSIT"), .number("VERSION"),
    ])
    for position in positions {
        table.add([
            position.sku, position.node, "\(position.available)", "\(position.onHand)",
            "\(position.reserved)", "\(position.allocated)", "\(position.safety)",
            "\(position.damaged + position.qualityControl)", "\(position.inTransit)",
            "\(position.version)",
        ])
    }
    return table.text
}

/// A reservation with its lines.
func reservationText(_ reservation: Holdfast_V1_Reservation) -> String {
    var table = Table([
        .text("SKU"), .text("NODE"), .number("QUANTITY"), .number("HELD"), .number("CONFIRMED"),
    ])
    for line in reservation.lines {
        table.add([
            line.sku, line.node, "\(line.quantity)", "\(line.held)", "\(line.confirmed)",
        ])
    }
    for line in reservation.capacity {
        table.add([
            "\(line.what) of slot \(line.slotDay)/\(line.slotWindow)", line.node,
            "\(line.quantity)", "\(line.held)", "\(line.confirmed)",
        ])
    }
    let fields = fieldsText([
        ("reservation", reservation.id),
        ("state", caseName(reservation.state)),
        ("owner", reservation.owner),
        ("channel", reservation.channel),
        ("created", momentText(reservation.createdAt)),
        ("expires", momentText(reservation.expiresAt)),
        ("transferred to", reservation.transferredTo),
        ("order", reservation.orderID),
        ("routed by", reservation.decisionID),
    ])
    return fields + "\n" + table.text
}

/// An order with its lines and history.
func orderText(_ order: Holdfast_V1_Order) -> String {
    let currency = Currency(order.currency)
    let price = { (minor: Int64) in currency?.text(minor) ?? "\(minor)" }
    var lines = Table([
        .number("LINE"), .text("SKU"), .text("NODE"), .number("PRICE"), .number("ORDERED"),
        .number("ALLOCATED"), .number("SHIPPED"), .number("CANCELLED"), .number("BACKORDERED"),
    ])
    for line in order.lines {
        lines.add([
            "\(line.number)", line.sku, line.node, price(line.unitPriceMinor), "\(line.ordered)",
            "\(line.allocated)", "\(line.shipped)", "\(line.cancelled)",
            "\(line.backordered)",
        ])
    }
    let fields = fieldsText([
        ("order", order.id),
        ("status", caseName(order.status)),
        ("channel", order.channel),
        ("external id", order.externalID),
        ("customer", order.customer),
        ("total", "\(price(order.totalMinor)) \(order.currency)"),
        ("reservation", order.reservationID),
        ("placed", momentText(order.placedAt)),
        ("created", momentText(order.createdAt)),
        ("updated", momentText(order.updatedAt)),
    ])
    let history = order.history.isEmpty ? "" : "\n" + historyText(order.history)
    return fields + "\n" + lines.text + history
}

private func historyText(_ events: [Holdfast_V1_OrderEvent]) -> String {
    var table = Table([
        .number("NO"), .text("AT"), .text("EVENT"), .text("LINES"), .text("BY"), .text("REQUEST"),
        .text("NOTE"),
    ])
    for event in events {
        table.add([
            "\(event.sequence)", momentText(event.at), caseName(event.kind),
            event.lines.map { "\($0.number)=\($0.quantity)" }.joined(separator: " "),
            event.principal, event.requestID, event.note,
        ])
    }
    return table.text
}

/// Orders, one per line.
func ordersText(_ orders: [Holdfast_V1_Order]) -> String {
    var table = Table([
        .text("ORDER"), .text("STATUS"), .text("CHANNEL"), .text("EXTERNAL ID"),
        .number("LINES"), .number("UNITS"), .number("TOTAL"), .text("CURRENCY"), .text("CREATED"),
    ])
    for order in orders {
        let units = order.lines.reduce(0) { $0 + $1.ordered }
        let total = Currency(order.currency)?.text(order.totalMinor) ?? "\(order.totalMinor)"
        table.add([
            order.id, caseName(order.status), order.channel, order.externalID,
            "\(order.lines.count)", "\(units)", total, order.currency,
            momentText(order.createdAt),
        ])
    }
    return table.text
}

/// Rows of the ledger, one per line.
func ledgerText(_ entries: [Holdfast_V1_LedgerEntry]) -> String {
    var table = Table([
        .number("VERSION"), .text("AT"), .text("KIND"), .number("ON HAND"), .number("RESERVED"),
        .number("ALLOCATED"), .number("SAFETY"), .number("AVAILABLE AFTER"), .text("BY"),
        .text("REASON"), .text("REFERENCE"),
    ])
    for entry in entries {
        let by =
            switch entry.causes.count {
            case 0: entry.principal
            case 1: entry.causes[0].principal
            default: "\(entry.causes.count) reservations, see --json"
            }
        table.add([
            entry.step == 0 ? "\(entry.version)" : "\(entry.version).\(entry.step)",
            momentText(entry.at), caseName(entry.kind),
            signed(entry.onHandDelta), signed(entry.reservedDelta), signed(entry.allocatedDelta),
            signed(entry.safetyDelta), "\(entry.availableAfter)", by, entry.reason,
            entry.reference,
        ])
    }
    return table.text
}

/// A change with its sign; nothing for no change.
func signed(_ change: Int64) -> String {
    change == 0 ? "" : change > 0 ? "+\(change)" : "\(change)"
}
