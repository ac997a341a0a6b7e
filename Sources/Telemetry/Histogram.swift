// How long calls took, in fixed buckets. Written by one event loop, read by any thread; a reader may
// see a call in a bucket and not yet in the sum, never a figure that goes back.

internal import Synchronization

/// Upper bounds of the buckets of call durations.
package enum DurationBuckets {
    /// In microseconds, inclusive, ascending; longer calls go to the last bucket, `+Inf`.
    package static let boundsMicroseconds: [Int64] = [
        100, 250, 500,
        1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
    ]

    /// The bucket that a duration belongs to; `boundsMicroseconds.count` is `+Inf`.
    static func index(_ microseconds: Int64) -> Int {
        for (index, bound) in boundsMicroseconds.enumerated() where microseconds <= bound {
            return index
        }
        return boundsMicroseconds.count
    }
}

/// The durations seen so far.
package struct DurationCounts: Hashable, Sendable {
    /// Calls per bucket, not cumulative; one more than there are bounds.
    package var buckets: [Int64]
    /// Sum of all durations, in microseconds.
    package var sumMicroseconds: Int64

    package init() {
        buckets = Array(repeating: 0, count: DurationBuckets.boundsMicroseconds.count + 1)
        sumMicroseconds = 0
    }

    /// All calls.
    package var count: Int64 { buckets.reduce(0, +) }

    /// Adds what another loop has seen.
    package mutating func merge(_ other: DurationCounts) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
        sumMicroseconds += other.sumMicroseconds
    }
}

/// Durations as one loop counts them.
final class DurationHistogram: Sendable {
    private let buckets: [Cell]
    private let sum = Cell()

    init() {
        buckets = (0...DurationBuckets.boundsMicroseconds.count).map { _ in Cell() }
    }

    func observe(_ microseconds: Int64) {
        buckets[DurationBuckets.index(microseconds)].add(1)
        sum.add(max(0, microseconds))
    }

    var counts: DurationCounts {
        var counts = DurationCounts()
        for (index, cell) in buckets.enumerated() { counts.buckets[index] = cell.value }
        counts.sumMicroseconds = sum.value
        return counts
    }
}

/// A number with one writer.
///
/// A load and a store instead of an atomic addition: the loop that owns the cell is its only writer,
/// so no increment is lost and no bus is locked.
final class Cell: Sendable {
    private let number = Atomic<Int64>(0)
    // Cells of different loops must not share a cache line; 48 bytes and the header fill one.
    private let padding: (Int64, Int64, Int64, Int64, Int64) = (0, 0, 0, 0, 0)

    var value: Int64 { number.load(ordering: .relaxed) }

    func add(_ amount: Int64) {
        number.store(number.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    func set(_ amount: Int64) {
        number.store(amount, ordering: .relaxed)
    }
}
