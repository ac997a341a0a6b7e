// What must be true in the end, counted from the rows alone. It shares the reading of the file and
// the table of nodes with the player and nothing else: no call, no order book, no answer of the
// server. It must stay that way, or the reconciliation proves nothing.
//
// It works from the end: for each customer and SKU, units go onto a pile when they are sold; a credit
// note takes them from the top. When an order ships depends only on the clock of the file.

/// The count of a file.
package struct IndependentCount {
    /// What a run was like, as far as the rows cannot tell.
    package struct Premises {
        package var nodes: Nodes
        /// Percent of the stock that suffices.
        package var percent = 100
        /// Seconds of the file's clock after which an order is shipped.
        package var shipAfter: Int64 = 86_400
        /// Order parts and adjustments that the server refused, by name; without scarcity none.
        package var refused: Set<String> = []

        package init(nodes: Nodes) {
            self.nodes = nodes
        }
    }

    /// Units of every position in the end.
    package private(set) var stock: Stock = [:]
    /// Rows of every class in the end, by name; those of what was refused as `refused`.
    package private(set) var rows: [String: Int] = [:]

    /// Units sold in one row, that no credit note has taken back.
    private struct Pile {
        var position: PositionName
        var units: Int64
        var shipsAt: Int64
        var isRefused: Bool
    }

    private struct PileName: Hashable {
        var customer: String
        var sku: String
    }

    private let premises: Premises
    private var piles: [PileName: [Pile]] = [:]

    package init(_ sales: [Sale], _ premises: Premises) {
        self.premises = premises
        open(sales)
        var clock = Int64.min
        for rows in Self.byInvoice(sales) {
            clock = max(clock, rows[0].time)
            var sold = 0
            for sale in rows {
                if sale.isCredit {
                    credit(sale, at: clock)
                } else if sale.quantity > 0 {
                    sell(sale, number: sold, at: clock)
                    sold += 1
                } else {
                    writeOff(sale)
                }
            }
        }
        close(at: clock)
    }

    private mutating func open(_ sales: [Sale]) {
        for line in OpeningStock.derive(
            from: sales,
            nodes: premises.nodes,
            percent: premises.percent,
        ) {
            stock[line.position, default: Figures()].onHand += line.quantity
        }
    }

    private mutating func sell(_ sale: Sale, number: Int, at clock: Int64) {
        let part = number / 500
        let name = part == 0 ? sale.invoice : "\(sale.invoice)/\(part + 1)"
        let isRefused = premises.refused.contains(name)
        rows[isRefused ? "refused" : "ordered", default: 0] += 1
        // Without a customer nobody can bring it back, but it must still be shipped.
        let owner = sale.customer.isEmpty ? "invoice \(sale.invoice)" : "customer \(sale.customer)"
        piles[PileName(customer: owner, sku: sale.sku), default: []]
            .append(
                Pile(
                    position: premises.nodes.position(of: sale),
                    units: sale.quantity,
                    shipsAt: clock + premises.shipAfter,
                    isRefused: isRefused,
                )
            )
    }

    private mutating func writeOff(_ sale: Sale) {
        let isRefused = premises.refused.contains("\(sale.invoice) line \(sale.line)")
        rows[isRefused ? "refused" : "adjusted", default: 0] += 1
        if isRefused { return }
        stock[premises.nodes.position(of: sale), default: Figures()].onHand += sale.quantity
    }

    private mutating func credit(_ sale: Sale, at clock: Int64) {
        let owner = sale.customer.isEmpty ? "nobody" : "customer \(sale.customer)"
        let name = PileName(customer: owner, sku: sale.sku)
        var pile = piles[name] ?? []
        var missing = -sale.quantity
        var isCancelled = false
        var isReturned = false
        while missing > 0, var top = pile.popLast() {
            let taken = min(missing, top.units)
            missing -= taken
            if top.isRefused {
                // The units never left, so none comes back.
            } else if top.shipsAt <= clock {
                isReturned = true
                stock[top.position, default: Figures()].shipped += taken
                // They left and came back: on hand is as it was.
            } else {
                isCancelled = true
                stock[top.position, default: Figures()].cancelled += taken
            }
            top.units -= taken
            if top.units > 0 { pile.append(top) }
        }
        piles[name] = pile
        if missing > 0 {
            stock[premises.nodes.position(of: sale), default: Figures()].onHand += missing
        }
        let rest = missing > 0 ? "unmatched_return" : "refused"
        rows[isCancelled ? "cancelled" : isReturned ? "returned" : rest, default: 0] += 1
    }

    /// What is left on the piles was shipped, or waits for it.
    private mutating func close(at clock: Int64) {
        for pile in piles.values.joined() where !pile.isRefused {
            var figures = stock[pile.position] ?? Figures()
            if pile.shipsAt <= clock {
                figures.shipped += pile.units
                figures.onHand -= pile.units
            } else {
                figures.allocated += pile.units
            }
            stock[pile.position] = figures
        }
        piles = [:]
    }

    private static func byInvoice(_ sales: [Sale]) -> [[Sale]] {
        Dictionary(grouping: sales, by: \.invoice).values
            .sorted { left, right in
                left[0].line < right[0].line
            }
    }
}
