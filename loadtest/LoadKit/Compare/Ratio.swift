// How many times better one side did than the other, over several turns.

/// The ratio of two sides that took turns: the middle of the turns, and how far they lie apart.
package struct Ratio: Hashable, Sendable, Codable {
    package var median: Double
    package var min: Double
    package var max: Double

    /// From the ratios of the single turns; nil when there is none, or one that is no number.
    package init?(of ratios: [Double]) {
        guard !ratios.isEmpty, ratios.allSatisfy(\.isFinite) else { return nil }
        let sorted = ratios.sorted()
        let middle = sorted.count / 2
        median =
            sorted.count.isMultiple(of: 2)
            ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        min = sorted[0]
        max = sorted[sorted.count - 1]
    }

    /// Turn by turn, ours over theirs: neighbours in time share what else the machine did.
    ///
    /// A turn in which theirs is nothing cannot be compared, and neither can the rest then.
    package init?(_ ours: [Double], over theirs: [Double]) {
        guard ours.count == theirs.count, theirs.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(of: zip(ours, theirs).map { $0 / $1 })
    }
}
