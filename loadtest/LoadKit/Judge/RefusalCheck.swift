// Whether each refusal of stock was true at some moment of its attempt. Postgres decides under the lock
// of a position, so what anybody can have seen of it, and when, follows from the ledger.

/// The refusals of a round, against the ledger.
struct RefusalCheck {
    /// Units that somebody asked for, and from when until when they may have been pending.
    private struct Claim {
        var key: String
        var quantity: Int64
        var begin: Int64
        var end: Int64
    }

    private let verdict: JudgeVerdict
    private var claims: [String: [Claim]] = [:]

    init(_ verdict: JudgeVerdict) {
        self.verdict = verdict
        for wish in verdict.wishes where wish.kind == .reserve {
            guard let begin = wish.attempts.first?.begin, let end = wish.attempts.last?.end else {
                continue
            }
            for line in wish.lines {
                claims[line.sku, default: []]
                    .append(
                        Claim(
                            key: wish.key,
                            quantity: line.quantity,
                            begin: begin,
                            end: end + JudgeVerdict.pendingMicroseconds,
                        )
                    )
            }
        }
    }

    /// Refusals that were not true at any moment of their attempts.
    ///
    /// Sold out: there was too little even if everything that was pending had failed. Contended: there
    /// was too little only because of what others had pending.
    var unjustified: [String] {
        var found: [String] = []
        for wish in verdict.wishes where wish.isReserve && wish.kind != .reuse {
            for attempt in wish.attempts where attempt.isRefused {
                if let why = problem(wish, attempt) { found.append(why) }
            }
        }
        return found
    }

    private func problem(_ wish: Wish, _ attempt: Attempt) -> String? {
        let told = "\(wish.key) was told \(attempt.answer) (\(attempt.message))"
        guard ["SOLD_OUT", "CONTENDED"].contains(attempt.answer) else { return told }
        guard let sku = attempt.sku, let requested = attempt.requested,
            let least = leastFree(of: sku, from: attempt.begin, to: attempt.end)
        else { return "\(told), which names no stock of the round" }
        var pending: Int64 = 0
        if attempt.answer == "CONTENDED" {
            for claim in claims[sku] ?? []
            where claim.key != wish.key && claim.begin <= attempt.end && claim.end >= attempt.begin
            {
                pending += claim.quantity
            }
        }
        if least - pending < requested { return nil }
        return "\(told) by server \(attempt.server) from \(attempt.begin) to \(attempt.end),"
            + " but at least \(least) were free all the time, \(pending) of them asked for by others"
    }

    /// The fewest units that anybody can have seen as free within a time; nil without any row.
    ///
    /// A version is decided before it can be seen, and the one after it is seen by everybody when the
    /// one after that is decided, because both need the lock.
    func leastFree(of sku: String, from begin: Int64, to end: Int64) -> Int64? {
        guard let rows = verdict.evidence.ledger[sku] else { return nil }
        var least: Int64?
        for (index, row) in rows.enumerated() where row.at <= end {
            let isGone = index + 2 < rows.count && rows[index + 2].at < begin
            if !isGone { least = min(least ?? .max, row.freeAfter) }
        }
        return least
    }
}
