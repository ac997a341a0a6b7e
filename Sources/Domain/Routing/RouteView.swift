// What is free, as the planner sees it: taken from the hot view at one moment, and stored with the
// decision.

package import Base

/// What is free in a slot; nil: as much as one likes.
package struct SlotRoom: Hashable, Sendable {
    package var orders: Int64?
    package var units: Int64?

    package init(orders: Int64?, units: Int64?) {
        self.orders = orders
        self.units = units
    }
}

/// What is free for one question.
package struct RouteView: Hashable, Sendable {
    /// When it was taken; the question is planned as of then.
    package var now: Instant
    /// Units free for the question's channel: by line, then by node of the network.
    ///
    /// `units[line * nodes + node]`; 0 where the SKU never was.
    package var units: [Int64]
    /// By node of the network, then by slot of the node.
    package var slots: [[SlotRoom]]

    package init(now: Instant, units: [Int64], slots: [[SlotRoom]]) {
        self.now = now
        self.units = units
        self.slots = slots
    }
}
