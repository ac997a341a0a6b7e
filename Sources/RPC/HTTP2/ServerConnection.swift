// One connection of a server: from events of HTTP/2 to calls of handlers, and back.
//
// Three kinds of wrong meet here. What cannot happen stops the process. A peer that breaks the rules
// of a call gets a status, one that breaks those of HTTP/2 loses stream or connection. What is
// legitimately late (a reply after the deadline, DATA after the answer) is dropped in silence.
//
// `@unchecked Sendable` because handlers come back to it; they run on its own loop.

internal import Base
internal import CNghttp2
internal import Logging
internal import Loop
internal import NIOCore

/// The server's side of one connection; confined to its loop.
final class ServerConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Whether the connection takes new streams.
    private enum Drain {
        case open
        /// The peer was told to go; streams that it has sent by now still count.
        case announced
        /// Streams that are not running are refused.
        case refusing
    }

    /// How long the peer may take to answer the PING that follows the announcement.
    private static let drainPingMillisecondsMax: Int64 = 1_000

    let owner: ServerLoop
    let wire: Wire
    private(set) var streams: [Int32: ServerStream] = [:]
    /// The stream that was looked up last: most lookups of a turn are for the same one.
    private var latest: ServerStream?
    private(set) var peer = "unknown"
    /// What the peer's certificate says; set once the handshake is over.
    var identity: PeerIdentity?
    /// The time of the last read, look or answer: one question to the clock serves all that it
    /// brings.
    var now = NIODeadline.now()
    var frames: FrameGuard
    var scanner = FrameScanner()
    /// Streams that were begun and reset within the read that is being taken.
    var unseenResets: Set<Int32> = []
    /// Bytes of messages that were received and not taken, over all streams.
    var unreadCount = 0
    /// Bytes of replies that the session has not taken yet, over all streams.
    var unsentCount = 0
    /// What time has to do with this connection.
    var watch = ConnectionWatch()
    private var drainState = Drain.open
    private var drainTimer: TimerToken?
    private var headerOverruns = 0
    /// Streams that the peer was told it may have.
    var streamsAllowed: Int

    init(owner: ServerLoop) {
        self.owner = owner
        frames = FrameGuard(owner.configuration.session)
        streamsAllowed = owner.configuration.session.streamsMax
        wire = Wire(loop: owner.loop)
    }

    var session: Session? { wire.session }
    var timers: Timers { owner.loop.timers }

    // MARK: Channel

    func channelActive(context: ChannelHandlerContext) {
        open(context)
        context.fireChannelActive()
    }

    private func open(_ context: ChannelHandlerContext) {
        peer = context.remoteAddress.map(Self.describe) ?? "unknown"
        now = .now()
        watch.opened(at: now, owner.configuration)
        let limits = owner.configuration.session
        wire.open(context, Session(role: .server, limits: limits, events: self))
        if drainState != .open { announceShutdown() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        now = .now()
        watch.read(at: now)
        receive(unwrapInboundIn(data))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        watch.writabilityChanged(isWritable, at: .now())
        // Who does not read what we say need not be listened to.
        let channel = context.channel
        channel.setOption(.autoRead, value: isWritable)
            .whenFailure { _ in channel.close(promise: nil) }
        if isWritable { wire.scheduleFlush() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        now = .now()
        if let end = wire.brokenBy { report(end) }
        if let drainTimer { timers.cancel(drainTimer) }
        drainTimer = nil
        for stream in streams.values { abandon(stream) }
        streams = [:]
        latest = nil
        wire.release()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        owner.logger.debug("connection failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: Ending

    /// Tells the peer to go: it may finish what runs, but start nothing new.
    func drain() {
        guard drainState == .open else { return }
        drainState = .announced
        announceShutdown()
    }

    /// Answers every call that still runs with UNAVAILABLE and ends the connection.
    func cutOff(_ reason: String) {
        guard let session else {
            wire.close()
            return
        }
        for stream in Array(streams.values) where stream.phase != .answered {
            breakOff(stream, Status(.unavailable, reason))
        }
        wire.scheduleFlush()
        // A session that is being terminated sends nothing but GOAWAY, so the answers go first.
        owner.loop.atTurnEnd(.flush) {
            session.terminate(code: NGHTTP2_NO_ERROR)
            self.wire.scheduleFlush()
            self.owner.loop.atTurnEnd(.flush) { self.wire.close() }
        }
    }

    private func announceShutdown() {
        guard let session else { return }
        session.announceShutdown()
        session.ping()
        let deadline = NIODeadline.now() + .milliseconds(Self.drainPingMillisecondsMax)
        drainTimer = timers.schedule(at: deadline) {
            self.drainTimer = nil
            self.refuseNewStreams()
        }
        wire.scheduleFlush()
    }

    private func refuseNewStreams() {
        guard drainState == .announced, let session else { return }
        drainState = .refusing
        // From here the session closes itself with its last stream.
        session.refuseNewStreams()
        wire.scheduleFlush()
    }

    private static func describe(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "\(address)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

// MARK: Events of the session

extension ServerConnection: SessionEvents {
    private func find(_ id: Int32) -> ServerStream? {
        if let latest, latest.id == id { return latest }
        latest = streams[id]
        return latest
    }

    func headersBegan(stream id: Int32) {
        if find(id) != nil { return }
        let stream = ServerStream(id: id, startedAt: now)
        streams[id] = stream
        latest = stream
        watch.called(at: now)
    }

    func headerReceived(stream id: Int32, name: LentBytes, value: LentBytes) -> Bool {
        guard let stream = find(id) else { return false }
        let limits = owner.configuration.session
        if unsafe stream.head.receive(name: name, value: value, limits: limits) { return true }
        headerOverruns += 1
        owner.events.limitHit?(.headerList)
        if headerOverruns > limits.headerOverrunsMax {
            session?.terminate(code: NGHTTP2_ENHANCE_YOUR_CALM)
        } else {
            session?.reset(stream: id, code: NGHTTP2_ENHANCE_YOUR_CALM)
        }
        return false
    }

    func headersReceived(stream id: Int32, endsStream: Bool) {
        guard let stream = find(id) else { return }
        // What comes after the frame that ended the connection, in the same read, begins nothing.
        if stream.phase == .head, wire.brokenBy == nil { begin(stream) }
        if endsStream { end(stream) }
    }

    func dataReceived(stream id: Int32, _ bytes: LentBytes) {
        guard let session else { return }
        session.consumeConnection(count: bytes.count)
        guard let stream = find(id), stream.takesData else {
            receivedLate(stream: id, count: bytes.count)
            return
        }
        unsafe take(bytes, stream)
        let count = stream.inbox.received(bytes.count)
        if count > 0 { session.consume(stream: id, count: count) }
    }

    func dataEnded(stream id: Int32) {
        guard let stream = find(id) else { return }
        end(stream)
    }

    func bodyWanted(
        stream id: Int32,
        into buffer: UnsafeMutableBufferPointer<UInt8>,
    ) -> BodyPart {
        guard let stream = find(id), let session else { return .gone }
        return unsafe fill(buffer, from: stream, session)
    }

    func headersSentLast(stream id: Int32) {
        guard let stream = find(id), !stream.hasEnded else { return }
        if stream.isForeign {
            awaitEnd(stream)
        } else {
            // The rest of the call is of no use, and some clients wait until they are told so.
            stopListening(id)
        }
    }

    func streamClosed(stream id: Int32, errorCode: UInt32) {
        frames.closed(stream: id)
        guard let stream = find(id) else { return }
        streams[id] = nil
        latest = nil
        if let timer = stream.lateTimer { timers.cancel(timer) }
        if !unseenResets.isEmpty { judgeReset(unseen: stream) }
        abandon(stream)
        watch.called(at: now)
    }

    func settingsReceived() {
        watch.isSettled = true
    }

    func pingAcknowledged() {
        refuseNewStreams()
    }

    func goAwayReceived(lastStream: Int32, errorCode: UInt32) {}

    func invalidFrameReceived(_ header: FrameHeader, _ error: SessionError) {
        countRefusal(header, error)
    }

    func frameSent(_ header: FrameHeader) { frames.sent(header) }

    func resetSent(stream: Int32, errorCode: UInt32) { judgeReset(stream, errorCode) }

    func goAwaySent(lastStream: Int32) { frames.sentGoAway(lastStream: lastStream) }
}
