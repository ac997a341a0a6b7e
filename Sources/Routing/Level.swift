// A search is made day by day: once with everything that arrives on the first day, once with what arrives
// by the second, and so on. For each such day it is settled what the last arrival counts, and of most nodes
// one offer is left; what remains is to choose nodes.

internal import Domain

/// The offers of a board that arrive by one day, and what bounds the plans that are made of them.
struct Level {
    /// From today.
    let days: Int64
    /// What an arrival on that day adds.
    let arrival: Rank
    /// Offers of use, by candidate, in the order of ties.
    private(set) var offers: [Int] = []
    /// By candidate: where its offers begin; one more than there are.
    private(set) var starts: [Int] = [0]
    /// What a shipment costs at least beyond the prices of its units; by place in `offers`.
    private(set) var surplus: [Rank] = []
    /// By candidate: the least of them; nil without an offer.
    private(set) var least: [Rank?] = []
    /// All units at their prices.
    private(set) var total: Rank = 0
    /// By line.
    private(set) var prices: [Rank] = []
    /// No plan of the level adds less, the arrival aside; nil when the level cannot serve the cart.
    private(set) var bound: Rank?
    /// Steps that it took to make.
    private(set) var steps = 0

    init(_ board: Board, days: Int64) {
        self.days = days
        arrival = Ranks.arrival(days: days, promise: board.goals.promise)
        for candidate in board.candidates.indices {
            Offers.appendUseful(board, candidate, days: days, to: &offers)
            starts.append(offers.count)
        }
        guard var prices = Prices(board, offers: offers, starts: starts) else { return }
        prices.climb()
        steps = prices.steps + offers.count * board.lineCount
        total = prices.total
        self.prices = prices.prices
        var sum = total
        for candidate in board.candidates.indices {
            var smallest: Rank?
            for place in starts[candidate]..<starts[candidate + 1] {
                let rank = prices.surplus(board, candidate: candidate, offer: offers[place])
                surplus.append(rank)
                smallest = min(smallest ?? rank, rank)
            }
            least.append(smallest)
            sum += min(0, smallest ?? 0)
        }
        bound = sum
    }
}
