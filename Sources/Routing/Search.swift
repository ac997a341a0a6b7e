// The search for the best plan: branch and bound over nodes and their offers.
//
// Nodes are decided one after the other in the network's order, in before out, offers in the order of
// ties: so of equal plans the first in that order is met first, and what is no better than a known plan
// need not be looked at. What bounds a branch is a price for each unit of each line (`Prices`): whatever the
// plan, it cannot cost less than all units at their prices plus what each node of it costs beyond
// what its units would fetch.

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
    private let board: Board
    private var budget: Int
    private var allotment = Allotment()
    /// Steps taken so far.
    private(set) var steps = 0

    // What no search on the board changes.
    /// Offers of each candidate that are of use, in the order of ties; by candidate.
    private let offers: [[Int]]
    private let prices: Prices
    /// By candidate, one more than there are: the most that it and all after it can take off the bound.
    private let reliefs: [Rank]
    /// By candidate, one more than there are, then by line: units that it and all after it could give.
    private let cover: [Int64]
    /// The earliest day by which everything could be there.
    private let daysMin: Int64

    // Of the search that is on.
    private var forced: Int?
    private var avoided: [[Int]] = []
    private var choices: [Choice] = []
    private var best: Found?
    private var openBound: Rank?

    init(_ board: Board, budget: SearchBudget) {
        self.board = board
        self.budget = budget.steps
        let lines = board.lineCount
        let offers = board.candidates.indices.map { Offers.useful(board, $0) }
        let prices = Prices(board)
        self.offers = offers
        self.prices = prices
        steps = board.offers.count * lines
        var reliefs = [Rank](repeating: 0, count: board.candidates.count + 1)
        var cover = [Int64](repeating: 0, count: (board.candidates.count + 1) * lines)
        for candidate in board.candidates.indices.reversed() {
            let least = offers[candidate].map { prices.surplus[$0] }.min() ?? 0
            reliefs[candidate] = reliefs[candidate + 1] + min(0, least)
            for line in 0..<lines {
                cover[candidate * lines + line] =
                    cover[(candidate + 1) * lines + line] + board.units[candidate * lines + line]
            }
        }
        self.reliefs = reliefs
        self.cover = cover
        daysMin = Offers.earliestCompletion(board)
    }

    /// The best plan in which `node`, a place on the board, serves something, and which leaves out at
    /// least one candidate of each set in `avoided`.
    mutating func run(through node: Int? = nil, avoiding avoided: [[Int]] = []) -> SearchResult {
        forced = node
        self.avoided = avoided
        choices = []
        best = nil
        openBound = nil
        allotment.stepsMax = budget
        if board.shipmentsMax >= 1, (0..<board.lineCount).allSatisfy({ isCovered($0, from: 0) }) {
            trySingles()
            if board.shipmentsMax > 1 { decide(0, bound: prices.total + reliefs[0], days: daysMin) }
        }
        steps += allotment.steps
        let spent = allotment.steps
        allotment = Allotment()
        budget -= spent
        let isProven = openBound.map { open in best.map { open >= $0.rank } ?? false } ?? true
        let bound = openBound.map { min($0, best?.rank ?? $0) } ?? best?.rank
        return SearchResult(best: best, bound: bound, isProven: isProven)
    }

    private func isCovered(_ line: Int, from candidate: Int) -> Bool {
        var units = cover[candidate * board.lineCount + line]
        for choice in choices {
            units += board.units(candidate: choice.candidate, offer: choice.offer, line: line)
        }
        return units >= board.quantities[line]
    }

    // MARK: Branches

    private mutating func trySingles() {
        for candidate in board.candidates.indices where forced ?? candidate == candidate {
            guard isComplete(candidate), !isAvoided([candidate]) else { continue }
            for offer in offers[candidate] {
                choices = [Choice(candidate: candidate, offer: offer)]
                evaluate()
            }
        }
        choices = []
    }

    /// Whether a candidate alone could serve everything.
    private func isComplete(_ candidate: Int) -> Bool {
        let first = candidate * board.lineCount
        return board.quantities.indices.allSatisfy {
            board.units[first + $0] >= board.quantities[$0]
        }
    }

    private func isAvoided(_ candidates: [Int]) -> Bool {
        avoided.contains { set in set.allSatisfy { candidates.contains($0) } }
    }

    /// Decides on a candidate and all after it.
    ///
    /// - Parameters:
    ///   - bound: What any plan of the branch adds at least, the last arrival aside.
    ///   - days: When it arrives at the earliest.
    private mutating func decide(_ candidate: Int, bound: Rank, days: Int64) {
        guard candidate < board.candidates.count, choices.count < board.shipmentsMax else { return }
        let least = bound + Ranks.arrival(days: days, promise: board.goals.promise)
        guard mayImprove(least, candidate) else { return }
        guard allotment.steps < budget else {
            openBound = min(openBound ?? least, least)
            return
        }
        let lines = board.lineCount
        for line in 0..<lines where !isCovered(line, from: candidate) { return }
        let rest = bound - (reliefs[candidate] - reliefs[candidate + 1])
        for offer in offers[candidate] {
            choices.append(Choice(candidate: candidate, offer: offer))
            if !isAvoided(choices.map(\.candidate)) {
                let bound = rest + prices.surplus[offer]
                let days = max(days, board.offers[offer].days)
                if choices.count > 1,
                    mayImprove(
                        bound - reliefs[candidate + 1]
                            + Ranks.arrival(days: days, promise: board.goals.promise),
                        candidate + 1
                    )
                {
                    evaluate()
                }
                decide(candidate + 1, bound: bound, days: days)
            }
            choices.removeLast()
        }
        if forced != candidate { decide(candidate + 1, bound: rest, days: days) }
    }

    /// Whether a plan that ranks `least` at least could be better than the best one known.
    private func mayImprove(_ least: Rank, _ candidate: Int) -> Bool {
        guard let best else { return true }
        if least != best.rank { return least < best.rank }
        return Offers.compare(board, choices, best.choices) <= 0
    }

    /// Divides the lines among the choices and keeps what is better than all before.
    private mutating func evaluate() {
        if let forced, !choices.contains(where: { $0.candidate == forced }) { return }
        guard let units = allotment.divide(board, choices) else { return noteCut() }
        noteCut()
        keep(units)
        guard let forced, let place = choices.firstIndex(where: { $0.candidate == forced }) else {
            return
        }
        let first = place * board.lineCount
        if allotment.taken[first..<first + board.lineCount].allSatisfy({ $0 == 0 }) {
            for line in 0..<board.lineCount {
                let pin = Pin(choice: place, line: line)
                if let units = allotment.divide(board, choices, pin: pin) { keep(units) }
                noteCut()
            }
        }
    }

    private mutating func noteCut() {
        guard allotment.isCut else { return }
        let least =
            prices.total + reliefs[0]
            + Ranks.arrival(days: daysMin, promise: board.goals.promise)
        openBound = min(openBound ?? least, least)
    }

    private mutating func keep(_ units: Rank) {
        let lines = board.lineCount
        for place in choices.indices {
            // A node that serves nothing is in no plan; without it the plan is looked at elsewhere.
            let row = allotment.taken[place * lines..<(place + 1) * lines]
            if row.allSatisfy({ $0 == 0 }) { return }
        }
        let days = choices.map { board.offers[$0.offer].days }.max() ?? 0
        let rank =
            choices.reduce(units) { $0 + board.offers[$1.offer].fixed }
            + Ranks.arrival(days: days, promise: board.goals.promise)
        if let best {
            if rank > best.rank { return }
            if rank == best.rank {
                let order = Offers.compare(board, choices, best.choices)
                if order > 0 { return }
                if order == 0, !Offers.isBefore(allotment.taken, best.taken, lines: lines) {
                    return
                }
            }
        }
        best = Found(rank: rank, choices: choices, taken: allotment.taken)
    }
}
