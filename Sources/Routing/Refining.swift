// Branch and bound for hard searches: at every branch the prices are found anew, for what is decided there.

internal import Domain

extension Branching {
    /// Rounds of pricing before anything is decided, and in a branch.
    private static let firstRounds = 120
    private static let rounds = 16
    /// So few nodes to be decided are decided with the prices as they are.
    private static let fewNodes = 5

    /// Looks at all sets of the candidates.
    mutating func refine(_ candidates: [Int]) {
        var pricer = Pricer(board, level)
        choices = []
        needs = board.quantities
        improveSeed(candidates)
        choices = []
        refine(candidates, &pricer, level.prices.map { Double($0) }, rounds: Self.firstRounds)
    }

    /// Looks at all sets that go on from the choices with some of the candidates.
    private mutating func refine(
        _ candidates: [Int],
        _ pricer: inout Pricer,
        _ start: [Double],
        rounds: Int,
    ) {
        guard isCovered(candidates) else { return }
        let before = pricer.steps
        let places = choices.map { choice in
            level.offers.firstIndex(of: choice.offer) ?? 0
        }
        let prices = pricer.prices(
            from: start,
            chosen: places,
            live: candidates.map { level.starts[$0]..<level.starts[$0 + 1] },
            shipmentsLeft: board.shipmentsMax - choices.count,
            target: best.map { Double($0.rank - level.arrival) },
            rounds: rounds,
        )
        ownSteps += pricer.steps - before
        let (bound, rest) = measure(prices, places, candidates)
        guard mayImprove(bound, next: candidates.first ?? .max) else { return }
        complete(candidates)
        if choices.isEmpty { improveSeed(candidates) }
        guard mayImprove(bound, next: candidates.first ?? .max) else { return }
        guard steps < budget else { return noteOpen(bound) }
        let kept = candidates.filter { mayImprove(bound + max(0, least($0)), next: candidates[0]) }
        guard isCovered(kept) else { return }
        if kept.count <= Self.fewNodes {
            layOut(kept)
            explore(from: 0, bound: rest + reliefs[0])
            if isCut {
                isCut = false
                noteOpen(bound)
            }
            return
        }
        branch(kept, &pricer, prices, bound: bound)
    }

    private mutating func branch(
        _ candidates: [Int],
        _ pricer: inout Pricer,
        _ prices: [Double],
        bound: Rank,
    ) {
        let candidate = candidates[0]
        let others = Array(candidates.dropFirst())
        let surplusHere = surplus
        let without = bound - min(0, least(candidate))
        for place in level.starts[candidate]..<level.starts[candidate + 1] {
            let offer = level.offers[place]
            let least = without + surplusHere[place]
            choices.append(Choice(candidate: candidate, offer: offer))
            if mayImprove(least, next: candidate + 1),
                avoided.isEmpty || !isAvoided(choices.map(\.candidate))
            {
                take(candidate, offer, 1)
                if choices.count > 1, needs.allSatisfy({ $0 <= 0 }) { evaluate(least) }
                if choices.count < board.shipmentsMax {
                    refine(others, &pricer, prices, rounds: Self.rounds)
                }
                take(candidate, offer, -1)
            }
            choices.removeLast()
        }
        if candidate != forced { refine(others, &pricer, prices, rounds: Self.rounds) }
    }

    private mutating func take(_ candidate: Int, _ offer: Int, _ sign: Int64) {
        for line in needs.indices {
            needs[line] -= sign * board.units(candidate: candidate, offer: offer, line: line)
        }
    }

    private func isCovered(_ candidates: [Int]) -> Bool {
        needs.indices.allSatisfy { line in
            let given = candidates.reduce(Int64(0)) {
                $0 + board.units[$1 * board.lineCount + line]
            }
            return given >= needs[line]
        }
    }

    /// What the prices bound, in whole numbers: any set that goes on from the choices, and the choices
    /// alone.
    ///
    /// Leaves the surpluses in `surplus`.
    private mutating func measure(
        _ prices: [Double],
        _ places: [Int],
        _ candidates: [Int],
    ) -> (bound: Rank, rest: Rank) {
        let exact = Prices(board, prices: prices)
        var rest = exact.total
        for (choice, place) in zip(choices, places) {
            surplus[place] = exact.surplus(
                board,
                candidate: choice.candidate,
                offer: choice.offer
            )
            rest += surplus[place]
        }
        var reliefs: [Rank] = []
        for candidate in candidates {
            for place in level.starts[candidate]..<level.starts[candidate + 1] {
                surplus[place] = exact.surplus(
                    board,
                    candidate: candidate,
                    offer: level.offers[place]
                )
            }
            let least = least(candidate)
            if least < 0 { reliefs.append(least) }
        }
        ownSteps += (places.count + candidates.count) * board.lineCount
        let most = board.shipmentsMax - choices.count
        if reliefs.count > most {
            reliefs.sort()
            reliefs.removeLast(reliefs.count - max(0, most))
        }
        return (rest + reliefs.reduce(0, +), rest)
    }

