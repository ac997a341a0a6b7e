// What finding units another place needs: from the database, and from whoever knows places.

package import Base
package import Domain

/// Units of one line that need a place.
package struct RerouteLine: Hashable, Sendable {
    /// The order's line.
    package var number: Int32
    package var sku: String
    package var units: Int64
    /// It was given another place as often as a line may be.
    package var isSpent: Bool

    package init(number: Int32, sku: String, units: Int64, isSpent: Bool) {
        self.number = number
        self.sku = sku
        self.units = units
        self.isSpent = isSpent
    }
}

/// Units of an order that need another place, handed to one worker for a while.
package struct RerouteJob: Hashable, Sendable {
    package var id: ID
    package var order: ID
    /// The shipment that they leave; nil: they have no place.
    package var shipment: ID?
    /// Numbers the hold that is to be tried.
    package var holds: Int32
    package var channel: String
    package var customer: String
    /// The reservation that the order was placed from.
    package var reservation: ID
    package var lines: [RerouteLine]
    /// Where they must not go.
    package var excluded: Set<PositionKey>

    package init(
        id: ID,
        order: ID,
        shipment: ID?,
        holds: Int32,
        channel: String,
        customer: String,
        reservation: ID,
        lines: [RerouteLine],
        excluded: Set<PositionKey>,
    ) {
        self.id = id
        self.order = order
        self.shipment = shipment
        self.holds = holds
        self.channel = channel
        self.customer = customer
        self.reservation = reservation
        self.lines = lines
        self.excluded = excluded
    }
}

/// How a swap ended.
package enum SwapOutcome: Sendable {
    /// The hold is the order's, as far as it was needed: so many units, and what the gate has to apply.
    case done(units: Int64, Settlement)
    /// It was done before, or nothing needs a place any more: the hold is not used by this call.
    case over
    /// The hold is not there any more, or a node that it is at has given the units up meanwhile.
    case holdLost
}

/// Shipments of a closed node, by order.
package struct ClosedWork: Hashable, Sendable {
    package var order: ID
    package var shipments: [ID]

    package init(order: ID, shipments: [ID]) {
        self.order = order
        self.shipments = shipments
    }
}

/// Re-routes as the database has them.
package protocol ReroutePort: SendableMetatype {
    /// Up to `limit` jobs that are due, each for `leaseMs`.
    func claim(
        limit: Int,
        leaseMs: Int,
        attemptsMax: Int,
    ) async throws(Failure) -> [RerouteJob]

    /// Makes a hold the order's, and takes the units off their old place, in one transaction.
    func swap(_ job: ID, to hold: ID, origin: Origin) async throws(Failure) -> SwapOutcome

    /// The units of some lines (empty: all) have no place: nobody's stock, an exception for people.
    ///
    /// Returns how many units lost theirs, and what the gate has to apply.
    func giveUp(
        _ job: ID,
        lines: [Int32],
        key: ID,
        detail: String,
        origin: Origin,
    ) async throws(Failure) -> (units: Int64, settlement: Settlement)

    /// Has the job looked at again later, if it is still to be done.
    func postpone(
        _ job: ID,
        ms: Int,
        withNextHold: Bool,
        detail: String,
    ) async throws(Failure)

    /// Open shipments of closed nodes, of at most `limit` orders.
    func closedWork(limit: Int) async throws(Failure) -> [ClosedWork]
}

/// Units that need a place within the guarantees of their reservation.
package struct RerouteQuestion: Sendable {
    /// Becomes the hold's id: the same question with the same key finds the hold that it made before.
    package var key: ID
    /// Each SKU once.
    package var lines: [(sku: String, units: Int64)]
    package var channel: String
    package var customer: String
    /// What the order was placed from: how it was routed says what was promised.
    package var reservation: ID
    package var excluded: Set<PositionKey>
    package var ttlMs: Int64
    package var origin: Origin

    package init(
        key: ID,
        lines: [(sku: String, units: Int64)],
        channel: String,
        customer: String,
        reservation: ID,
        excluded: Set<PositionKey>,
        ttlMs: Int64,
        origin: Origin,
    ) {
        self.key = key
        self.lines = lines
        self.channel = channel
        self.customer = customer
        self.reservation = reservation
        self.excluded = excluded
        self.ttlMs = ttlMs
        self.origin = origin
    }
}

/// What came of looking for a place.
package enum RerouteAnswer: Hashable, Sendable {
    /// It is held, with the capacity it needs, under the question's key.
    case held
    /// There is none, proven at rest; in words.
    case nowhere(String)
    /// Others are about to be decided: ask again.
    case later(String)
    /// The key belongs to another question.
    case keyUsed
}

/// Takes new places: all lines or none.
package protocol Rerouting: SendableMetatype {
    func takePlace(_ question: RerouteQuestion) async throws(Failure) -> RerouteAnswer
}
