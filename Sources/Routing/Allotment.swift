// Which units come from where, once it is settled which nodes send something and how: the cheapest
// division of the lines, and of equal ones the first in the order of ties.

internal import Domain

/// A node that sends something, and how.
struct Choice: Equatable {
    /// Its place on the board.
    var candidate: Int
    var offer: Int
}

/// A unit that a plan has to take.
struct Pin {
    /// Place among the choices.
    var choice: Int
    var line: Int
}

/// Divides the lines of a board among choices.
///
/// One is used for many divisions.
struct Allotment {
    /// Units: by choice, then by line; of the last division that succeeded.
    private(set) var taken: [Int64] = []
    /// Cells looked at so far.
    private(set) var steps = 0
    /// Where a division of whole lines gives up.
    var stepsMax = Int.max
    /// Whether the last division gave up before it was proven to be the cheapest.
    private(set) var isCut = false

    // Of the division that is being made; each by choice, then by line.
    private var units: [Int64] = []
    private var calm: [Int64] = []
    private var ranks: [Rank] = []
    private var floors: [Int64] = []
    private var rooms: [Int64] = []
    private var loads: [Int64] = []
    private var scarce: Rank = 0
    private var lines = 0
    private var sides = 0

    // Of the search for the cheapest way to move a unit from node to node.
    private var distances: [Rank?] = []
    private var cameFrom: [Int] = []
    private var cameWith: [Int] = []

    /// What the units of the cheapest division add; nil when the choices cannot serve the cart.
    mutating func divide(_ board: Board, _ choices: [Choice], pin: Pin? = nil) -> Rank? {
        prepare(board, choices)
        if let pin {
            let cell = pin.choice * lines + pin.line
            floors[cell] = board.linesWhole ? board.quantities[pin.line] : 1
            guard floors[cell] <= units[cell] else { return nil }
        }
        return board.linesWhole ? divideWhole(board) : divideSplit(board)
    }

    private mutating func prepare(_ board: Board, _ choices: [Choice]) {
        isCut = false
        lines = board.lineCount
        sides = choices.count
        scarce = board.scarce
        steps += lines * sides
        taken.removeAll(keepingCapacity: true)
        units.removeAll(keepingCapacity: true)
        calm.removeAll(keepingCapacity: true)
        ranks.removeAll(keepingCapacity: true)
        floors.removeAll(keepingCapacity: true)
        rooms.removeAll(keepingCapacity: true)
        loads.removeAll(keepingCapacity: true)
        for choice in choices {
            rooms.append(board.offers[choice.offer].room)
            loads.append(0)
            for line in 0..<lines {
                let given = board.units(
                    candidate: choice.candidate,
                    offer: choice.offer,
                    line: line,
                )
                taken.append(0)
                floors.append(0)
                units.append(given)
                calm.append(min(given, board.calm[choice.candidate * lines + line]))
                ranks.append(board.unitRanks[choice.offer * lines + line])
            }
        }
    }

    // MARK: Lines that may be split

    private mutating func divideSplit(_ board: Board) -> Rank? {
        for line in 0..<lines {
            guard fill(line, board.quantities[line]) else { return nil }
        }
        guard let isCrowded = makeRoom() else { return nil }
        if isCrowded { putFirst() }
        return total()
    }

    /// Takes the units of a line where they are cheapest, of equal ones at the first choice.
    private mutating func fill(_ line: Int, _ quantity: Int64) -> Bool {
        var left = quantity
        for side in 0..<sides {
            let cell = side * lines + line
            taken[cell] = floors[cell]
            loads[side] += floors[cell]
            left -= floors[cell]
        }
        while left > 0 {
            var best: (cell: Int, side: Int, rank: Rank)?
            for side in 0..<sides {
                let cell = side * lines + line
                guard taken[cell] < units[cell] else { continue }
                let rank = next(cell)
                if let known = best, known.rank <= rank { continue }
                best = (cell, side, rank)
            }
            guard let best else { return false }
            let count = min(left, roomAbove(best.cell))
            taken[best.cell] += count
            loads[best.side] += count
            left -= count
        }
        return left == 0
    }

    /// What the next unit of a cell adds.
    private func next(_ cell: Int) -> Rank {
        ranks[cell] + (taken[cell] >= calm[cell] ? scarce : 0)
    }

