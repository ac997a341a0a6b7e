// The invoices of a file, in the order of their first rows, and what each asks for: an order in
// parts, a credit note, or stock adjustments.

/// What one invoice asks for.
package struct Invoice: Hashable, Sendable {
    package var number: String
    /// When its first row was written; the clock of the replay.
    package var time: Int64
    package var sales: [Sale]
}

/// Up to as many lines of an invoice as one call takes.
package struct OrderPart: Hashable, Sendable {
    /// The invoice's number, with `/2` and so on behind the first part.
    package var name: String
    package var time: Int64
    package var customer: String
    package var sales: [Sale]
}

extension Invoice {
    /// Lines that one call takes.
    package static let linesMax = 500

    /// Groups rows by invoice; an invoice stands where its first row does.
    package static func grouped(_ sales: [Sale]) -> [Invoice] {
        var invoices: [Invoice] = []
        var indices: [String: Int] = [:]
        for sale in sales {
            if let index = indices[sale.invoice] {
                invoices[index].sales.append(sale)
            } else {
                indices[sale.invoice] = invoices.count
                invoices.append(Invoice(number: sale.invoice, time: sale.time, sales: [sale]))
            }
        }
        return invoices
    }

    package var isCredit: Bool { number.hasPrefix("C") }

    /// The rows that sell something, in parts.
    package var parts: [OrderPart] {
        let sold = sales.filter { $0.quantity > 0 }
        return stride(from: 0, to: sold.count, by: Self.linesMax)
            .enumerated()
            .map { index, start in
                let rows = Array(sold[start..<min(start + Self.linesMax, sold.count)])
                return OrderPart(
                    name: index == 0 ? number : "\(number)/\(index + 1)",
                    time: time,
                    customer: rows[0].customer,
                    sales: rows,
                )
            }
    }

    /// The rows of an invoice, credit notes aside, that take units away without selling them.
    package var adjustments: [Sale] {
        isCredit ? [] : sales.filter { $0.quantity < 0 }
    }
}
