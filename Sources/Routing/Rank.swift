// One number by which plans are ordered: the score, then what breaks ties of it.

internal import Domain

/// Score, shipments, days until the last arrival and cost, the first in the highest bits.
///
/// All of it but the days adds up over shipments and their units, so a rank is a sum like a score, and a
/// bound of it bounds the tie-breakers too.
typealias Rank = Int128

enum Ranks {
    private static let scoreShift = 70
    private static let shipmentsShift = 63
    private static let daysShift = 49

    /// Offers that can cost more, in minor units, are left out.
    static let offerCostMax: Int64 = 1 << 43
    /// Offers that can score more, in points, are left out.
    static let offerScoreMax: Int64 = 1 << 45
    /// Offers that arrive later, counted from two days before today, are left out.
    static let daysMax: Int64 = (1 << 14) - 1
    /// Most shipments of a plan, whatever the rules allow.
    static let shipmentsMax = 64

    /// What a shipment adds, whatever is in it.
    static func shipment(score: Int64, cost: Int64) -> Rank {
        Rank(score) << scoreShift + 1 << shipmentsShift + Rank(cost)
    }

    /// What a unit adds.
    static func unit(score: Int64, cost: Int64) -> Rank {
        Rank(score) << scoreShift + Rank(cost)
    }

    /// What the last arrival adds.
    static func arrival(days: Int64, promise: Int64) -> Rank {
        Rank(promise * max(0, days)) << scoreShift + Rank(days + 2) << daysShift
    }

    static func score(_ rank: Rank) -> Int64 { Int64(rank >> scoreShift) }

    /// Of a rank that has no arrival in it.
    static func cost(_ rank: Rank) -> Int64 { Int64(rank & (1 << daysShift - 1)) }
}
