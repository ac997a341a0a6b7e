// What the watcher of a server knows, for everybody who asks: positions in use, alarms, figures.

package import Base
package import Domain
internal import Synchronization

/// The board that the watcher writes and that services and metrics read; from any thread.
package final class DriftBoard: Sendable {
    /// The figures that are published.
    package struct Figures: Sendable {
        /// Positions audited since the start, each as often as it was.
        package var audited = 0
        /// Alarms raised since the start.
        package var alarms = 0
        /// Positions with an alarm that is not over.
        package var drifting = 0
        /// The largest drift among them, in units, whatever its sign.
        package var unitsMax: Int64 = 0
        /// The most versions that a view in use lacked, and for how long the oldest of them did.
        package var lagVersionsMax: Int64 = 0
        package var lagMsMax: Int64 = 0
        /// Units of pending holds at the positions in use.
        package var inFlight: Int64 = 0
        /// For how long the position in use that waits longest has not been audited.
        package var ageMs: Int64 = 0
        /// Positions in use.
        package var inUse = 0
        /// When the walk over all positions began that ended last; nil before the first has.
        package var walkBeganAt: Instant?

        package init() {}
    }

    private struct State {
        var figures = Figures()
        var inUse: [PositionID] = []
        var alarmed: [PositionID] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var figures: Figures { state.withLock { $0.figures } }

    /// Positions with an alarm, then those in use; each once.
    package var watched: [PositionID] {
        state.withLock { state in
            let alarmed = Set(state.alarmed)
            return state.alarmed + state.inUse.filter { !alarmed.contains($0) }
        }
    }

    /// What the watcher found in one round.
    package func update(_ figures: Figures, inUse: [PositionID], alarmed: [PositionID]) {
        state.withLock { $0 = State(figures: figures, inUse: inUse, alarmed: alarmed) }
    }
}
