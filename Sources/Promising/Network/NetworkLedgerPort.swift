// What changes of the network need from the database: each method is one transaction, all or nothing.

package import Base
package import Domain

/// What a part of the network is.
///
/// The numbers are stored.
package enum NetworkItemKind: Int16, Sendable {
    case node = 1
    case service = 2
    case place = 3
    /// The one currency; it has no name.
    case currency = 4
}

/// A part of the network as it is stored.
package struct NetworkItem: Hashable, Sendable {
    package var kind: NetworkItemKind
    package var name: String
    /// Of a node; nil where it is to stay as it is.
    package var status: NodeStatus?
    /// Canonical JSON; nil where it is to be removed.
    package var document: String?

    package init(
        kind: NetworkItemKind,
        name: String,
        status: NodeStatus? = nil,
        document: String?,
    ) {
        self.kind = kind
        self.name = name
        self.status = status
        self.document = document
    }
}

/// A slot of a node with what is taken of it.
package struct SlotState: Hashable, Sendable {
    package var day: Day
    /// Counts the windows of the day from 0.
    package var number: Int16
    package var opensAt: Instant
    package var closesAt: Instant
    /// Capacity and what is free of it (below zero: more is promised); nil: without limit.
    package var orders: SlotFigures?
    package var units: SlotFigures?
    /// Set for this slot alone.
    package var isByHand: Bool

    package init(
        day: Day,
        number: Int16,
        opensAt: Instant,
        closesAt: Instant,
        orders: SlotFigures?,
        units: SlotFigures?,
        isByHand: Bool,
    ) {
        self.day = day
        self.number = number
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.orders = orders
        self.units = units
        self.isByHand = isByHand
    }
}

/// How much a slot takes of something, and how much of that is free.
package struct SlotFigures: Hashable, Sendable {
    package var capacity: Int64
    package var free: Int64

    package init(capacity: Int64, free: Int64) {
        self.capacity = capacity
        self.free = free
    }
}

/// Documents to put, all or none.
package struct NetworkPut: Sendable {
    package var header: CommandHeader
    /// The version that they were checked against.
    package var expected: Int64
    package var items: [NetworkItem]
    package var now: Instant
    package var note: String

    package init(
        header: CommandHeader,
        expected: Int64,
        items: [NetworkItem],
        now: Instant,
        note: String,
    ) {
        self.header = header
        self.expected = expected
        self.items = items
        self.now = now
        self.note = note
    }
}

/// The capacity that one slot is to have.
package struct SlotChange: Sendable {
    /// What a slot takes.
    package enum Capacity: Sendable {
        /// Nil: as many as come.
        case set(orders: Int64?, units: Int64?)
        /// What the calendar says.
        case asCalendar
    }

    package var header: CommandHeader
    package var node: String
    package var day: Day
    package var number: Int16
    package var capacity: Capacity
    package var now: Instant
    package var note: String

    package init(
        header: CommandHeader,
        node: String,
        day: Day,
        number: Int16,
        capacity: Capacity,
        now: Instant,
        note: String,
    ) {
        self.header = header
        self.node = node
        self.day = day
        self.number = number
        self.capacity = capacity
        self.now = now
        self.note = note
    }
}

/// What a change of the network did.
package struct NetworkResult: Hashable, Sendable {
    /// The version after it.
    package var version: Int64
    /// Items that are other than they were; 0: there was nothing to change.
    package var changes: Int
    /// What the gate has to apply; none when the answer was given before.
    package var settlement: Settlement

    package init(version: Int64, changes: Int, settlement: Settlement) {
        self.version = version
        self.changes = changes
        self.settlement = settlement
    }
}

/// How a change of the network ended.
package enum NetworkOutcome: Sendable {
    case done(NetworkResult)
    /// Nothing was changed.
    case refused(Refusal)
    /// Somebody else has changed the network since the version that was expected.
    case moved
}

/// What made a version of the network.
///
/// The numbers are stored.
package enum NetworkChangeKind: Int16, Sendable {
    case documents = 1
    case status = 2
    case capacity = 3
    /// The slots of the next day.
    case horizon = 4
}

/// A version of the network, as its history tells it.
package struct NetworkChange: Hashable, Sendable {
    package var version: Int64
    package var at: Instant
    package var kind: NetworkChangeKind
    /// In words.
    package var changes: [String]
    package var note: String
    package var origin: Origin

    package init(
        version: Int64,
        at: Instant,
        kind: NetworkChangeKind,
        changes: [String],
        note: String,
        origin: Origin,
    ) {
        self.version = version
        self.at = at
        self.kind = kind
        self.changes = changes
        self.note = note
        self.origin = origin
    }
}

/// The network in the database, to be changed.
package protocol NetworkLedgerPort: NetworkPort {
    /// The parts of the network at a version (nil: the current one), and which it is; nil when there
    /// was never such a version.
    func items(
        version: Int64?
    ) async throws(Failure) -> (version: Int64, items: [NetworkItem])?

    /// Those of the names that are no time zones.
    func unknownTimeZones(_ names: [String]) async throws(Failure) -> Set<String>

    func put(_ put: NetworkPut) async throws(Failure) -> NetworkOutcome

    func setStatus(
        _ header: CommandHeader,
        of node: String,
        _ status: NodeStatus,
        note: String,
    ) async throws(Failure) -> NetworkOutcome

    func setCapacity(_ change: SlotChange) async throws(Failure) -> NetworkOutcome

    /// The current slots of a node from a day on, by the time they open.
    func slots(of node: String, from day: Day, limit: Int) async throws(Failure) -> [SlotState]

    /// Up to `limit` changes before a version, newest first; of one node when it is not empty.
    func changes(
        before version: Int64,
        node: String,
        limit: Int,
    ) async throws(Failure) -> [NetworkChange]

    /// Lays the slots of days that have come within the horizon; nil when another server is at it.
    func extendSlots(now: Instant, server: String) async throws(Failure) -> NetworkResult?
}
