// Branch and bound over the sets of nodes of one level.

internal import Domain

struct Branching {
    let board: Board
    let level: Level
    let budget: Int
    let forced: Int?
    let avoided: [[Int]]
    var allotment: Allotment
    var best: Found?
    var openBound: Rank?
    /// Steps taken outside the allotment.
    var ownSteps: Int
    /// Where a first search, with the prices as they are, gives up.
    var stepsMax: Int
    var isCut = false

    /// Candidates that may be in a better plan, in the network's order.
    var live: [Int] = []
    /// By place in the level's offers: what a shipment costs at least beyond the prices of its units.
    var surplus: [Rank]
    /// By place in `live`, one more than there are: what it and all after it can take off the bound.
    var reliefs: [Rank] = []
    /// By place in `live`, one more than there are, then by line: units that it and all after it have.
    var cover: [Int64] = []
    var choices: [Choice] = []
    /// By line: units that are wanted beyond what the choices have.
    var needs: [Int64]

    var steps: Int { ownSteps + allotment.steps }

    init(_ level: Level, _ search: Search) {
        board = search.board
        self.level = level
        budget = search.budget
        forced = search.forced
        avoided = search.avoided
        allotment = search.allotment
        best = search.best
        openBound = search.openBound
        needs = search.board.quantities
        ownSteps = search.ownSteps
        stepsMax = min(budget, ownSteps + allotment.steps + search.easySteps)
        surplus = level.surplus
    }

    mutating func run() {
        guard let bound = level.bound else { return }
        if let forced, level.least[forced] == nil { return }
        seed()
        choices = []
        needs = board.quantities
        let known = best?.rank ?? .max
        let all = board.candidates.indices.filter { level.least[$0] != nil }
        let kept = all.filter { bound + level.arrival + max(0, level.least[$0] ?? 0) <= known }
        layOut(kept)
        explore(from: 0, bound: level.total + reliefs[0])
        guard isCut else { return }
        isCut = false
        if stepsMax == budget { return noteOpen(bound) }
        stepsMax = budget
        refine(all)
    }

    /// The least surplus of a candidate.
    func least(_ candidate: Int) -> Rank {
        var least: Rank = .max
        for place in level.starts[candidate]..<level.starts[candidate + 1] {
            least = min(least, surplus[place])
        }
        return least
    }

    /// The offer of a candidate that the prices speak for most.
    func bestOffer(_ candidate: Int) -> Int {
        var best = level.starts[candidate]
        for place in level.starts[candidate]..<level.starts[candidate + 1] {
            if surplus[place] < surplus[best] { best = place }
        }
        return level.offers[best]
    }

    /// Makes the sums over what is yet to be decided.
    mutating func layOut(_ candidates: [Int]) {
        live = candidates
        let lines = board.lineCount
        reliefs = Array(repeating: 0, count: live.count + 1)
        cover = Array(repeating: 0, count: (live.count + 1) * lines)
        for place in live.indices.reversed() {
            let candidate = live[place]
            reliefs[place] = reliefs[place + 1] + min(0, least(candidate))
            for line in 0..<lines {
                cover[place * lines + line] =
                    cover[(place + 1) * lines + line] + board.units[candidate * lines + line]
            }
        }
    }

    // MARK: A plan to begin with

    /// Finds a plan that is probably good: the nodes that the prices speak for, less those that are
    /// better left out.
    private mutating func seed() {
        var order = board.candidates.indices.filter { level.least[$0] != nil }
        order.sort { ((level.least[$0] ?? 0), $0) < ((level.least[$1] ?? 0), $1) }
        var chosen: [Int] = forced.map { [$0] } ?? []
        var needs = board.quantities
        func give(_ candidate: Int, _ sign: Int64) {
            for line in needs.indices {
                needs[line] -= sign * board.units[candidate * board.lineCount + line]
            }
        }
        if let forced { give(forced, 1) }
        for candidate in order where candidate != forced {
            guard needs.contains(where: { $0 > 0 }) else { break }
            let helps = needs.indices.contains {
                needs[$0] > 0 && board.units[candidate * board.lineCount + $0] > 0
            }
            guard helps else { continue }
            chosen.append(candidate)
            give(candidate, 1)
        }
        for candidate in chosen.reversed() where candidate != forced && chosen.count > 1 {
            give(candidate, -1)
            if needs.contains(where: { $0 > 0 }) {
                give(candidate, 1)
            } else {
                chosen.removeAll { $0 == candidate }
            }
        }
        guard chosen.count <= board.shipmentsMax, !isAvoided(chosen) else { return }
        choices = chosen.sorted()
            .map { candidate in
                Choice(candidate: candidate, offer: bestOffer(candidate))
            }
        if choices.count > 1 { evaluate(level.total) }
    }

