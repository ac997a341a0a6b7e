// Better prices for hard searches: found step by step (a subgradient method), since rooms, scarce units and
// the number of shipments all count in them. In floating point, which only looks for prices; the bound
// that they give is computed in whole numbers afterwards.

internal import Domain

struct Pricer {
    private let lines: Int
    private let quantities: [Double]
    private let scarce: Double
    /// By place in the level's offers.
    private var fixed: [Double] = []
    private var rooms: [Double] = []
    /// By place in the level's offers, then by line.
    private var costs: [Double] = []
    private var units: [Double] = []
    private var calm: [Double] = []

    private var taken: [Double]
    private var demand: [Double]
    /// Cells looked at so far.
    private(set) var steps = 0

    init(_ board: Board, _ level: Level) {
        lines = board.lineCount
        quantities = board.quantities.map { Double($0) }
        scarce = Double(board.scarce)
        taken = Array(repeating: 0, count: lines)
        demand = taken
        for candidate in board.candidates.indices {
            for place in level.starts[candidate]..<level.starts[candidate + 1] {
                let offer = level.offers[place]
                fixed.append(Double(board.offers[offer].fixed))
                rooms.append(Double(board.offers[offer].room))
                for line in 0..<lines {
                    let given = board.units(candidate: candidate, offer: offer, line: line)
                    costs.append(Double(board.unitRanks[offer * lines + line]))
                    units.append(Double(given))
                    calm.append(Double(min(given, board.calm[candidate * lines + line])))
                }
            }
        }
    }

    /// Prices under which the bound is nearly as high as it can be.
    ///
    /// - Parameters:
    ///   - start: Where to begin.
    ///   - chosen: Places of offers that are in.
    ///   - live: Places of offers of nodes that may be in, node by node.
    ///   - shipmentsLeft: How many of those nodes may be in at most.
    ///   - target: What the bound need not exceed.
    mutating func prices(
        from start: [Double],
        chosen: [Int],
        live: [Range<Int>],
        shipmentsLeft: Int,
        target: Double?,
        rounds: Int,
    ) -> [Double] {
        var prices = start
        var best = (value: -Double.infinity, prices: start)
        var (pace, idle) = (1.0, 0)
        for _ in 0..<rounds {
            let value = self.value(prices, chosen, live, shipmentsLeft)
            if value > best.value {
                best = (value, prices)
                idle = 0
            } else {
                idle += 1
                if idle >= 3 { (pace, idle) = (pace / 2, 0) }
            }
            if let target, value >= target { break }
            var norm = 0.0
            for line in 0..<lines {
                let missing = quantities[line] - demand[line]
                norm += missing * missing
            }
            guard norm > 0 else { break }
            let aim = target ?? (best.value + abs(best.value) * 0.2 + 1)
            let step = pace * max(aim - value, 0) / norm
            for line in 0..<lines {
                prices[line] = max(0, prices[line] + step * (quantities[line] - demand[line]))
            }
        }
        return best.prices
    }

    /// The bound under some prices; in `demand` the units that are sold under them.
    private mutating func value(
        _ prices: [Double],
        _ chosen: [Int],
        _ live: [Range<Int>],
        _ shipmentsLeft: Int,
    ) -> Double {
        var sum = 0.0
        for line in 0..<lines {
            sum += quantities[line] * prices[line]
            demand[line] = 0
        }
        for place in chosen { sum += sell(place, prices) }
        var sellers: [(surplus: Double, place: Int)] = []
        for places in live {
            var best: (surplus: Double, place: Int) = (0, -1)
            for place in places {
                let surplus = self.surplus(place, prices)
                if surplus < best.surplus { best = (surplus, place) }
            }
            if best.place >= 0 { sellers.append(best) }
        }
        if sellers.count > shipmentsLeft {
            sellers.sort { ($0.surplus, $0.place) < ($1.surplus, $1.place) }
            sellers.removeLast(sellers.count - max(0, shipmentsLeft))
        }
        for seller in sellers { sum += sell(seller.place, prices) }
        return sum
    }

    private mutating func sell(_ place: Int, _ prices: [Double]) -> Double {
        let surplus = self.surplus(place, prices)
        for line in 0..<lines { demand[line] += taken[line] }
        return surplus
    }

    /// What a shipment costs beyond the prices of its units; in `taken` the units.
    private mutating func surplus(_ place: Int, _ prices: [Double]) -> Double {
        steps += lines
        var sum = fixed[place]
        var count = 0.0
        let first = place * lines
        for line in 0..<lines {
            let margin = costs[first + line] - prices[line]
            taken[line] = 0
            guard margin < 0, units[first + line] > 0 else { continue }
            let most = margin + scarce < 0 ? units[first + line] : calm[first + line]
            taken[line] = most
            count += most
            sum += margin * most + scarce * max(0, most - calm[first + line])
        }
        return count <= rooms[place] ? sum : crowdedSurplus(place, prices)
    }

    private mutating func crowdedSurplus(_ place: Int, _ prices: [Double]) -> Double {
        let first = place * lines
        var parts: [(margin: Double, line: Int, count: Double)] = []
        for line in 0..<lines where taken[line] > 0 {
            let margin = costs[first + line] - prices[line]
            let calm = min(self.calm[first + line], taken[line])
            if calm > 0 { parts.append((margin, line, calm)) }
            if taken[line] > calm { parts.append((margin + scarce, line, taken[line] - calm)) }
            taken[line] = 0
        }
        parts.sort { ($0.margin, $0.line) < ($1.margin, $1.line) }
        var (sum, room) = (fixed[place], rooms[place])
        for part in parts where room > 0 {
            let count = min(part.count, room)
            sum += part.margin * count
            taken[part.line] += count
            room -= count
        }
        return sum
    }
}
