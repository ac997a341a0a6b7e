// Units by bucket for every position, as somebody counts them: the file, the answers, the server.

/// Units of one position.
package struct Figures: Hashable, Sendable, Codable {
    package var onHand: Int64 = 0
    package var reserved: Int64 = 0
    package var allocated: Int64 = 0
    /// Units of orders that left.
    package var shipped: Int64 = 0
    /// Units of orders that were cancelled.
    package var cancelled: Int64 = 0

    package init() {}

    /// The buckets by name, in the order of a report.
    package static var buckets: [(name: String, path: KeyPath<Figures, Int64>)] {
        [
            ("on_hand", \.onHand), ("reserved", \.reserved), ("allocated", \.allocated),
            ("shipped", \.shipped), ("cancelled", \.cancelled),
        ]
    }

    package mutating func add(_ other: Figures) {
        onHand += other.onHand
        reserved += other.reserved
        allocated += other.allocated
        shipped += other.shipped
        cancelled += other.cancelled
    }
}

/// Units of every position.
package typealias Stock = [PositionName: Figures]

/// A bucket in which two counts do not agree.
package struct Difference: Hashable, Sendable, Codable {
    package var position: PositionName
    package var bucket: String
    /// Who counts otherwise than the server: `file` or `answers`.
    package var source: String
    package var expected: Int64
    package var server: Int64
}

package enum Comparison {
    /// Every bucket of every position in which a count differs from the server's.
    package static func differences(
        _ source: String,
        _ expected: Stock,
        server: Stock,
    ) -> [Difference] {
        Set(expected.keys).union(server.keys).sorted()
            .flatMap { position -> [Difference] in
                let one = expected[position] ?? Figures()
                let other = server[position] ?? Figures()
                return Figures.buckets.filter { one[keyPath: $0.path] != other[keyPath: $0.path] }
                    .map { bucket in
                        Difference(
                            position: position,
                            bucket: bucket.name,
                            source: source,
                            expected: one[keyPath: bucket.path],
                            server: other[keyPath: bucket.path],
                        )
                    }
            }
    }

    /// The sums over all positions.
    package static func total(_ stock: Stock) -> Figures {
        stock.values.reduce(into: Figures()) { $0.add($1) }
    }
}
