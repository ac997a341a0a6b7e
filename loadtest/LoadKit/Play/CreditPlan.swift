// What a credit note comes to: the calls that cancel, the lines that come back. And what the free
// text of a stock adjustment means. Pure.

/// A row of a credit note with what became of its units.
package struct CreditedRow: Hashable, Sendable {
    package var sale: Sale
    package var slices: [CreditSlice]

    package init(sale: Sale, slices: [CreditSlice]) {
        self.sale = sale
        self.slices = slices
    }
}

/// Units of a position, more or fewer.
package struct StockChange: Hashable, Sendable {
    package var position: PositionName
    package var units: Int64

    package init(_ position: PositionName, _ units: Int64) {
        self.position = position
        self.units = units
    }
}

/// The calls of one credit note.
package struct CreditPlan {
    /// Units of a line, which counts from 0.
    package struct CancelLine: Hashable {
        package var index: Int
        package var units: Int64
    }

    /// Units of an order part to cancel, each line once and in order.
    package struct Cancel: Hashable {
        package var part: String
        package var lines: [CancelLine]
    }

    package private(set) var cancels: [Cancel] = []
    /// Units that come back, each position once, in calls of as many lines as one may have.
    package private(set) var returns: [[StockChange]] = []

    package init(_ rows: [CreditedRow], nodes: Nodes) {
        var cancelled: [String: [Int: Int64]] = [:]
        var returned: [PositionName: Int64] = [:]
        for row in rows {
            for slice in row.slices {
                switch slice.kind {
                case .cancel(let part, let line):
                    cancelled[part, default: [:]][line, default: 0] += slice.units
                case .returned(let node):
                    let position = PositionName(sku: row.sale.sku, node: node)
                    returned[position, default: 0] += slice.units
                case .unmatched:
                    returned[nodes.position(of: row.sale), default: 0] += slice.units
                case .neverSold:
                    break
                }
            }
        }
        cancels = cancelled.sorted { $0.key < $1.key }
            .map { part, lines in
                let inOrder = lines.sorted { $0.key < $1.key }
                return Cancel(
                    part: part,
                    lines: inOrder.map { CancelLine(index: $0.key, units: $0.value) },
                )
            }
        let lines = returned.sorted { $0.key < $1.key }.map { StockChange($0.key, $0.value) }
        returns = stride(from: 0, to: lines.count, by: Invoice.linesMax)
            .map { Array(lines[$0..<min($0 + Invoice.linesMax, lines.count)]) }
    }
}

/// Why stock was adjusted, as far as the free text tells.
package enum AdjustmentReason: Hashable, Sendable {
    case count
    case damage
    case loss
    case correction
    case other

    package init(_ description: String) {
        let text = description.lowercased()
        self = Self.words.first { text.contains($0.word) }?.reason ?? .other
    }

    /// The first word that occurs decides.
    private static let words: [(word: String, reason: AdjustmentReason)] = [
        ("damage", .damage), ("broken", .damage), ("wet", .damage), ("rusty", .damage),
        ("mould", .damage), ("crack", .damage), ("crush", .damage), ("faulty", .damage),
        ("thrown", .damage), ("throw", .damage), ("smashed", .damage), ("lost", .loss),
        ("missing", .loss), ("mia", .loss), ("count", .count), ("sold as", .correction),
        ("wrong", .correction), ("barcode", .correction), ("reverse", .correction),
        ("mix up", .correction), ("error", .correction), ("adjust", .correction),
    ]
}
