// Judges the frames of one client: what the HTTP/2 library lets pass and RFC 9113 does not, and
// floods of frames that are each harmless.
//
// Told of every frame received before the library sees it, of every frame sent, and of the time. It
// reads no clock and calls nobody, so a table of frames is a test of it.

internal import Base

/// Why a connection has to end.
struct ConnectionEnd: Hashable, Sendable, CustomStringConvertible {
    var code: HTTP2Code
    /// The limit that the peer ran into; nil when it broke the rules of the protocol.
    var limit: RPCLimit?
    /// For whoever debugs the peer; goes into GOAWAY.
    var debug: StaticString

    var description: String { debug.utf8CodeUnitCount == 0 ? "\(code)" : "\(code): \(debug)" }

    static func == (one: ConnectionEnd, other: ConnectionEnd) -> Bool {
        one.code == other.code && one.limit == other.limit
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(limit)
    }
}

/// What becomes of a frame.
enum FrameVerdict: Hashable, Sendable {
    case goOn
    /// It was on its way when we reset its stream, or told the peer to go: no harm, no effect.
    case ignore
    case end(ConnectionEnd)
}

/// What is known of a call that its caller gives up.
enum GivenUp: Hashable, Sendable {
    /// Its time was over, or so short that it could be over before anything was done.
    case overdue
    /// It still had time.
    case early
    /// Its head is in the same read, not looked at yet: `judged` is told later.
    case unseen
}

/// What one connection has seen of its client.
struct FrameGuard {
    private let limits: SessionLimits
    private var streams = StreamTable()
    /// The highest stream that the peer has opened.
    private var highest: Int32 = -1
    /// Streams below it that it left out and may open no more.
    private var skipped = SkippedStreams()
    private var resetStreams: ResetStreams
    /// A header block has begun, and only CONTINUATION may come until it is complete.
    private var isWithinBlock = false
    /// Streams above are ignored, once we have told the peer to go.
    private var lastAccepted = Int32.max

    private var resets: Allowance
    private var provokedResets: Allowance
    private var refusedStreams: Allowance
    private var settings: Allowance
    private var priorities: Allowance
    private var windowUpdates: Allowance
    private var emptyData: Allowance
    private var unknownFrames: Allowance

    private let pingInterval: Int64
    private var nextPingAt = Int64.min
    private var pingStrikes = 0
    /// We have sent HEADERS or DATA since the peer's last PING.
    private var hasSentSincePing = false

    init(_ limits: SessionLimits) {
        self.limits = limits
        resetStreams = ResetStreams(countMax: limits.resetStreamsKeptMax)
        resets = Allowance(burst: Int(limits.resetBurst), perSecond: Int(limits.resetsPerSecond))
        provokedResets = Allowance(
            burst: limits.provokedResetBurst,
            perSecond: limits.provokedResetsPerSecond,
        )
        refusedStreams = Allowance(
            burst: limits.refusedStreamBurst,
            perSecond: limits.refusedStreamsPerSecond,
        )
        settings = Allowance(
            burst: limits.settingsBurst,
            each: limits.settingsIntervalMilliseconds * 1_000_000,
        )
        let each = (burst: limits.frameBurst, perSecond: limits.framesPerSecond)
        priorities = Allowance(burst: each.burst, perSecond: each.perSecond)
        windowUpdates = Allowance(burst: each.burst, perSecond: each.perSecond)
        emptyData = Allowance(burst: each.burst, perSecond: each.perSecond)
        unknownFrames = Allowance(burst: each.burst, perSecond: each.perSecond)
        pingInterval = limits.pingIntervalMilliseconds * 1_000_000
    }

    // MARK: Received

    /// Judges a frame that has begun to arrive.
    ///
    /// - Parameters:
    ///   - now: nanoseconds of a clock that never goes back.
    ///   - givenUp: for RST_STREAM, what is known of its call; asked only for a call that is open.
    mutating func received(
        _ header: FrameHeader,
        now: Int64,
        givenUp: @autoclosure () -> GivenUp = .early,
    ) -> FrameVerdict {
        if isWithinBlock, header.type != FrameType.continuation {
            return .end(ConnectionEnd(code: .protocolError, debug: "header block is incomplete"))
        }
        switch header.type {
        case FrameType.data: return data(header, now)
        case FrameType.headers:
            isWithinBlock = !header.endsBlock
            return headers(header, now)
        case FrameType.continuation:
            // The library counts those, block by block.
            isWithinBlock = !header.endsBlock
            return .goOn
        case FrameType.windowUpdate:
            return Self.spend(&windowUpdates, now, .windowUpdates, "too_many_window_updates")
        case FrameType.priority:
            return Self.spend(&priorities, now, .priorities, "too_many_priorities")
        case FrameType.resetStream: return reset(header, now, givenUp: givenUp)
        case FrameType.settings: return settings(header, now)
        case FrameType.ping: return ping(header, now)
        default: return needless(now)
        }
    }

