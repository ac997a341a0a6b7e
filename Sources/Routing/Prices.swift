// A price for a unit of each line, by which branches of the search are bounded.
//
// Whatever the prices, any plan costs at least all units at their prices, plus what each of its shipments
// costs beyond what the best units for it would fetch (its surplus, often below zero). Prices are good when
// that comes close to what the best plan costs: they are raised as long as that raises it (dual ascent).

internal import Domain

struct Prices {
    private let lines: Int
    private let quantities: [Int64]
    /// By line.
    private(set) var prices: [Rank]
    /// By candidate: its cheapest shipment, less what its units fetch beyond what they cost.
    private var slacks: [Rank]
    /// By candidate, then by line: what a unit adds at least.
    private var costs: [Rank]
    /// By candidate, then by line: units that it could give.
    private var units: [Int64]
    private(set) var steps = 0

    /// Nil when the offers cannot serve the cart.
    init?(_ board: Board, offers: [Int], starts: [Int]) {
        lines = board.lineCount
        quantities = board.quantities
        let cells = board.candidates.count * lines
        prices = []
        slacks = []
        costs = []
        units = []
        slacks.reserveCapacity(board.candidates.count)
        costs.reserveCapacity(cells)
        units.reserveCapacity(cells)
        for candidate in board.candidates.indices {
            let places = starts[candidate]..<starts[candidate + 1]
            var fixed: Rank?
            for place in places {
                let rank = board.offers[offers[place]].fixed
                fixed = min(fixed ?? rank, rank)
            }
            slacks.append(fixed ?? 0)
            for line in 0..<lines {
                var (most, cost): (Int64, Rank) = (0, 0)
                for place in places {
                    let offer = offers[place]
                    let given = board.units(candidate: candidate, offer: offer, line: line)
                    guard given > 0 else { continue }
                    let rank = board.unitRanks[offer * lines + line]
                    cost = most > 0 ? min(cost, rank) : rank
                    most = given
                }
                units.append(most)
                costs.append(cost)
            }
        }
        for line in 0..<lines {
            var (given, cheapest): (Int64, Rank?) = (0, nil)
            for cell in stride(from: line, to: units.count, by: lines) where units[cell] > 0 {
                given += units[cell]
                cheapest = min(cheapest ?? costs[cell], costs[cell])
            }
            guard given >= quantities[line], let cheapest else { return nil }
            prices.append(cheapest)
        }
    }

    /// Prices that were found otherwise; only for what they bound.
    init(_ board: Board, prices: [Double]) {
        lines = board.lineCount
        quantities = board.quantities
        self.prices = prices.map { Rank($0) }
        slacks = []
        costs = []
        units = []
    }

    var total: Rank {
        zip(prices, quantities).reduce(0) { $0 + $1.0 * Rank($1.1) }
    }

    /// Raises prices, line by line and bit by bit, as long as the bound grows.
    mutating func climb() {
        var isChanged = true
        while isChanged {
            isChanged = false
            for line in 0..<lines where raise(line) { isChanged = true }
        }
    }

    /// Raises one price until another node could sell the line, or a node that sells it has nothing
    /// left to pay for its shipment; false when the bound would not grow.
    private mutating func raise(_ line: Int) -> Bool {
        steps += slacks.count
        let price = prices[line]
        var gain = quantities[line]
        var step: Rank?
        for candidate in slacks.indices {
            let cell = candidate * lines + line
            let given = units[cell]
            guard given > 0 else { continue }
            if costs[cell] > price {
                step = min(step ?? costs[cell] - price, costs[cell] - price)
            } else if slacks[candidate] <= 0 {
                gain -= given
                if gain <= 0 { return false }
            } else {
                let room =
                    given == 1 ? slacks[candidate] : max(1, slacks[candidate] / Rank(given))
                step = min(step ?? room, room)
            }
        }
        guard let step else { return false }
        prices[line] = price + step
        for candidate in slacks.indices {
            let cell = candidate * lines + line
            if units[cell] > 0, costs[cell] <= price {
                slacks[candidate] -= step * Rank(units[cell])
            }
        }
        return true
    }

    /// What a shipment costs at least beyond the prices of its units.
    func surplus(_ board: Board, candidate: Int, offer: Int) -> Rank {
        var sum = board.offers[offer].fixed
        var count: Int64 = 0
        for line in 0..<lines {
            let given = board.units(candidate: candidate, offer: offer, line: line)
            let margin = board.unitRanks[offer * lines + line] - prices[line]
            guard given > 0, margin < 0 else { continue }
            let calm = min(given, board.calm[candidate * lines + line])
            sum += margin * Rank(calm)
            count += calm
            if margin + board.scarce < 0 {
                sum += (margin + board.scarce) * Rank(given - calm)
                count += given - calm
            }
        }
        if count <= board.offers[offer].room { return sum }
        return crowdedSurplus(board, candidate: candidate, offer: offer)
    }

    /// The same when there is room for some of the units only: the best of them.
    private func crowdedSurplus(_ board: Board, candidate: Int, offer: Int) -> Rank {
        var parts: [(margin: Rank, count: Int64)] = []
        for line in 0..<lines {
            let given = board.units(candidate: candidate, offer: offer, line: line)
            let calm = min(given, board.calm[candidate * lines + line])
            let margin = board.unitRanks[offer * lines + line] - prices[line]
            if calm > 0, margin < 0 { parts.append((margin, calm)) }
            if given > calm, margin + board.scarce < 0 {
                parts.append((margin + board.scarce, given - calm))
            }
        }
        parts.sort { $0.margin < $1.margin }
        var (sum, room) = (board.offers[offer].fixed, board.offers[offer].room)
        for part in parts {
            let count = min(part.count, room)
            sum += part.margin * Rank(count)
            room -= count
        }
        return sum
    }
}
