// What may take how long on one connection: pure bookkeeping, asked at every look of the loop.
//
// No timer per connection or call: a loop looks at all its connections a few times a second, and
// what is late by less than a look is not late.

internal import NIOCore

/// The times of one connection.
struct ConnectionWatch {
    /// What a look has found.
    enum Finding: Hashable {
        /// The preface and SETTINGS did not come in time.
        case neverSettled
        /// The peer does not read.
        case stalled
        /// The peer gave no sign of life.
        case silent
        /// Ask the peer for a sign of life.
        case ask
        /// Nobody has called for long.
        case idle
        /// It has had its time.
        case old
        /// It was told to go for its age, and has not.
        case overstayed
    }

    /// Whether SETTINGS have come.
    var isSettled = false
    private var openedAt = NIODeadline.uptimeNanoseconds(0)
    private var leavesAt = NIODeadline.distantFuture
    private var readAt = NIODeadline.uptimeNanoseconds(0)
    private var calledAt = NIODeadline.uptimeNanoseconds(0)
    private var askedAt: NIODeadline?
    private var stalledAt: NIODeadline?
    private var toldToGoAt: NIODeadline?

    mutating func opened(at now: NIODeadline, _ limits: RPCServerConfiguration) {
        openedAt = now
        readAt = now
        calledAt = now
        let tenth = limits.ageMillisecondsMax / 10
        leavesAt =
            now + .milliseconds(limits.ageMillisecondsMax + Int64.random(in: -tenth...tenth))
    }

    mutating func read(at now: NIODeadline) {
        readAt = now
        askedAt = nil
    }

    /// A call has begun or ended.
    mutating func called(at now: NIODeadline) {
        calledAt = now
    }

    mutating func writabilityChanged(_ isWritable: Bool, at now: NIODeadline) {
        stalledAt = isWritable ? nil : stalledAt ?? now
    }

    /// The first thing that is wrong, if anything is.
    mutating func look(
        at now: NIODeadline,
        hasCalls: Bool,
        _ limits: RPCServerConfiguration,
    ) -> Finding? {
        func isOver(_ milliseconds: Int64, since start: NIODeadline) -> Bool {
            now - start > .milliseconds(milliseconds)
        }
        if !isSettled, isOver(limits.handshakeMillisecondsMax, since: openedAt) {
            return .neverSettled
        }
        if let stalledAt, isOver(limits.stallMillisecondsMax, since: stalledAt) { return .stalled }
        if let askedAt {
            if isOver(limits.keepaliveMillisecondsMax, since: askedAt) { return .silent }
        } else if isOver(limits.keepaliveMilliseconds, since: readAt) {
            askedAt = now
            return .ask
        }
        if let toldToGoAt {
            return isOver(limits.ageGraceMilliseconds, since: toldToGoAt) ? .overstayed : nil
        }
        if now > leavesAt {
            toldToGoAt = now
            return .old
        }
        if !hasCalls, isOver(limits.idleMillisecondsMax, since: calledAt) {
            toldToGoAt = now
            return .idle
        }
        return nil
    }
}
