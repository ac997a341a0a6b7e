// A price for each line, by which branches of the search are bounded.
//
// Whatever the prices, any plan costs at least all units at their prices, plus what each of its shipments
// costs beyond what the best units for it would fetch (its surplus, often below zero). Prices are good when
// that comes close to what the best plan costs.

internal import Domain

struct Prices {
    /// Of all units that are asked for.
    private(set) var total: Rank = 0
    /// What a shipment costs at least beyond the prices of its units; by offer.
    private(set) var surplus: [Rank] = []

    init(_ board: Board) {
        let lines = board.lineCount
        var prices = [Rank?](repeating: nil, count: lines)
        for offer in board.offers.indices {
            for line in 0..<lines {
                let rank = board.unitRanks[offer * lines + line]
                if let known = prices[line], known <= rank { continue }
                prices[line] = rank
            }
        }
        total = zip(prices, board.quantities).reduce(0) { $0 + ($1.0 ?? 0) * Rank($1.1) }
        surplus = board.offers.map(\.fixed)
    }
}
