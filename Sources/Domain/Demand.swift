// What a cart asks for: units of SKUs at nodes, repeated ones summed.

/// Units of one position, as asked for.
package struct Demand: Hashable, Sendable {
    package var key: PositionKey
    package var quantity: Int64

    package init(key: PositionKey, quantity: Int64) {
        self.key = key
        self.quantity = quantity
    }
}

extension Demand {
    /// Sums repeated positions; the first place at which a position stands is its place.
    ///
    /// Quantities are at most `Limits.quantityMax` and lines at most `Limits.linesMax`, so that the
    /// sum cannot overflow.
    package static func summed(_ lines: [Demand]) -> [Demand] {
        if lines.count < 2 { return lines }
        var places: [PositionKey: Int] = [:]
        var result: [Demand] = []
        result.reserveCapacity(lines.count)
        for line in lines {
            if let place = places[line.key] {
                result[place].quantity += line.quantity
            } else {
                places[line.key] = result.count
                result.append(line)
            }
        }
        return result
    }
}