    /// What the last unit of a cell has added.
    private func last(_ cell: Int) -> Rank {
        ranks[cell] + (taken[cell] > calm[cell] ? scarce : 0)
    }

    /// Units that may be added for what the next one adds.
    private func roomAbove(_ cell: Int) -> Int64 {
        (taken[cell] < calm[cell] ? calm[cell] : units[cell]) - taken[cell]
    }

    /// Units that may be taken away for what the last one has added.
    private func roomBelow(_ cell: Int) -> Int64 {
        taken[cell] - max(floors[cell], taken[cell] > calm[cell] ? calm[cell] : 0)
    }

    private func total() -> Rank {
        var sum: Rank = 0
        for cell in taken.indices where taken[cell] > 0 {
            sum += ranks[cell] * Rank(taken[cell])
            if taken[cell] > calm[cell] { sum += scarce * Rank(taken[cell] - calm[cell]) }
        }
        return sum
    }

    // MARK: Too little room

    /// Moves units away from where there is no room for them, by the cheapest ways; whether it had to.
    ///
    /// Nil when there is not enough room.
    /// What `fill` leaves is the cheapest division without regard to room. Moving units along cheapest
    /// ways, one after the other, keeps it the cheapest for the loads that it has.
    private mutating func makeRoom() -> Bool? {
        var isCrowded = false
        for side in 0..<sides {
            while loads[side] > rooms[side] {
                isCrowded = true
                findWays(from: side, free: 0)
                var target: Int?
                for other in 0..<sides where loads[other] < rooms[other] {
                    guard let distance = distances[other] else { continue }
                    if let known = target, let best = distances[known], best <= distance {
                        continue
                    }
                    target = other
                }
                guard let target else { return nil }
                let count = min(
                    loads[side] - rooms[side],
                    rooms[target] - loads[target],
                    widthOfWay(from: side, to: target),
                )
                move(count, from: side, to: target)
            }
        }
        return isCrowded
    }

    /// Of equally cheap divisions finds the one that has more units of the first line at the first
    /// choice, and so on by line, then by choice.
    private mutating func putFirst() {
        for line in 0..<lines {
            for side in 0..<sides {
                while raise(line, side) {}
            }
        }
    }

    /// Adds units to a cell at no cost, leaving alone all cells that come before it; false when it cannot.
    private mutating func raise(_ line: Int, _ side: Int) -> Bool {
        let cell = side * lines + line
        guard taken[cell] < units[cell] else { return false }
        findWays(from: side, free: line * sides + side + 1)
        for other in (side + 1)..<max(side + 1, sides) {
            let giver = other * lines + line
            guard roomBelow(giver) > 0 else { continue }
            let change = next(cell) - last(giver)
            // What comes to `side` has to leave it again: to where the units came from, or to room.
            for target in 0..<sides where target == other || loads[target] < rooms[target] {
                guard let distance = distances[target], change + distance == 0 else { continue }
                var count = min(roomAbove(cell), roomBelow(giver))
                if target != side { count = min(count, widthOfWay(from: side, to: target)) }
                if target != other { count = min(count, rooms[target] - loads[target]) }
                taken[cell] += count
                taken[giver] -= count
                loads[side] += count
                loads[other] -= count
                move(count, from: side, to: target)
                return true
            }
        }
        return false
    }

    /// Finds the cheapest ways to move a unit from one choice to each other, changing only cells from
    /// place `free` on in the order of line, then choice.
    private mutating func findWays(from source: Int, free: Int) {
        distances = Array(repeating: nil, count: sides)
        cameFrom = Array(repeating: source, count: sides)
        cameWith = Array(repeating: 0, count: sides)
        distances[source] = 0
        for _ in 0..<sides {
            var isChanged = false
            for from in 0..<sides {
                guard let distance = distances[from] else { continue }
                for to in 0..<sides where to != from {
                    steps += lines
                    guard let way = cheapestLine(from: from, to: to, free: free) else { continue }
                    if let known = distances[to], known <= distance + way.rank { continue }
                    distances[to] = distance + way.rank
                    cameFrom[to] = from
                    cameWith[to] = way.line
                    isChanged = true
                }
            }
            guard isChanged else { return }
        }
    }

