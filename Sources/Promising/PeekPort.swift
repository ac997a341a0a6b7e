// What planning needs to know of the hot view: how much is free at many positions, without taking
// anything. An answer is a hint; what it leads to is admitted, or proven by Postgres.

package import Domain

/// What is free at some positions, at one instant of the view.
package struct Peek: Hashable, Sendable {
    /// The epoch of the view.
    package var epoch: Int64
    /// Units that an admission would find, pending holds taken away, in the order of the question; it
    /// may be below zero, and is nil where the view does not have the position.
    package var free: [Int64?]

    package init(epoch: Int64, free: [Int64?]) {
        self.epoch = epoch
        self.free = free
    }
}

/// The hot view, as planners see it.
package protocol PeekPort: AnyObject, SendableMetatype {
    /// Asks what is free for a channel (empty: for everybody); positions should be distinct.
    ///
    /// What is asked within one turn of the loop travels together, and each position once. Fails when
    /// the gate is not open in time.
    func peek(
        _ positions: [PositionID],
        channel: String,
    ) async throws(Failure) -> Peek
}
