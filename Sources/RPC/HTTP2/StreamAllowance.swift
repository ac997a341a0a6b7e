// How many streams each connection may have while more arrives than can even be refused.
//
// A refusal costs a tenth of a call, so at many times the capacity refusing takes the time of what
// could be served. A peer that may open fewer streams keeps the excess on its own side, where it costs
// the server nothing. So as long as there is more than one refusal for two calls that run, each
// connection in use is allowed its share of what runs, by SETTINGS_MAX_CONCURRENT_STREAMS, and less with
// every window in which that was not enough; without refusals the allowance grows back. The form is
// that of TCP's additive increase, multiplicative decrease (RFC 5681), with a growth that is a share
// too, because nobody knows how long an overload lasts. Pure: the clock is the caller's.

struct StreamAllowance {
    /// The length of a window in nanoseconds.
    static let windowNanoseconds: Int64 = 100_000_000
    /// No connection is ever allowed fewer.
    static let streamsMin = 4
    /// Nor all in use together fewer than this, if so many may run at all: what runs at once is what
    /// batches are made of, and with too little of it the server does less instead of refusing less.
    static let inFlightMin = 512
    /// Fewer refusals in a window than this are no overload.
    private static let refusalsMin = 100
    private static let shrink = 0.75
    private static let growth = 1.1
    /// After a pause of so many windows what was known is out of date.
    private static let pauseWindows: Int64 = 10

    let streamsMax: Int
    private let inFlightMin: Int
    /// What each connection may have now.
    private(set) var current: Int
    private var ran = 0
    private var refused = 0
    private var windowEndsAt: Int64 = 0

    /// - Parameter callsMax: calls that may ever run at once.
    init(streamsMax: Int, callsMax: Int) {
        self.streamsMax = streamsMax
        inFlightMin = min(Self.inFlightMin, callsMax)
        current = streamsMax
    }

    /// Counts a call; true when a window is over and `roll` is due.
    mutating func count(refused isRefused: Bool, now: Int64) -> Bool {
        if isRefused { refused += 1 } else { ran += 1 }
        return now >= windowEndsAt
    }

    /// Closes a window.
    ///
    /// - Parameters:
    ///   - inFlight: calls that run.
    ///   - connections: connections that have calls.
    mutating func roll(inFlight: Int, connections: Int, now: Int64) {
        let isFresh = now - windowEndsAt < Self.pauseWindows * Self.windowNanoseconds
        if !isFresh {
            current = streamsMax
        } else if refused >= Self.refusalsMin, 2 * refused > ran {
            let connections = max(connections, 1)
            let share = (inFlight + connections - 1) / connections
            let less = Int(Double(current) * Self.shrink)
            let least = max(Self.streamsMin, inFlightMin / connections)
            current = min(streamsMax, max(least, min(share, less)))
        } else if refused < Self.refusalsMin {
            current = min(streamsMax, Int(Double(current) * Self.growth) + 1)
        }
        ran = 0
        refused = 0
        windowEndsAt = now + Self.windowNanoseconds
    }
}
