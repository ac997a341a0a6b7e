// What the use cases of reservations need from the authority. The implementation batches: everything
// asked for in one turn of a loop travels together.

package import Base
package import Domain

/// A request that was let through by the gate and asks to be committed.
///
/// An object, since it goes through many hands: to hand it on copies nothing.
package final class CommitRequest: Sendable {
    package let key: ID
    package let fingerprint: ID
    /// Units per position, each position once.
    package let lines: [(position: PositionID, quantity: Int64)]
    /// How long the units are held, in milliseconds.
    package let ttlMs: Int32
    package let owner: String
    package let channel: String
    package let origin: Origin
    /// The epoch that it was admitted in.
    package let epoch: Int64
    /// True when the pending hold is another attempt's, which will end it.
    package let sharesHold: Bool
    /// Until when its caller waits: nothing is sent after that.
    package let deadline: Deadline
    /// What the gate knows the pending hold by: the key, unless attempts with one key may want different
    /// units.
    package let holdKey: ID
    /// The decision that it was routed by, to be stored with it.
    package let route: RouteRecord?

    package init(
        key: ID,
        fingerprint: ID,
        lines: [(position: PositionID, quantity: Int64)],
        ttlMs: Int32,
        owner: String,
        channel: String,
        origin: Origin,
        epoch: Int64,
        sharesHold: Bool = false,
        deadline: Deadline = .never,
        holdKey: ID? = nil,
        route: RouteRecord? = nil,
    ) {
        self.key = key
        self.holdKey = holdKey ?? key
        self.route = route
        self.fingerprint = fingerprint
        self.lines = lines
        self.ttlMs = ttlMs
        self.owner = owner
        self.channel = channel
        self.origin = origin
        self.epoch = epoch
        self.sharesHold = sharesHold
        self.deadline = deadline
    }

    /// The same, let through by the gate in an epoch.
    func admitted(in epoch: Int64, sharesHold: Bool, until deadline: Deadline) -> CommitRequest {
        CommitRequest(
            key: key,
            fingerprint: fingerprint,
            lines: lines,
            ttlMs: ttlMs,
            owner: owner,
            channel: channel,
            origin: origin,
            epoch: epoch,
            sharesHold: sharesHold,
            deadline: deadline,
            holdKey: holdKey,
            route: route,
        )
    }
}

/// When a reservation was committed and, as first answered, how long it lasts.
package struct HoldTimes: Hashable, Sendable {
    package var createdAt: Instant
    package var expiresAt: Instant

    package init(createdAt: Instant, expiresAt: Instant) {
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

/// What Postgres decided about a commit request.
package enum CommitOutcome: Sendable {
    /// Committed by this attempt.
    case committed(HoldTimes)
    /// Committed by an earlier attempt with the same key and body.
    case repeated(HoldTimes)
    /// The key was used with another body.
    case keyReused
    /// Not enough free units at that position.
    case refused(position: PositionID, free: Int64)
    /// Another epoch is open: nothing was done.
    case epochMoved(Int64)
}

/// A reservation that exists under a key.
package struct KnownReservation: Hashable, Sendable {
    package var fingerprint: ID
    package var times: HoldTimes

    package init(fingerprint: ID, times: HoldTimes) {
        self.fingerprint = fingerprint
        self.times = times
    }
}

/// What Postgres says about a refusal of the gate, or about a key that the gate calls known.
package struct Barrier: Sendable {
    package var epoch: Int64
    package var known: KnownReservation?
    /// The position asked about, as it is now.
    package var position: LoadedPosition?

    package init(epoch: Int64, known: KnownReservation?, position: LoadedPosition?) {
        self.epoch = epoch
        self.known = known
        self.position = position
    }
}

/// What the name of a position stands for.
package enum ResolvedPosition: Hashable, Sendable {
    case known(PositionID)
    case unknown(UnknownPart)
}

/// What may happen to a reservation after its commit.
package enum ReservationCommandKind: Int16, Sendable {
    case confirm = 1
    case release = 2
    case extend = 4
    case change = 5
    case transfer = 6
}

/// A command for one reservation.
package struct ReservationCommand: Sendable {
    package var kind: ReservationCommandKind
    package var id: ID
    /// The digest of the command's own idempotency key, if it has one.
    package var requestKey: ID?
    package var fingerprint: ID
    package var origin: Origin
    /// Until when its caller waits: it is not begun after that.
    package var deadline = Deadline.never
    package var reason = ""
    /// Extend: from now on, in milliseconds.
    package var ttlMs: Int32 = 0
    /// Confirm: takes the units again when the hold has expired.
    package var reacquires = false
    /// Confirm (empty: all that is held) and change: units per position, each once.
    package var lines: [Demand] = []
    /// Transfer: the new owner and the new reservation.
    package var owner = ""
    package var newID: ID?

    package init(
        kind: ReservationCommandKind,
        id: ID,
        requestKey: ID?,
        fingerprint: ID,
        origin: Origin,
    ) {
        self.kind = kind
        self.id = id
        self.requestKey = requestKey
        self.fingerprint = fingerprint
        self.origin = origin
    }
}

/// What became of a command.
package enum ReservationCommandOutcome: Sendable {
    /// Done, now or by an earlier attempt; what the gate has to apply.
    case done(Reservation, Settlement)
    case refused(Refusal)
}

/// The authority over reservations, from one loop.
package protocol ReservationLedgerPort: AnyObject, SendableMetatype {
    /// Demand with ids for names, where all of them are at hand; nil where one has to be asked for.
    func knownLines(_ demand: [Demand]) -> [(position: PositionID, quantity: Int64)]?

    /// The ids of positions, in the order of the names.
    func positions(_ keys: [PositionKey]) async throws(Failure) -> [ResolvedPosition]

    /// Positions as they are now, for the gate.
    func load(_ ids: [PositionID]) async throws(Failure) -> [LoadedPosition]

    /// The open epoch, the reservation under this key if there is one, and the position that had
    /// no room (nil: none is asked about): one question, begun after the call.
    func barrier(_ key: ID, _ position: PositionID?) async throws(Failure) -> Barrier

    /// Decides and commits. The gate is settled by the time the answer comes, whether the caller
    /// still waits for it or not.
    func commit(_ request: CommitRequest) async throws(Failure) -> CommitOutcome

    /// Carries out a command. The caller settles the gate.
    func carryOut(
        _ command: ReservationCommand
    ) async throws(Failure) -> ReservationCommandOutcome

    /// A reservation as it is now.
    func reservation(_ id: ID) async throws(Failure) -> Reservation?
}