    // MARK: Better plans to begin with

    /// Tries what the prices speak for: the choices, each node whose units pay for its shipment, and what
    /// else it takes to serve the cart.
    private mutating func complete(_ candidates: [Int]) {
        let known = choices
        defer { choices = known }
        var wanted = needs
        let order = candidates.map { (least($0), $0) }.sorted { $0 < $1 }
        for (surplus, candidate) in order where choices.count < board.shipmentsMax {
            let offer = bestOffer(candidate)
            var isNeeded = surplus < 0
            for line in wanted.indices where wanted[line] > 0 {
                let given = board.units(candidate: candidate, offer: offer, line: line)
                if given > 0 { isNeeded = true }
            }
            guard isNeeded else { continue }
            choices.append(Choice(candidate: candidate, offer: offer))
            for line in wanted.indices {
                wanted[line] -= board.units(candidate: candidate, offer: offer, line: line)
            }
        }
        guard choices.count > known.count, choices.count > 1 else { return }
        guard wanted.allSatisfy({ $0 <= 0 }), !isAvoided(choices.map(\.candidate)) else { return }
        choices.sort { $0.candidate < $1.candidate }
        dropUnused()
        if choices.count > 1 { evaluate(level.bound ?? 0) }
    }

    /// Leaves out choices that nothing is taken from.
    private mutating func dropUnused() {
        guard allotment.divide(board, choices) != nil else { return }
        let lines = board.lineCount
        let used = choices.indices.filter { place in
            allotment.taken[place * lines..<(place + 1) * lines].contains { $0 > 0 }
        }
        choices = used.map { choices[$0] }
    }

    /// Exchanges, adds and leaves out nodes of the best plan as long as that makes it better; without any
    /// plan begins with all nodes.
    private mutating func improveSeed(_ candidates: [Int]) {
        defer { choices = [] }
        if best == nil { startWithAll(candidates) }
        var isBetter = true
        while isBetter, let current = best, steps < budget {
            isBetter = false
            // The best plan may be of another level, with nodes that have nothing to offer in this one.
            let chosen = current.choices.map(\.candidate).filter { candidates.contains($0) }
            let free = candidates.filter { !chosen.contains($0) }
            for added in free.map({ [$0] }) + [[]] {
                for left in chosen.map({ [$0] }) + [[]] {
                    guard steps < budget else { return }
                    tryOffers(chosen.filter { !left.contains($0) } + added)
                    if let best, best.rank < current.rank { isBetter = true }
                }
                if isBetter { break }
            }
        }
    }

    private mutating func startWithAll(_ candidates: [Int]) {
        var chosen = candidates
        for candidate in candidates.reversed() where chosen.count > 1 {
            if chosen.count <= board.shipmentsMax { tryOffers(chosen) }
            let fewer = chosen.filter { $0 != candidate }
            choices = fewer.map { Choice(candidate: $0, offer: roomiestOffer($0)) }
            if candidate != forced, allotment.divide(board, choices) != nil { chosen = fewer }
        }
        if chosen.count <= board.shipmentsMax { tryOffers(chosen) }
    }

    private func roomiestOffer(_ candidate: Int) -> Int {
        let offers = level.offers[level.starts[candidate]..<level.starts[candidate + 1]]
        return offers.max { board.offers[$0].room < board.offers[$1].room }
            ?? level.offers[level.starts[candidate]]
    }

    /// Evaluates a set of nodes with the best offer of each, and with the one that has most room.
    private mutating func tryOffers(_ chosen: [Int]) {
        guard chosen.count > 1, chosen.count <= board.shipmentsMax, !isAvoided(chosen) else {
            return
        }
        let sorted = chosen.sorted()
        choices = sorted.map { Choice(candidate: $0, offer: bestOffer($0)) }
        let first = choices
        evaluate(level.bound ?? 0)
        choices = sorted.map { Choice(candidate: $0, offer: roomiestOffer($0)) }
        if choices != first { evaluate(level.bound ?? 0) }
    }
}
