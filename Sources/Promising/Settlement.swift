// What a committed transaction did to the view of stock: sent to the gate, by version, so that it
// can be lost, repeated and reordered (PROTOCOL.md, step 7).

package import Domain

/// One ledger row as the gate applies it.
package struct ViewRow: Hashable, Sendable {
    package var position: PositionID
    /// The position's version after the row.
    package var version: Int64
    /// The change of free units.
    package var delta: Int64
    /// Free units after the row.
    package var free: Int64
    /// True for a row just written: it may create the view of its position.
    ///
    /// A row that is replayed never does.
    package var isFresh: Bool
    /// Units withheld from a channel from this version on, when the row says so.
    package var channelSafety: ChannelSafety?

    package init(
        position: PositionID,
        version: Int64,
        delta: Int64,
        free: Int64,
        isFresh: Bool,
        channelSafety: ChannelSafety? = nil,
    ) {
        self.position = position
        self.version = version
        self.delta = delta
        self.free = free
        self.isFresh = isFresh
        self.channelSafety = channelSafety
    }
}

/// The rows that one transaction wrote, and the epoch that was open when it committed.
package struct Settlement: Hashable, Sendable {
    package var epoch: Int64
    package var rows: [ViewRow]

    package init(epoch: Int64, rows: [ViewRow]) {
        self.epoch = epoch
        self.rows = rows
    }
}

/// What to do with a pending hold once Postgres has decided.
package enum PendingEnd: Sendable {
    /// Committed: the hold is covered by the rows; leave a marker "this key is known".
    case committed
    /// Not committed: the hold goes, nothing stays.
    case dropped
}
