// What loading the view ahead of the requests needs: which positions are in use, their figures, and a
// gate that is open.

package import Domain

/// The authority, as far as the view is loaded from it ahead of requests.
package protocol WarmPort: Sendable {
    /// The positions whose stock moved in the latest batches, the busiest first.
    func hotPositions(limit: Int) async throws(Failure) -> [PositionID]

    /// Positions as they are now.
    func positions(_ ids: [PositionID]) async throws(Failure) -> [LoadedPosition]

    /// Positions as they are now: those with greater ids, by id.
    func positions(
        after id: PositionID,
        limit: Int,
    ) async throws(Failure) -> [LoadedPosition]
}

/// The view, as it is loaded ahead of requests.
package protocol WarmView: GatePort {
    /// True while the gate can be called.
    var isOpen: Bool { get }

    /// The number of the epoch that is called; nil while none is known.
    var openEpoch: Int64? { get }

    /// What the cache uses of the memory that it may have, 0 to 1; 0 when it has no bound.
    func memoryUse() async throws(Failure) -> Double
}
