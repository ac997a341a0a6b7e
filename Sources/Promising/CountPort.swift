// What the use cases of cycle counts need from the database.

package import Base
package import Domain

/// A count as it is noted.
package struct CountProposal: Hashable, Sendable {
    package var header: CommandHeader
    package var key: PositionKey
    package var counted: Int64
    /// Nil, or later than now by the database's clock: now.
    package var countedAt: Instant?
    package var reason: String
    package var reference: String

    package init(
        header: CommandHeader,
        key: PositionKey,
        counted: Int64,
        countedAt: Instant?,
        reason: String,
        reference: String,
    ) {
        self.header = header
        self.key = key
        self.counted = counted
        self.countedAt = countedAt
        self.reason = reason
        self.reference = reference
    }
}

/// What is to become of a count.
package struct CountDecision: Hashable, Sendable {
    package var header: CommandHeader
    package var id: ID
    /// Approved, or rejected.
    package var isApproved: Bool
    /// Apply what is not promised when not all of it can be applied.
    package var allowsPart: Bool
    /// Whoever proposed it may approve it.
    package var allowsOwn: Bool
    package var note: String

    package init(
        header: CommandHeader,
        id: ID,
        isApproved: Bool,
        allowsPart: Bool = false,
        allowsOwn: Bool = false,
        note: String = "",
    ) {
        self.header = header
        self.id = id
        self.isApproved = isApproved
        self.allowsPart = allowsPart
        self.allowsOwn = allowsOwn
        self.note = note
    }
}

/// How a command on a count ended.
package enum CountOutcome: Sendable {
    /// With what the gate has to apply.
    case done(Settlement)
    /// Nothing was changed.
    case refused(Refusal)
}

/// Which counts to list.
package struct CountFilter: Hashable, Sendable {
    /// Nil: any.
    package var state: CountState?
    /// Empty: any.
    package var sku: String
    /// Empty: any.
    package var node: String

    package init(state: CountState?, sku: String, node: String) {
        self.state = state
        self.sku = sku
        self.node = node
    }
}

/// Names a count in the list, which is newest first.
package struct CountCursor: Hashable, Sendable {
    package var proposedAt: Instant
    package var id: ID

    package init(proposedAt: Instant, id: ID) {
        self.proposedAt = proposedAt
        self.id = id
    }
}

/// Counts as the database has them; each command is one transaction.
package protocol CountPort: SendableMetatype {
    /// Notes a count; its id is the command's key.
    func propose(_ proposal: CountProposal) async throws(Failure) -> CountOutcome

    /// Approves or rejects a count.
    func decide(_ decision: CountDecision) async throws(Failure) -> CountOutcome

    /// A count with its history, or nil.
    func count(id: ID) async throws(Failure) -> StockCount?

    /// Up to `limit` counts before `cursor`, newest first, without history.
    func counts(
        _ filter: CountFilter,
        before cursor: CountCursor?,
        limit: Int,
    ) async throws(Failure) -> [StockCount]

    /// Who would lose how much if `units` promised units of a position were not there: those first
    /// that would lose first, at most 100.
    func shortHolds(
        at position: PositionID,
        units: Int64,
    ) async throws(Failure) -> [ShortHold]
}