    private mutating func data(_ header: FrameHeader, _ now: Int64) -> FrameVerdict {
        // The padding may be all that there is; nobody pads what is so short.
        let mayBeEmpty = header.length == 0 || (header.isPadded && header.length <= 256)
        if mayBeEmpty, !header.endsStream {
            let verdict = Self.spend(&emptyData, now, .emptyData, "too_much_empty_data")
            if verdict != .goOn { return verdict }
        }
        // The library ends what belongs to no stream, or to one that is not open yet.
        if header.stream == 0 || header.stream > highest { return ignoredIfRefused(header, now) }
        return late(header, now)
    }

    private mutating func headers(_ header: FrameHeader, _ now: Int64) -> FrameVerdict {
        let stream = header.stream
        // The library ends those that no client may use.
        if stream == 0 || stream & 1 == 0 { return .goOn }
        if stream <= highest { return late(header, now) }
        skipped.note(after: highest, before: stream)
        highest = stream
        if stream > lastAccepted { return ignoredIfRefused(header, now) }
        streams[stream] = header.endsStream ? .peerEnded : .open
        return .goOn
    }

    /// DATA or HEADERS on a stream that is not new.
    private mutating func late(_ header: FrameHeader, _ now: Int64) -> FrameVerdict {
        let stream = header.stream
        switch streams[stream] {
        case .open:
            if header.endsStream { streams[stream] = .peerEnded }
            return .goOn
        case .weEnded:
            if header.endsStream { streams[stream] = nil }
            return .goOn
        case .peerEnded: return .end(Self.streamClosed)
        case .resetByUs:
            // Nothing can be on its way behind the end.
            if header.endsStream { streams[stream] = nil }
            return ignored(header, now)
        case nil:
            if skipped.contains(stream) {
                return .end(
                    ConnectionEnd(code: .protocolError, debug: "stream number went back")
                )
            }
            if stream > lastAccepted { return ignored(header, now) }
            return resetStreams.mayHaveForgotten(stream)
                ? ignored(header, now) : .end(Self.streamClosed)
        }
    }

    private static let streamClosed = ConnectionEnd(code: .streamClosed, debug: "stream is closed")

    private mutating func ignoredIfRefused(
        _ header: FrameHeader,
        _ now: Int64,
    ) -> FrameVerdict {
        header.stream > lastAccepted ? ignored(header, now) : .goOn
    }

    /// A frame without effect; a header block has to be decoded all the same, which costs most.
    private mutating func ignored(_ header: FrameHeader, _ now: Int64) -> FrameVerdict {
        let verdict =
            header.type == FrameType.headers
            ? Self.spend(&provokedResets, now, .provokedResets, "too_many_late_headers")
            : needless(now)
        return verdict == .goOn ? .ignore : verdict
    }

    private mutating func reset(
        _ header: FrameHeader,
        _ now: Int64,
        givenUp: () -> GivenUp,
    ) -> FrameVerdict {
        switch streams[header.stream] {
        case .open, .peerEnded:
            streams[header.stream] = nil
            return judged(givenUp(), now: now)
        case .weEnded, .resetByUs:
            // A client that has its answer may well take back the rest of its request.
            streams[header.stream] = nil
            return needless(now)
        case nil: return needless(now)
        }
    }

    /// Judges a reset of an open call, now that something is known of it.
    mutating func judged(_ givenUp: GivenUp, now: Int64) -> FrameVerdict {
        switch givenUp {
        // Who gives a call up whose time is over does what it should, also by the thousand.
        case .overdue: needless(now)
        case .early: Self.spend(&resets, now, .resets, "too_many_resets")
        case .unseen: .goOn
        }
    }

    private mutating func settings(_ header: FrameHeader, _ now: Int64) -> FrameVerdict {
        if header.isAcknowledgement { return needless(now) }
        let entryBytes = 6
        if header.length > limits.settingsEntriesMax * entryBytes {
            return Self.tooMuch(.settings, "too_many_settings")
        }
        return Self.spend(&settings, now, .settings, "too_many_settings")
    }

