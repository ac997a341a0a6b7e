// The search for the best plan: first single nodes, then, day by day of the last arrival, branch and bound
// over sets of nodes.
//
// Nodes are decided one after the other in the network's order, in before out, offers in the order of
// ties: so what is no better than a known plan and comes after it need not be looked at.

internal import Domain

/// A plan as the search has it.
struct Found {
    var rank: Rank
    /// By candidate.
    var choices: [Choice]
    /// Units: by choice, then by line.
    var taken: [Int64]
}

/// What a search came to.
struct SearchResult {
    var best: Found?
    /// No plan ranks lower; the plan's rank when it is proven to be the best.
    ///
    /// Nil when there is none at all, proven.
    var bound: Rank?
    var isProven: Bool
}

/// Searches one board, once or several times within one budget.
struct Search {
    let board: Board
    let budget: Int
    let easySteps: Int
    var allotment = Allotment()
    /// Steps taken outside the allotment.
    private(set) var ownSteps: Int
    /// By day of the last arrival; made when they are first needed.
    private var levels: [Level]?

    // Of the search that is on.
    var forced: Int?
    var avoided: [[Int]] = []
    var best: Found?
    var openBound: Rank?

    init(_ board: Board, budget: SearchBudget) {
        self.board = board
        self.budget = budget.steps
        easySteps = budget.easySteps
        ownSteps = board.offers.count * board.lineCount
        allotment.stepsMax = budget.steps
    }

    /// Steps taken so far.
    var steps: Int { ownSteps + allotment.steps }

    var isSpent: Bool { steps >= budget }

    /// The best plan in which `node`, a place on the board, serves something, and which leaves out at
    /// least one candidate of each set in `avoided`.
    mutating func run(through node: Int? = nil, avoiding avoided: [[Int]] = []) -> SearchResult {
        forced = node
        self.avoided = avoided
        best = nil
        openBound = nil
        guard board.shipmentsMax >= 1 else {
            return SearchResult(best: nil, bound: nil, isProven: true)
        }
        trySingles()
        if board.shipmentsMax > 1, board.candidates.count > 1, mayBeSplit() { trySets() }
        let bound = openBound.map { min($0, best?.rank ?? $0) } ?? best?.rank
        let isProven = openBound.map { open in best.map { open >= $0.rank } ?? false } ?? true
        return SearchResult(best: best, bound: bound, isProven: isProven)
    }

    // MARK: One shipment

    private mutating func trySingles() {
        var found: (rank: Rank, choice: Choice)?
        let wanted = board.quantities.reduce(0, +)
        for candidate in board.candidates.indices where forced ?? candidate == candidate {
            if avoided.contains([candidate]) { continue }
            guard let scarceUnits = scarceUnitsAlone(candidate) else { continue }
            let scarce = board.scarce * Rank(scarceUnits)
            for offer in board.candidates[candidate].offers {
                guard board.offers[offer].room >= wanted else { continue }
                guard let units = unitsAlone(offer) else { continue }
                let arrival = Ranks.arrival(
                    days: board.offers[offer].days,
                    promise: board.goals.promise
                )
                let rank = units + scarce + board.offers[offer].fixed + arrival
                if let known = found {
                    if rank > known.rank { continue }
                    if rank == known.rank {
                        guard known.choice.candidate == candidate,
                            Offers.compare(board.offers[offer], board.offers[known.choice.offer])
                                < 0
                        else { continue }
                    }
                }
                found = (rank, Choice(candidate: candidate, offer: offer))
            }
        }
        guard let found else { return }
        best = Found(rank: found.rank, choices: [found.choice], taken: board.quantities)
    }

    /// How many scarce units a candidate gives when it serves everything; nil when it cannot.
    private func scarceUnitsAlone(_ candidate: Int) -> Int64? {
        let first = candidate * board.lineCount
        var sum: Int64 = 0
        for line in board.quantities.indices {
            let quantity = board.quantities[line]
            if board.units[first + line] < quantity { return nil }
            sum += max(0, quantity - board.calm[first + line])
        }
        return sum
    }

    /// What all units add with one offer; nil when it may not carry them.
    private func unitsAlone(_ offer: Int) -> Rank? {
        let carriesAll = board.offers[offer].carriesHazardous
        var sum: Rank = 0
        for line in board.quantities.indices {
            if !carriesAll, board.hazardous[line] { return nil }
            sum += board.unitRanks[offer * board.lineCount + line] * Rank(board.quantities[line])
        }
        return sum
    }

    // MARK: Several shipments

    /// Whether several shipments could be better than the best one: the two that cost least, the
    /// cheapest units from anywhere, there on the first day.
    private func mayBeSplit() -> Bool {
        guard let best else { return true }
        var (first, second): (Rank?, Rank?) = (nil, nil)
        var days = Int64.max
        var units = [Rank?](repeating: nil, count: board.lineCount)
        for candidate in board.candidates {
            var fixed: Rank?
            for number in candidate.offers {
                let offer = board.offers[number]
                fixed = min(fixed ?? offer.fixed, offer.fixed)
                days = min(days, offer.days)
                for line in units.indices {
                    let rank = board.unitRanks[number * board.lineCount + line]
                    units[line] = min(units[line] ?? rank, rank)
                }
            }
            guard let fixed else { continue }
            if fixed < first ?? .max {
                (first, second) = (fixed, first)
            } else if fixed < second ?? .max {
                second = fixed
            }
        }
        guard let first, let second else { return false }
        var sum = first + second + Ranks.arrival(days: days, promise: board.goals.promise)
        for line in units.indices { sum += (units[line] ?? 0) * Rank(board.quantities[line]) }
        return sum <= best.rank
    }

    private mutating func trySets() {
        let levels = self.levels ?? makeLevels()
        self.levels = levels
        var order: [(bound: Rank, place: Int)] = []
        for (place, level) in levels.enumerated() {
            guard let bound = level.bound else { continue }
            order.append((bound + level.arrival, place))
        }
        order.sort { ($0.bound, $0.place) < ($1.bound, $1.place) }
        for (bound, place) in order {
            if let best, bound > best.rank { break }
            if isSpent {
                noteOpen(bound)
                break
            }
            var branching = Branching(levels[place], self)
            branching.run()
            allotment = branching.allotment
            ownSteps = branching.ownSteps
            best = branching.best
            openBound = branching.openBound
        }
    }

    private mutating func makeLevels() -> [Level] {
        var days: [Int64] = []
        for offer in board.offers where !days.contains(offer.days) { days.append(offer.days) }
        days.sort()
        let levels = days.map { Level(board, days: $0) }
        ownSteps += levels.reduce(0) { $0 + $1.steps }
        return levels
    }

    private mutating func noteOpen(_ bound: Rank) { openBound = min(openBound ?? bound, bound) }
}
