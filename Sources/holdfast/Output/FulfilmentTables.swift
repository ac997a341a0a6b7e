// Shipments and exceptions as tables for people.

internal import Messages

/// A shipment with its lines and history.
func shipmentText(_ shipment: Holdfast_V1_Shipment) -> String {
    var lines = Table([
        .number("LINE"), .text("SKU"), .number("QUANTITY"), .number("OPEN"), .number("PICKED"),
        .number("REROUTING"), .number("SHIPPED"), .number("CANCELLED"), .number("GONE"),
        .number("SHORT"),
    ])
    for line in shipment.lines {
        lines.add([
            "\(line.number)", line.sku, "\(line.quantity)", "\(line.open)", "\(line.picked)",
            "\(line.rerouting)", "\(line.shipped)", "\(line.cancelled)", "\(line.gone)",
            "\(line.short)",
        ])
    }
    let fields = fieldsText([
        ("shipment", shipment.id),
        ("order", shipment.orderID),
        ("number", "\(shipment.number)"),
        ("node", shipment.node),
        ("status", caseName(shipment.status)),
        ("service", shipment.service),
        ("slot", shipment.slotDay.isEmpty ? "" : "\(shipment.slotDay)/\(shipment.slotWindow)"),
        ("promised", shipment.promiseDay),
        ("capacity", shipment.capacity.map { "\($0.sku)=\($0.quantity)" }.joined(separator: " ")),
        ("carrier", shipment.carrier),
        ("tracking", shipment.tracking),
        ("reservation", shipment.reservationID),
        ("created", momentText(shipment.createdAt)),
        ("updated", momentText(shipment.updatedAt)),
    ])
    var history = Table([
        .number("NO"), .text("AT"), .text("EVENT"), .text("STATUS"), .text("BY"),
        .text("REQUEST"), .text("REASON"), .text("NOTE"),
    ])
    for event in shipment.history {
        history.add([
            "\(event.sequence)", momentText(event.at), caseName(event.kind),
            caseName(event.status), event.principal, event.requestID, event.code, event.note,
        ])
    }
    return fields + "\n" + lines.text + (shipment.history.isEmpty ? "" : "\n" + history.text)
}

/// Shipments, one per line.
func shipmentsText(_ shipments: [Holdfast_V1_Shipment]) -> String {
    var table = Table([
        .text("SHIPMENT"), .text("ORDER"), .number("NO"), .text("NODE"), .text("STATUS"),
        .number("LINES"), .number("OPEN"), .text("SERVICE"), .text("SLOT"), .text("PROMISED"),
        .text("CREATED"),
    ])
    for shipment in shipments {
        table.add([
            shipment.id, shipment.orderID, "\(shipment.number)", shipment.node,
            caseName(shipment.status), "\(shipment.lines.count)",
            "\(shipment.lines.reduce(0) { $0 + $1.open })", shipment.service, shipment.slotDay,
            shipment.promiseDay, momentText(shipment.createdAt),
        ])
    }
    return table.text
}

/// An exception with its history.
func exceptionText(_ exception: Holdfast_V1_OrderException) -> String {
    var history = Table([
        .number("NO"), .text("AT"), .text("EVENT"), .text("BY"), .text("REQUEST"), .text("NOTE"),
    ])
    for event in exception.history {
        history.add([
            "\(event.sequence)", momentText(event.at), caseName(event.kind), event.principal,
            event.requestID, event.note,
        ])
    }
    let fields = fieldsText([
        ("exception", exception.id),
        ("code", exception.code),
        ("queue", exception.queue),
        ("state", caseName(exception.state)),
        ("detail", exception.detail),
        ("subject", exception.subject),
        ("order", exception.orderID),
        ("line", exception.line == 0 ? "" : "\(exception.line)"),
        ("shipment", exception.shipmentID),
        ("opened", momentText(exception.openedAt)),
        ("resolved", momentText(exception.resolvedAt)),
    ])
    return fields + "\n" + history.text
}

/// Exceptions, one per line.
func exceptionsText(_ exceptions: [Holdfast_V1_OrderException]) -> String {
    var table = Table([
        .text("EXCEPTION"), .text("QUEUE"), .text("CODE"), .text("STATE"), .text("ORDER"),
        .text("OPENED"), .text("DETAIL"),
    ])
    for exception in exceptions {
        table.add([
            exception.id, exception.queue, exception.code, caseName(exception.state),
            exception.orderID, momentText(exception.openedAt), exception.detail,
        ])
    }
    return table.text
}
