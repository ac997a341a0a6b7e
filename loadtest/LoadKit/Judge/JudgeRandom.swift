// Numbers that follow from a seed and nothing else, so that a trial can be held again.

/// SplitMix64, seeded with several numbers.
struct JudgeRandom: RandomNumberGenerator {
    private var state: UInt64

    /// Different numbers give streams that have nothing in common.
    init(_ seeds: UInt64...) {
        state = 0
        for seed in seeds { state = Self.mixed(state &+ seed &+ 0x9e37_79b9_7f4a_7c15) }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mixed(state)
    }

    /// True in so many of a hundred cases.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
