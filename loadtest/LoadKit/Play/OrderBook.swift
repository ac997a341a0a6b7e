// What one customer ordered, as far as the player knows, and the matching of credit notes with it.
// Pure: it decides what to ask the server for and never asks.

/// A part of a credited row.
package struct CreditSlice: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Units that are still allocated to a line of an order part: cancel them.
        case cancel(part: String, line: Int)
        /// Units that were shipped from a node: they come back there.
        case returned(node: String)
        /// Units of a part that was refused: the customer never had them.
        case neverSold
        /// Units that no order of the file explains: sold before it begins, or by somebody unknown.
        case unmatched
    }

    package var kind: Kind
    package var units: Int64

    package init(_ kind: Kind, units: Int64) {
        self.kind = kind
        self.units = units
    }
}

/// The orders of one customer, oldest first.
package struct OrderBook {
    private enum Standing {
        case open
        case shipped
        case refused
    }

    private struct Part {
        var name: String
        var standing: Standing
        /// Units of each line that no credit note has claimed, in the order of the lines.
        var unclaimed: [Int64]
        var nodes: [String]
    }

    private struct Place {
        var part: Int
        var line: Int
    }

    private var parts: [Part] = []
    private var indices: [String: Int] = [:]
    private var places: [String: [Place]] = [:]

    package init() {}

    /// Notes a part that was placed, or refused.
    package mutating func add(_ part: OrderPart, nodes: Nodes, isRefused: Bool) {
        indices[part.name] = parts.count
        for (line, sale) in part.sales.enumerated() {
            places[sale.sku, default: []].append(Place(part: parts.count, line: line))
        }
        parts.append(
            Part(
                name: part.name,
                standing: isRefused ? .refused : .open,
                unclaimed: part.sales.map(\.quantity),
                nodes: part.sales.map { nodes.node(for: $0.country) },
            )
        )
    }

    /// Whether the part has units that can be shipped.
    package func isShippable(_ name: String) -> Bool {
        guard let index = indices[name] else { return false }
        return parts[index].standing == .open && parts[index].unclaimed.contains { $0 > 0 }
    }

    /// Notes that what was left of a part has gone.
    package mutating func shipped(_ name: String) {
        guard let index = indices[name] else { return }
        parts[index].standing = .shipped
    }

    /// Claims units of a SKU, from the newest line that has any to the oldest.
    package mutating func credit(sku: String, units: Int64) -> [CreditSlice] {
        var slices: [CreditSlice] = []
        var wanted = units
        while wanted > 0, let place = places[sku]?.last {
            let unclaimed = parts[place.part].unclaimed[place.line]
            let claimed = min(wanted, unclaimed)
            if claimed > 0 {
                slices.append(CreditSlice(kind(at: place), units: claimed))
                parts[place.part].unclaimed[place.line] -= claimed
                wanted -= claimed
            }
            if claimed == unclaimed { places[sku]?.removeLast() }
        }
        if wanted > 0 { slices.append(CreditSlice(.unmatched, units: wanted)) }
        return slices
    }

    private func kind(at place: Place) -> CreditSlice.Kind {
        let part = parts[place.part]
        switch part.standing {
        case .open: return .cancel(part: part.name, line: place.line)
        case .shipped: return .returned(node: part.nodes[place.line])
        case .refused: return .neverSold
        }
    }
}