    private mutating func ping(_ header: FrameHeader, _ now: Int64) -> FrameVerdict {
        if header.isAcknowledgement { return needless(now) }
        defer {
            hasSentSincePing = false
            nextPingAt = now + pingInterval
        }
        if hasSentSincePing {
            // Clients measure the path with PING while data flows.
            pingStrikes = 0
            return .goOn
        }
        if now >= nextPingAt { return .goOn }
        pingStrikes += 1
        // The words that clients of gRPC look for, to ping less often.
        return pingStrikes > limits.pingStrikesMax
            ? Self.tooMuch(.pings, "too_many_pings") : .goOn
    }

    private mutating func needless(_ now: Int64) -> FrameVerdict {
        Self.spend(&unknownFrames, now, .unknownFrames, "too_many_useless_frames")
    }

    // MARK: Sent

    /// Notes a frame that is on its way to the peer, GOAWAY and RST_STREAM aside.
    mutating func sent(_ header: FrameHeader) {
        switch header.type {
        case FrameType.data:
            hasSentSincePing = true
            windowUpdates.earn(limits.windowUpdatesPerDataSent)
        case FrameType.headers: hasSentSincePing = true
        default: return
        }
        guard header.endsStream else { return }
        switch streams[header.stream] {
        case .open: streams[header.stream] = .weEnded
        case .peerEnded: streams[header.stream] = nil
        case .weEnded, .resetByUs, nil: break
        }
    }

    /// Notes a RST_STREAM of ours; the peer may have provoked it.
    mutating func sentReset(stream: Int32, code: UInt32, now: Int64) -> FrameVerdict {
        switch streams[stream] {
        case .open, .weEnded:
            streams[stream] = .resetByUs
            if let forgotten = resetStreams.append(stream), streams[forgotten] == .resetByUs {
                streams[forgotten] = nil
            }
        case .peerEnded: streams[stream] = nil
        case .resetByUs, nil: break
        }
        switch HTTP2Code(rawValue: code) {
        // Ours alone: an answer before the end of the request, a call cut short, a fault.
        case .noError, .cancel, .internalError: return .goOn
        case .refusedStream:
            return Self.spend(&refusedStreams, now, .streams, "too_many_refused_streams")
        default:
            return Self.spend(&provokedResets, now, .provokedResets, "too_many_provoked_resets")
        }
    }

    /// Notes a GOAWAY of ours.
    mutating func sentGoAway(lastStream: Int32) {
        lastAccepted = min(lastAccepted, lastStream)
    }

    /// Notes that the library has let go of a stream.
    mutating func closed(stream: Int32) {
        if let state = streams[stream], state != .resetByUs { streams[stream] = nil }
    }

    /// Streams that are not over; for tests of what is kept.
    var streamsKept: Int { streams.count }

    // MARK: Limits

    private static func spend(
        _ allowance: inout Allowance,
        _ now: Int64,
        _ limit: RPCLimit,
        _ debug: StaticString,
    ) -> FrameVerdict {
        allowance.take(now: now) ? .goOn : tooMuch(limit, debug)
    }

    private static func tooMuch(_ limit: RPCLimit, _ debug: StaticString) -> FrameVerdict {
        .end(ConnectionEnd(code: .enhanceYourCalm, limit: limit, debug: debug))
    }
}

/// Numbers below the highest that a client left out: the latest ranges of them.
///
/// Those forgotten count as streams that are over, which ends the connection as well.
private struct SkippedStreams {
    private static let rangesMax = 16

    private var ranges: [ClosedRange<Int32>] = []

    mutating func note(after highest: Int32, before stream: Int32) {
        let first = highest + 2
        if first >= stream { return }
        if ranges.count == Self.rangesMax { ranges.removeFirst() }
        ranges.append(first...(stream - 2))
    }

    func contains(_ stream: Int32) -> Bool {
        ranges.contains { $0.contains(stream) }
    }
}

/// The latest streams that we have reset, in the order of the resets.
private struct ResetStreams {
    private let countMax: Int
    private var ring: [Int32] = []
    private var next = 0
    /// No stream above this has been forgotten.
    private var highestForgotten: Int32 = 0

    init(countMax: Int) {
        self.countMax = max(1, countMax)
    }

    /// Takes one in; returns the one that had to go for it.
    mutating func append(_ stream: Int32) -> Int32? {
        if ring.count < countMax {
            ring.append(stream)
            return nil
        }
        let forgotten = ring[next]
        ring[next] = stream
        next = (next + 1) % countMax
        highestForgotten = max(highestForgotten, forgotten)
        return forgotten
    }

    func mayHaveForgotten(_ stream: Int32) -> Bool { stream <= highestForgotten }
}
