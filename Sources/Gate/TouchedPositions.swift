// Which positions the gate was asked about lately, so that the audit of drift looks at those in use
// first. One store for each line of a call: nothing that a request could feel.

internal import Domain

/// The positions that were touched last; older ones are forgotten, never waited for.
struct TouchedPositions {
    /// Touches that are remembered between two looks; a power of two.
    private static let touchesMax = 4_096

    private var ring = [PositionID](repeating: 0, count: touchesMax)
    private var count = 0

    mutating func note(_ position: PositionID) {
        ring[count & (Self.touchesMax - 1)] = position
        count &+= 1
    }

    /// The positions touched since the last call, each once.
    mutating func take() -> [PositionID] {
        defer { count = 0 }
        return Array(Set(ring.prefix(min(count, Self.touchesMax))))
    }
}
