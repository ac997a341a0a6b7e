// What the use cases need from the hot view of stock: admission before Postgres, settlement after.
// The implementation lives on one event loop; every call comes from that loop.

package import Base
package import Domain

/// A request that asks to be let through to Postgres.
package struct Admission: Sendable {
    /// The digest of the idempotency key.
    package var key: ID
    /// Units per position, each position once.
    package var lines: [(position: PositionID, quantity: Int64)]
    package var channel: String
    /// True when Postgres was asked for the key after the gate called it known, and had nothing.
    package var isChecked: Bool
    /// Until when its caller waits.
    package var deadline: Deadline

    package init(
        key: ID,
        lines: [(position: PositionID, quantity: Int64)],
        channel: String,
        isChecked: Bool = false,
        deadline: Deadline = .never,
    ) {
        self.key = key
        self.lines = lines
        self.channel = channel
        self.isChecked = isChecked
        self.deadline = deadline
    }
}

/// What the gate says to an admission.
package enum AdmissionAnswer: Sendable {
    /// Its units are held in the view of that epoch (or were already, by the same key).
    /// A shared hold belongs to another attempt, which will end it.
    case admitted(epoch: Int64, isShared: Bool)
    /// The key may be committed already: the answer is in Postgres.
    case known(epoch: Int64)
    /// Some of its positions are not in the view yet.
    case missing(epoch: Int64)
    /// No room: the line at fault, what is free for it, and how much of that is pending for others.
    case refused(epoch: Int64, line: Int, free: Int64, pending: Int64)
}

/// A position as Postgres has it, to be put into the view where it is missing.
package struct LoadedPosition: Sendable {
    package var position: PositionID
    package var version: Int64
    package var free: Int64
    package var channelSafety: [ChannelSafety]

    package init(
        position: PositionID,
        version: Int64,
        free: Int64,
        channelSafety: [ChannelSafety],
    ) {
        self.position = position
        self.version = version
        self.free = free
        self.channelSafety = channelSafety
    }
}

/// The hot view of stock, as the use cases see it.
package protocol GatePort: AnyObject, SendableMetatype {
    /// Asks for room. Fails when the gate cannot be reached or opened in time, or does not answer
    /// within the caller's; a hold that is admitted after that is given back.
    func admit(_ admission: Admission) async throws(Failure) -> AdmissionAnswer

    /// Puts positions into the view of `epoch`, where they are missing; returns when that is done,
    /// or when the caller's time is over.
    func load(_ positions: [LoadedPosition], epoch: Int64) async throws(Failure)

    /// Applies committed rows, then ends pending holds.
    ///
    /// Returns when it is done, when the epoch has moved on (the next one loads from Postgres and
    /// needs none of it), or when the gate is away: what cannot be sent now is sent later. It never
    /// fails, because what it tells is committed.
    func settle(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) async

    /// Like `settle`, without waiting for it.
    func post(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)])

    /// Tells the gate that Postgres knows a newer epoch than the gate.
    func epochMoved(to epoch: Int64)
}
