// How often something may happen: so many times at once, and so many more each second.

/// A token bucket, kept as the one moment at which it will be full again.
struct Allowance {
    /// Nanoseconds until one more is allowed.
    private let interval: Int64
    /// How far ahead of the present the bucket may be.
    private let ahead: Int64
    private var fullAt = Int64.min

    /// - Parameters:
    ///   - burst: how many are allowed at once.
    ///   - perSecond: how many more each second.
    init(burst: Int, perSecond: Int) {
        self.init(burst: burst, each: 1_000_000_000 / Int64(max(1, perSecond)))
    }

    /// - Parameter nanoseconds: the time after which one more is allowed.
    init(burst: Int, each nanoseconds: Int64) {
        interval = nanoseconds
        ahead = Int64(max(0, burst)) * nanoseconds
    }

    /// Counts one; false when it is one too many.
    mutating func take(now: Int64) -> Bool {
        let next = max(fullAt, now) + interval
        if next - now > ahead { return false }
        fullAt = next
        return true
    }

    /// Allows so many more, up to the burst.
    mutating func earn(_ count: Int64) {
        // Overflow would need centuries of earnings.
        if fullAt != .min { fullAt -= interval * count }
    }
}
