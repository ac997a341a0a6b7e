// Steps of the protocol between Redis and Postgres that a debug build can leave out, so that it can be
// shown that each is needed and that the judge notices (`holdfast-load judge --break`). A release build
// knows no way to leave one out: there the question is answered by the compiler.

/// A step of the protocol that may be missing in a debug build.
package enum ProtocolStep: Int, CaseIterable, Sendable {
    /// An answer waits for the commit.
    case commitBeforeAnswer
    /// What nobody knows is not called committed.
    case unknownStaysOpen
    /// A refusal is proven by Postgres.
    case barrier
    /// The owner of a committed reservation is found before a refusal.
    case ownKey
    /// A view that lacks rows is brought up to date before a refusal.
    case behindCheck
    /// A key names one reservation.
    case oneKey
    /// Redis is told what was committed.
    case settle
    /// Pending holds of dead servers are ended.
    case heal
    /// Redis is told what was committed, and pending holds are ended.
    case settleAndHeal
    /// Rows are replayed before an overdue hold is ended.
    case replayBeforeEnd
    /// Holds end when they are due.
    case expiry
    /// The script finds out that it runs on another Redis, or on one that lost its keys.
    case fences
    /// A batch of an epoch that is over is admitted again.
    case epochCheck
}

#if DEBUG
private import Synchronization

extension ProtocolStep {
    private static let leftOut = Atomic<Int>(-1)

    /// Whether this process leaves the step out.
    package var isLeftOut: Bool { Self.leftOut.load(ordering: .relaxed) == rawValue }

    /// Its name, such as `commit-before-answer`.
    package var name: String {
        "\(self)"
            .reduce(into: "") { name, letter in
                name += letter.isUppercase ? "-" + letter.lowercased() : String(letter)
            }
    }

    /// Leaves a step out from now on; false when none has that name.
    package static func leaveOut(_ name: String) -> Bool {
        guard let step = allCases.first(where: { $0.name == name }) else { return false }
        leftOut.store(step.rawValue, ordering: .relaxed)
        return true
    }
}
#else
extension ProtocolStep {
    /// Never: this is no debug build.
    @inlinable package var isLeftOut: Bool { false }
}
#endif
