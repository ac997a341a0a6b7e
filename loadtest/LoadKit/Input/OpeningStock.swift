// The catalogue and the stock to begin with, derived from the file. It only adds up what will
// leave: units that come back are a gift, so that the stock suffices in whatever order things run.

/// Units of one position before the first invoice.
package struct OpeningLine: Hashable, Sendable {
    package var position: PositionName
    package var quantity: Int64
    /// The first description of the SKU in the file.
    package var name: String
}

package enum OpeningStock {
    /// Units of each position beyond what the file takes.
    package static let margin: Int64 = 10

    /// What every position of the file begins with, in the order of their names.
    ///
    /// - Parameter percent: how much of the stock that suffices is there, rounded down; but at
    ///   least one unit, since a position exists only once something was received.
    package static func derive(
        from sales: [Sale],
        nodes: Nodes,
        percent: Int = 100,
    ) -> [OpeningLine] {
        var units: [PositionName: Int64] = [:]
        var names: [String: String] = [:]
        for sale in sales {
            // A credit note brings units back: its position must exist, but needs nothing more.
            units[nodes.position(of: sale), default: 0] += sale.isCredit ? 0 : abs(sale.quantity)
            if names[sale.sku, default: ""].isEmpty { names[sale.sku] = sale.description }
        }
        return units.keys.sorted()
            .map { position in
                let enough = units[position, default: 0] + margin
                return OpeningLine(
                    position: position,
                    quantity: max(1, enough * Int64(percent) / 100),
                    name: names[position.sku, default: ""],
                )
            }
    }

    /// The lines as CSV: `sku,node,quantity,name`.
    package static func csv(_ lines: [OpeningLine]) -> String {
        let rows = lines.map { line in
            [line.position.sku, line.position.node, String(line.quantity), line.name]
                .map(quoted).joined(separator: ",")
        }
        return (["sku,node,quantity,name"] + rows).joined(separator: "\n") + "\n"
    }

    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { ",\"\r\n".contains($0) }) else { return field }
        return "\"" + field.replacing("\"", with: "\"\"") + "\""
    }
}
