// Cycle counts as tables for people.

internal import Messages

/// A count with its history and with those who would lose by it.
func countText(_ count: Holdfast_V1_StockCount) -> String {
    var text = fieldsText([
        ("count", count.id),
        ("state", caseName(count.state)),
        ("position", "\(count.sku)@\(count.node)"),
        ("counted", "\(count.counted) at \(momentText(count.countedAt))"),
        ("expected", "\(count.expected)"),
        ("difference", "\(count.difference)"),
        ("applied", "\(count.applied)"),
        ("reason", caseName(count.reason)),
        ("reference", count.reference),
        ("proposed by", count.proposedBy),
        ("proposed", momentText(count.proposedAt)),
        ("on hand now", "\(count.position.onHand)"),
        (
            "promised now",
            "\(count.position.reserved) reserved, \(count.position.allocated) allocated"
        ),
        (
            "short", count.shortUnits == 0 ? "" : "\(count.shortUnits) units are promised",
        ),
    ])
    if !count.shortHolds.isEmpty {
        var table = Table([
            .text("WOULD BE SHORT"), .text("ORDER"), .text("OWNER"), .number("HOLDS"),
            .number("SHORT"), .text("MADE"), .text("EXPIRES"),
        ])
        for hold in count.shortHolds {
            table.add([
                hold.reservationID, hold.orderID, hold.owner, "\(hold.quantity)", "\(hold.short)",
                momentText(hold.createdAt), momentText(hold.expiresAt),
            ])
        }
        text += "\n" + table.text
    }
    if !count.history.isEmpty {
        var table = Table([
            .number("NO"), .text("AT"), .text("EVENT"), .number("APPLIED"), .number("VERSION"),
            .text("BY"), .text("REQUEST"), .text("NOTE"),
        ])
        for event in count.history {
            table.add([
                "\(event.sequence)", momentText(event.at), caseName(event.kind),
                "\(event.applied)", event.version == 0 ? "" : "\(event.version)", event.principal,
                event.requestID, event.note,
            ])
        }
        text += "\n" + table.text
    }
    return text
}

/// Counts, one per line.
func countsText(_ counts: [Holdfast_V1_StockCount]) -> String {
    var table = Table([
        .text("COUNT"), .text("STATE"), .text("SKU"), .text("NODE"), .number("COUNTED"),
        .number("EXPECTED"), .number("DIFFERENCE"), .number("APPLIED"), .number("SHORT"),
        .text("REASON"), .text("BY"), .text("PROPOSED"),
    ])
    for count in counts {
        table.add([
            count.id, caseName(count.state), count.sku, count.node, "\(count.counted)",
            "\(count.expected)", "\(count.difference)", "\(count.applied)", "\(count.shortUnits)",
            caseName(count.reason), count.proposedBy, momentText(count.proposedAt),
        ])
    }
    return table.text
}
