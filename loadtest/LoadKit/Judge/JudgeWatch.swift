// Looks into both stores all through a round: whether what is committed is covered by the view. At rest
// everything has been put right by then, whatever went wrong; that is what this is for.

internal import Base

/// A look at the coverage of a round's holds, again and again.
struct JudgeWatch: Sendable {
    private static let pause = Duration.milliseconds(15)

    let books: JudgeBooks
    /// The positions of the round.
    let positions: [Int64]
    /// The round's batches come after this one.
    let batch: Int64
    let stage: JudgeStage

    /// Looks until the task is cancelled; returns the holds that were uncovered at some moment, each
    /// with the first moment at which it was seen in Postgres.
    @concurrent
    func look() async -> [UncoveredHold] {
        var seenAt: [String: Int64] = [:]
        var uncovered: [String: UncoveredHold] = [:]
        while !Task.isCancelled {
            let path = stage.redisPath
            if let look = await books.uncovered(of: positions, after: batch, redis: path) {
                for hold in look.seen where seenAt[hold.key] == nil {
                    seenAt[hold.key] = hold.seenAt
                }
                for hold in look.uncovered where uncovered[hold.key] == nil {
                    uncovered[hold.key] = hold
                }
            }
            try? await Task.sleep(for: Self.pause)
        }
        return uncovered.values
            .map { hold in
                var hold = hold
                hold.seenAt = seenAt[hold.key] ?? hold.seenAt
                return hold
            }
            .sorted { $0.missedAt < $1.missedAt }
    }
}