    private func cheapestLine(from: Int, to: Int, free: Int) -> (line: Int, rank: Rank)? {
        var best: (line: Int, rank: Rank)?
        for line in 0..<lines where line * sides + min(from, to) >= free {
            let (giver, taker) = (from * lines + line, to * lines + line)
            guard roomBelow(giver) > 0, taken[taker] < units[taker] else { continue }
            let rank = next(taker) - last(giver)
            if let known = best, known.rank <= rank { continue }
            best = (line, rank)
        }
        return best
    }

    private func widthOfWay(from source: Int, to target: Int) -> Int64 {
        var (width, side) = (Int64.max, target)
        while side != source {
            let from = cameFrom[side]
            let line = cameWith[side]
            width = min(width, roomBelow(from * lines + line), roomAbove(side * lines + line))
            side = from
        }
        return width
    }

    private mutating func move(_ count: Int64, from source: Int, to target: Int) {
        var side = target
        while side != source {
            let from = cameFrom[side]
            let line = cameWith[side]
            taken[from * lines + line] -= count
            taken[side * lines + line] += count
            side = from
        }
        loads[source] -= count
        loads[target] += count
    }

    // MARK: Lines that stay whole

    private mutating func divideWhole(_ board: Board) -> Rank? {
        var places = [Int](repeating: 0, count: lines)
        var sum: Rank = 0
        for line in 0..<lines {
            guard let best = cheapestWhole(line, board.quantities[line]) else { return nil }
            places[line] = best.side
            sum += best.rank
            loads[best.side] += board.quantities[line]
        }
        if (0..<sides).contains(where: { loads[$0] > rooms[$0] }) {
            var search = WholeLines(
                quantities: board.quantities,
                rooms: rooms,
                ranks: (0..<lines)
                    .map { line in
                        (0..<sides).map { wholeRank($0, line, board.quantities[line]) }
                    },
                stepsMax: stepsMax - steps,
            )
            search.run()
            steps += search.steps
            isCut = search.steps >= search.stepsMax
            guard let best = search.best else { return nil }
            (places, sum) = (best.places, best.rank)
        }
        for line in 0..<lines { taken[places[line] * lines + line] = board.quantities[line] }
        return sum
    }

    private func cheapestWhole(_ line: Int, _ quantity: Int64) -> (side: Int, rank: Rank)? {
        var best: (side: Int, rank: Rank)?
        for side in 0..<sides {
            guard let rank = wholeRank(side, line, quantity) else { continue }
            if let known = best, known.rank <= rank { continue }
            best = (side, rank)
        }
        return best
    }

    /// What a whole line adds at a choice; nil when it cannot be there.
    private func wholeRank(_ side: Int, _ line: Int, _ quantity: Int64) -> Rank? {
        let cell = side * lines + line
        guard units[cell] >= quantity else { return nil }
        for other in 0..<sides where other != side {
            if floors[other * lines + line] > 0 { return nil }
        }
        let scarceUnits = max(0, quantity - calm[cell])
        return ranks[cell] * Rank(quantity) + scarce * Rank(scarceUnits)
    }
}

/// Puts whole lines where there is room for them; exact.
private struct WholeLines {
    let quantities: [Int64]
    var rooms: [Int64]
    /// By line, then by choice; nil where it cannot be.
    let ranks: [[Rank?]]
    let stepsMax: Int
    private(set) var best: (places: [Int], rank: Rank)?
    private(set) var steps = 0

    private var places: [Int] = []
    /// By line: the least that it and all lines after it can add.
    private var least: [Rank] = []

    init(quantities: [Int64], rooms: [Int64], ranks: [[Rank?]], stepsMax: Int) {
        self.quantities = quantities
        self.rooms = rooms
        self.ranks = ranks
        self.stepsMax = stepsMax
    }

    mutating func run() {
        least = [0]
        for line in ranks.reversed() {
            least.append((least.last ?? 0) + (line.compactMap(\.self).min() ?? 0))
        }
        least.reverse()
        place(0, 0)
    }

    /// Tries choices in their order, so the first of equals is found first.
    private mutating func place(_ line: Int, _ sum: Rank) {
        guard steps < stepsMax else { return }
        steps += 1
        if let best, sum + least[line] >= best.rank { return }
        guard line < quantities.count else {
            best = (places, sum)
            return
        }
        for side in rooms.indices where rooms[side] >= quantities[line] {
            guard let rank = ranks[line][side] else { continue }
            rooms[side] -= quantities[line]
            places.append(side)
            place(line + 1, sum + rank)
            places.removeLast()
            rooms[side] += quantities[line]
        }
    }
}
