// What routing needs from the authority: where SKUs are, what is free beyond doubt, and decisions.

package import Base
package import Domain

/// A decision as it is stored.
package struct RouteRecord: Hashable, Sendable {
    package var id: ID
    package var channel: String
    package var network: Int64
    package var rules: RuleSetName
    /// The winner's shipments in words, one a line; see V0017_route_decisions.sql.
    package var shipments: String
    /// Question, view and winner; see `RouteCodec`.
    package var body: [UInt8]

    package init(
        id: ID,
        channel: String,
        network: Int64,
        rules: RuleSetName,
        shipments: String,
        body: [UInt8],
    ) {
        self.id = id
        self.channel = channel
        self.network = network
        self.rules = rules
        self.shipments = shipments
        self.body = body
    }
}

/// A decision that was stored.
package struct StoredRoute: Hashable, Sendable {
    package var record: RouteRecord
    package var at: Instant
    /// Whether a reservation was made by it; its id is the decision's.
    package var isReserved: Bool

    package init(record: RouteRecord, at: Instant, isReserved: Bool) {
        self.record = record
        self.at = at
        self.isReserved = isReserved
    }
}

/// A position of a SKU.
package struct NodePosition: Hashable, Sendable {
    package var node: String
    package var id: PositionID

    package init(node: String, id: PositionID) {
        self.node = node
        self.id = id
    }
}

/// What a refusal is held against.
package struct RouteProofQuestion: Hashable, Sendable {
    /// The key that may be committed already; nil: there is none.
    package var key: ID?
    /// All positions of these.
    package var skus: [String]
    /// And these.
    package var positions: [PositionID]

    package init(key: ID?, skus: [String], positions: [PositionID]) {
        self.key = key
        self.skus = skus
        self.positions = positions
    }
}

/// What Postgres has, after the question; the key last, so that the owner of units which are seen to be
/// taken is not told no.
package struct RouteProof: Sendable {
    package var epoch: Int64
    package var known: KnownReservation?
    package var positions: [PositionID: LoadedPosition]
    /// The positions of each SKU that was asked about, in their order.
    package var skus: [[NodePosition]]

    package init(
        epoch: Int64,
        known: KnownReservation?,
        positions: [PositionID: LoadedPosition],
        skus: [[NodePosition]],
    ) {
        self.epoch = epoch
        self.known = known
        self.positions = positions
        self.skus = skus
    }
}

/// Which decisions are listed.
package struct RouteFilter: Sendable {
    /// Nil: of all channels.
    package var channel: String?
    /// Those before this one: the last of the page before.
    package var before: (at: Instant, id: ID)?
    package var count: Int
    /// Also those that nobody reserved by.
    package var withPreviews: Bool

    package init(
        channel: String? = nil,
        before: (at: Instant, id: ID)? = nil,
        count: Int,
        withPreviews: Bool = true,
    ) {
        self.channel = channel
        self.before = before
        self.count = count
        self.withPreviews = withPreviews
    }
}

/// The authority over what routing asks, from one loop.
package protocol RouteLedgerPort: AnyObject, SendableMetatype {
    /// The positions of each SKU, in the order of the SKUs; none for one that never was.
    func positions(of skus: [String]) async throws(Failure) -> [[NodePosition]]

    /// Everything that a plan could use, at one snapshot that is taken after the call.
    func prove(_ question: RouteProofQuestion) async throws(Failure) -> RouteProof

    /// Stores a decision that nobody reserved by.
    func note(_ record: RouteRecord) async throws(Failure)

    /// Decisions by id, or by the id of a reservation, in the order of the ids; nil where there is none.
    func decisions(_ ids: [ID]) async throws(Failure) -> [StoredRoute?]

    /// Decisions, the latest first.
    func decisions(_ filter: RouteFilter) async throws(Failure) -> [StoredRoute]
}

/// Removes decisions that nobody reserved by.
package protocol RouteRetentionPort: Sendable {
    /// Deletes those older than so many days, `count` at most; returns how many.
    func forget(olderThan days: Int32, count: Int32) async throws(Failure) -> Int64
}
