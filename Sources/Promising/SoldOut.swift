// Which positions were sold out a moment ago. Only a hint about the way that a request takes, never an
// answer: a refusal is always proven by Postgres, after the request came.

internal import Base
internal import Domain

/// Positions that are probably sold out, as one loop knows them; confined to it.
///
/// A request for one of them asks Postgres at once, without the gate: where nothing is free even if all
/// pending holds failed, the gate could only say the same. Stock that comes back is seen by the next
/// request, because Postgres has it first. Now and then one goes the whole way, so that the view of
/// what is asked for stays loaded, and a gate that was lost is noticed.
package final class SoldOut {
    /// How long a position is remembered, in milliseconds.
    private static let rememberedMs: Int64 = 50
    /// More are not remembered; they go the longer way.
    private static let positionsMax = 10_000

    /// Until when each is remembered.
    private var positions: [PositionID: Deadline] = [:]

    package init() {}

    /// The first line whose position is remembered.
    func firstLine(
        of lines: [(position: PositionID, quantity: Int64)],
        at moment: @autoclosure () -> Deadline = .now,
    ) -> Int? {
        if positions.isEmpty { return nil }
        let now = moment()
        for (index, line) in lines.enumerated() {
            guard let until = positions[line.position] else { continue }
            if !until.hasPassed(at: now) { return index }
            positions[line.position] = nil
        }
        return nil
    }

    /// The gate and Postgres had nothing free there.
    func insert(_ position: PositionID, at now: Deadline = .now) {
        if positions.count >= Self.positionsMax { positions.removeAll() }
        positions[position] = now.advanced(milliseconds: Self.rememberedMs)
    }

    /// Postgres has something there, or it is not known.
    func remove(_ position: PositionID) {
        positions[position] = nil
    }
}
