// Stock of one SKU at one node: the buckets, the one formula of what may be promised, and the fold
// of its ledger. Pure values; Postgres decides, these say what its answer must be.

/// Names a position: one SKU at one node.
package struct PositionKey: Hashable, Comparable, Sendable {
    package var sku: String
    package var node: String

    package init(sku: String, node: String) {
        self.sku = sku
        self.node = node
    }

    package static func < (left: PositionKey, right: PositionKey) -> Bool {
        (left.sku, left.node) < (right.sku, right.node)
    }

    /// True where the units are room in a slot of the node, not goods.
    package var isCapacity: Bool { sku.utf8.first == UInt8(ascii: "@") }
}

/// The number that Postgres gave a position; it never changes and is never used again.
package typealias PositionID = Int64

/// The units of a position by bucket, or a change of them.
package struct StockBuckets: Hashable, Sendable {
    /// Physically there, in whatever state.
    package var onHand: Int64 = 0
    /// Held by reservations that may still expire (soft).
    package var held: Int64 = 0
    /// Promised to confirmed reservations and orders (hard).
    package var allocated: Int64 = 0
    /// Withheld from every channel.
    package var safety: Int64 = 0
    /// On hand but damaged.
    package var damaged: Int64 = 0
    /// On hand but waiting for quality control.
    package var qualityControl: Int64 = 0
    /// On the way here by transfer; not on hand yet.
    package var inTransit: Int64 = 0

    package init() {}

    /// On hand, but in a state in which nothing may be promised.
    package var unavailable: Int64 { damaged + qualityControl }

    /// Available to promise: what a new hold may take.
    ///
    /// Below zero when more is withheld than there is. The same formula stands in the generated
    /// column `free` of the table `positions`.
    package var available: Int64 { onHand - safety - unavailable - held - allocated }

    /// What a caller through a channel may take, given the units withheld from that channel.
    package func available(withholding channelSafety: Int64) -> Int64 {
        available - channelSafety
    }

    /// Adds a change to every bucket.
    package mutating func apply(_ change: StockBuckets) {
        onHand += change.onHand
        held += change.held
        allocated += change.allocated
        safety += change.safety
        damaged += change.damaged
        qualityControl += change.qualityControl
        inTransit += change.inTransit
    }

    /// What is wrong with these figures, or nil: promises never exceed the units that are there
    /// (S1), and no bucket is below zero.
    ///
    /// The constraints of the table say the same.
    package var violation: String? {
        if held + allocated + unavailable > onHand { return "oversold" }
        if held < 0 || allocated < 0 || safety < 0 { return "a promise below zero" }
        if damaged < 0 || qualityControl < 0 || inTransit < 0 { return "a state below zero" }
        return nil
    }
}

/// What kind of change a ledger row is.
///
/// The numbers are stored.
package enum LedgerKind: Int16, CaseIterable, Sendable {
    case received = 1
    case reserved = 2
    case reservationReleased = 3
    case reservationExpired = 4
    case allocated = 5
    case deallocated = 6
    case shipped = 7
    case returned = 8
    case adjusted = 9
    case transferredOut = 10
    case transferredIn = 11
    case stateMoved = 12
}

/// A position as it stands at one version.
package struct Position: Hashable, Sendable {
    package var id: PositionID
    package var key: PositionKey
    package var buckets: StockBuckets
    /// Counts the changes of what is available.
    package var version: Int64
    /// Units withheld from single channels, by channel.
    package var channelSafety: [ChannelSafety]

    package init(
        id: PositionID,
        key: PositionKey,
        buckets: StockBuckets,
        version: Int64,
        channelSafety: [ChannelSafety] = [],
    ) {
        self.id = id
        self.key = key
        self.buckets = buckets
        self.version = version
        self.channelSafety = channelSafety
    }
}

/// Units withheld from one channel, on top of the position's safety stock.
package struct ChannelSafety: Hashable, Sendable {
    package var channel: String
    package var quantity: Int64

    package init(channel: String, quantity: Int64) {
        self.channel = channel
        self.quantity = quantity
    }
}

/// Who asks, in what: written on every row of the ledger and the audit trail.
package struct Origin: Hashable, Sendable {
    /// Who: the authenticated caller, or what an unauthenticated one claims to be.
    package var principal: String
    /// Which request, as the caller names it or as the server numbered it.
    package var requestID: String
    /// Which trace (the 32 hex digits of a W3C trace id), or empty.
    package var traceID: String

    package init(principal: String, requestID: String, traceID: String) {
        self.principal = principal
        self.requestID = requestID
        self.traceID = traceID
    }
}
