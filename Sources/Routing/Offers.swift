// Offers side by side: which are of use, and in which order plans of equal rank stand.

internal import Domain

enum Offers {
    /// Adds the offers of a candidate that a best plan may use of those that arrive by a day, in the
    /// order of ties.
    static func appendUseful(
        _ board: Board,
        _ candidate: Int,
        days: Int64,
        to offers: inout [Int],
    ) {
        let first = offers.count
        for offer in board.candidates[candidate].offers where board.offers[offer].days <= days {
            offers.append(offer)
        }
        guard offers.count - first > 1 else { return }
        let all = offers[first...]
        let useful = all.filter { offer in
            !all.contains { $0 != offer && isBetter(board, candidate, $0, offer) }
        }
        offers.removeSubrange(first...)
        offers += useful.sorted { compare(board.offers[$0], board.offers[$1]) < 0 }
    }

    /// Whether in every plan with `right` that arrives no earlier than `left` it could be replaced by
    /// `left`, and the plan would be better, or as good and before it.
    private static func isBetter(
        _ board: Board,
        _ candidate: Int,
        _ left: Int,
        _ right: Int,
    ) -> Bool {
        let one = board.offers[left]
        let two = board.offers[right]
        guard one.fixed <= two.fixed, one.room >= two.room else { return false }
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

    /// Below zero when a plan with the choices of `left`, and then of candidates from `next` on, comes
    /// first among equals; 0 when it may go on as the other does, or is the same.
    static func compare(_ board: Board, _ left: [Choice], next: Int, _ right: [Choice]) -> Int {
        for place in 0..<min(left.count, right.count) where left[place] != right[place] {
            let (one, two) = (left[place], right[place])
            if one.candidate != two.candidate { return one.candidate < two.candidate ? -1 : 1 }
            return compare(board.offers[one.offer], board.offers[two.offer])
        }
        if left.count < right.count, next > right[left.count].candidate { return 1 }
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
}
