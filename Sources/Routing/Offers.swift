// Offers side by side: which are of use, and in which order plans of equal rank stand.

internal import Domain

enum Offers {
    /// The offers of a candidate that a best plan may use, in the order of ties.
    static func useful(_ board: Board, _ candidate: Int) -> [Int] {
        let range = board.candidates[candidate].offers
        if range.count == 1 { return [range.lowerBound] }
        return
            range.filter { offer in
                !range.contains { $0 != offer && isBetter(board, candidate, $0, offer) }
            }
            .sorted { compare(board.offers[$0], board.offers[$1]) < 0 }
    }

    /// Whether in every plan with `right` it could be replaced by `left`, and the plan would be better,
    /// or as good and before it.
    private static func isBetter(
        _ board: Board,
        _ candidate: Int,
        _ left: Int,
        _ right: Int,
    ) -> Bool {
        let (one, two) = (board.offers[left], board.offers[right])
        guard one.fixed <= two.fixed, one.days <= two.days, one.room >= two.room else {
            return false
        }
        let lines = board.lineCount
        for line in 0..<lines {
            let given = board.units(candidate: candidate, offer: right, line: line)
            guard given > 0 else { continue }
            guard board.units(candidate: candidate, offer: left, line: line) >= given,
                board.unitRanks[left * lines + line] <= board.unitRanks[right * lines + line]
            else { return false }
        }
        return one.fixed < two.fixed || compare(one, two) < 0
    }

    /// Below zero when `left` comes first among equals: it arrives earlier, or its service comes before,
    /// or its slot.
    static func compare(_ left: Offer, _ right: Offer) -> Int {
        if left.days != right.days { return left.days < right.days ? -1 : 1 }
        if left.service != right.service { return left.service < right.service ? -1 : 1 }
        return left.slotOrder == right.slotOrder ? 0 : left.slotOrder < right.slotOrder ? -1 : 1
    }

    /// Below zero when a plan with the choices of `left` comes first among equals; one that the other
    /// begins with counts as equal.
    static func compare(_ board: Board, _ left: [Choice], _ right: [Choice]) -> Int {
        for (one, two) in zip(left, right) where one != two {
            if one.candidate != two.candidate { return one.candidate < two.candidate ? -1 : 1 }
            return compare(board.offers[one.offer], board.offers[two.offer])
        }
        return 0
    }

    /// Whether one division comes before another of the same choices.
    static func isBefore(_ left: [Int64], _ right: [Int64], lines: Int) -> Bool {
        let sides = left.count / max(1, lines)
        for line in 0..<lines {
            for side in 0..<sides {
                let cell = side * lines + line
                if left[cell] != right[cell] { return left[cell] > right[cell] }
            }
        }
        return false
    }

    /// The earliest day, from today, by which every line could be there.
    static func earliestCompletion(_ board: Board) -> Int64 {
        var earliest = [Int64](repeating: .max, count: board.lineCount)
        for (place, candidate) in board.candidates.enumerated() {
            for offer in candidate.offers {
                let days = board.offers[offer].days
                for line in earliest.indices where days < earliest[line] {
                    if board.units(candidate: place, offer: offer, line: line) > 0 {
                        earliest[line] = days
                    }
                }
            }
        }
        let last = earliest.max() ?? 0
        return last == .max ? 0 : last
    }
}