    func isAvoided(_ candidates: [Int]) -> Bool {
        avoided.contains { set in set.allSatisfy { candidates.contains($0) } }
    }

    // MARK: Branches

    /// Looks at all sets that go on from the choices with live candidates from a place on.
    ///
    /// - Parameter bound: What such a set adds at least, the arrival aside.
    mutating func explore(from start: Int, bound: Rank) {
        let lines = board.lineCount
        var rest = bound
        for place in start..<live.count {
            guard mayImprove(rest, next: live[place]) else { return }
            for line in 0..<lines where needs[line] > cover[place * lines + line] { return }
            guard steps < stepsMax else {
                isCut = true
                return
            }
            rest -= reliefs[place] - reliefs[place + 1]
            include(place, bound: rest)
            if live[place] == forced { return }
        }
    }

    private mutating func include(_ place: Int, bound: Rank) {
        let candidate = live[place]
        for number in level.starts[candidate]..<level.starts[candidate + 1] {
            let least = bound + surplus[number]
            let offer = level.offers[number]
            choices.append(Choice(candidate: candidate, offer: offer))
            if mayImprove(least, next: candidate + 1),
                avoided.isEmpty || !isAvoided(choices.map(\.candidate))
            {
                var isComplete = true
                for line in needs.indices {
                    needs[line] -= board.units(candidate: candidate, offer: offer, line: line)
                    if needs[line] > 0 { isComplete = false }
                }
                if isComplete, choices.count > 1 { evaluate(least) }
                if choices.count < board.shipmentsMax { explore(from: place + 1, bound: least) }
                for line in needs.indices {
                    needs[line] += board.units(candidate: candidate, offer: offer, line: line)
                }
            }
            choices.removeLast()
        }
    }

    /// Whether a plan that begins with the choices, goes on with candidates from `next` on and adds `least`
    /// at least could be better than the best one known.
    func mayImprove(_ least: Rank, next: Int) -> Bool {
        guard let best else { return true }
        let rank = least + level.arrival
        if rank != best.rank { return rank < best.rank }
        return Offers.compare(board, choices, next: next, best.choices) <= 0
    }

    mutating func noteOpen(_ least: Rank) {
        openBound = min(openBound ?? .max, least + level.arrival)
    }

    // MARK: Plans

    /// Divides the lines among the choices and keeps what is better than all before.
    mutating func evaluate(_ least: Rank) {
        let place = choices.firstIndex { $0.candidate == forced }
        if forced != nil, place == nil { return }
        divide(least, pin: nil)
        guard let place else { return }
        let row = place * board.lineCount..<(place + 1) * board.lineCount
        guard allotment.taken[row].allSatisfy({ $0 == 0 }) else { return }
        for line in 0..<board.lineCount { divide(least, pin: Pin(choice: place, line: line)) }
    }

    private mutating func divide(_ least: Rank, pin: Pin?) {
        let units = allotment.divide(board, choices, pin: pin)
        if allotment.isCut { noteOpen(least) }
        if let units { keep(units) }
    }

    private mutating func keep(_ units: Rank) {
        let lines = board.lineCount
        var rank = units
        var days: Int64 = -1
        for choice in choices {
            rank += board.offers[choice.offer].fixed
            days = max(days, board.offers[choice.offer].days)
        }
        rank += Ranks.arrival(days: days, promise: board.goals.promise)
        if let best {
            if rank > best.rank { return }
            if rank == best.rank {
                let order = Offers.compare(board, choices, next: 0, best.choices)
                if order > 0 { return }
                if order == 0, !Offers.isBefore(allotment.taken, best.taken, lines: lines) {
                    return
                }
            }
        }
        for place in choices.indices {
            // A node that serves nothing is in no plan; without it the plan is looked at elsewhere.
            let row = allotment.taken[place * lines..<(place + 1) * lines]
            if row.allSatisfy({ $0 == 0 }) { return }
        }
        best = Found(rank: rank, choices: choices, taken: allotment.taken)
    }
}
