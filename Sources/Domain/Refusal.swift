// Why something was not done. A refusal is an answer about the truth, not a failure: nothing
// changed, and the caller is told what would have to be different.

package import Base

/// A reason not to do what was asked.
///
/// `line` counts the caller's own lines from 0.
package enum Refusal: Hashable, Sendable {
    /// There is not enough free stock, even if every pending hold of others failed.
    case soldOut(line: Int, key: PositionKey, requested: Int64, available: Int64)
    /// There would be enough if pending holds of others failed; they are decided within moments.
    case contended(line: Int, key: PositionKey, requested: Int64, available: Int64)
    /// No such position: the SKU was never received at the node.
    case unknownPosition(line: Int, key: PositionKey, unknown: UnknownPart)
    /// The idempotency key was used before with another body.
    case keyReused
    /// There is no such thing.
    case notFound(kind: EntityKind, id: String)
    /// It is in a state in which this cannot be done.
    case wrongState(kind: EntityKind, id: String, state: String)
    /// The hold's time was over before the call.
    case reservationExpired(id: ID)
    /// More units than there are of that kind.
    case notEnough(line: Int, key: PositionKey, requested: Int64, available: Int64, what: String)
    /// The lines do not match what the reservation holds.
    case linesDiffer(line: Int, key: PositionKey, expected: Int64, given: Int64)
    /// The order has no such line.
    case unknownLine(line: Int, number: Int32)
    /// The channel has an order with this number already.
    case externalIDTaken(orderID: ID)
    /// The position would hold more units than any position may.
    case tooMany(line: Int, key: PositionKey)
    /// Who proposed it may not approve it.
    case ownProposal(kind: EntityKind, id: String)
    /// A cart cannot be routed, proven by Postgres.
    case noRoute(RouteObstacle)
    /// The reservation was routed: it cannot be changed, nor confirmed in part.
    case routed(id: ID)
}

/// What stands in the way of every plan for a cart.
package enum RouteObstacle: Hashable, Sendable {
    /// All nodes together have too few units.
    case soldOut(line: Int, sku: String, requested: Int64, available: Int64)
    /// With room in every slot there would be a plan.
    case capacityFull
    /// Something else: see `NoPlan`.
    case other(NoPlan)
    /// There would be a plan if pending holds of others failed; they are decided within moments.
    case contended
}

/// Which part of a position's name is not known.
package enum UnknownPart: Hashable, Sendable {
    case sku
    case node
    /// Both are known, but the SKU was never at that node.
    case combination
}

/// The kinds of things that have an id.
package enum EntityKind: String, Hashable, Sendable {
    case reservation
    case order
    case transfer
    case count
    case decision
    case node
    case slot
    case ruleSet = "rule_set"
    case shipment
    case exception
}
