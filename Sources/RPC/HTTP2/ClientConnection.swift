// One connection of a client: opens streams for calls as the peer lets it, and gives each its answer.
//
// A call that was never seen by the peer (it waited, or the peer refused its stream) goes back to
// the client, which tries it on another connection. Any other call ends with its connection.

internal import CNghttp2
internal import DequeModule
internal import Loop
internal import NIOCore

/// The client's side of one connection; confined to the client's loop.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private unowned let core: ClientCore
    private let wire: Wire
    private let authority: String
    private var open: [Int32: ClientCall] = [:]
    private var waiting = Deque<ClientCall>()
    /// Whether the peer has said that it takes no new stream.
    private var isLeaving = false
    private var lostBecause = "closed by the peer"

    init(core: ClientCore, authority: String) {
        self.core = core
        self.authority = authority
        wire = Wire(loop: core.loop)
    }

    var waitingCount: Int { waiting.count }

    // MARK: Channel

    func channelActive(context: ChannelHandlerContext) {
        let limits = core.configuration.session
        wire.open(context, Session(role: .client, limits: limits, events: self))
        core.connected(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        wire.receive(unwrapInboundIn(data))
        if let error = wire.brokenBy { lostBecause = "\(error)" }
        startWaiting()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { wire.scheduleFlush() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lostBecause = TLSFailure.text(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        wire.release()
        leave()
        let lost = open.values
        open = [:]
        for call in lost { end(call, .connectionLost(lostBecause)) }
        context.fireChannelInactive()
    }

    // MARK: Calls

    /// Sends a call now, or as soon as the peer takes one more stream.
    func start(_ call: ClientCall) {
        waiting.append(call)
        startWaiting()
    }

    /// Gives a call up: resets its stream, or forgets that it waits.
    func cancel(_ call: ClientCall) {
        if let stream = call.stream {
            open[stream] = nil
            wire.session?.reset(stream: stream, code: NGHTTP2_CANCEL)
            wire.scheduleFlush()
            startWaiting()
            closeIfDone()
        } else {
            waiting.removeAll { $0 === call }
        }
    }

    /// Ends all calls and the connection.
    func close(_ status: Status) {
        let calls = Array(open.values) + Array(waiting)
        open = [:]
        waiting = []
        isLeaving = true
        for call in calls { end(call, status) }
        wire.session?.terminate(code: NGHTTP2_NO_ERROR)
        wire.scheduleFlush()
        core.loop.atTurnEnd(.flush) { self.wire.close() }
    }

    private func startWaiting() {
        guard let session = wire.session, !isLeaving else { return }
        while !waiting.isEmpty, open.count < session.peerStreamsMax {
            let call = waiting.removeFirst()
            send(call, session)
        }
    }

    private func send(_ call: ClientCall, _ session: Session) {
        call.rewind()
        call.isDeferred = false
        guard let stream = session.submitRequest(head(of: call)) else {
            // Every identifier of this connection is used up.
            waiting.prepend(call)
            leave()
            closeIfDone()
            return
        }
        call.stream = stream
        call.connection = self
        call.phase = .open
        open[stream] = call
        wire.scheduleFlush()
    }

    private func head(of call: ClientCall) -> HeaderBlock {
        var block = HeaderBlock()
        block.add(":method", "POST")
        block.add(":scheme", core.configuration.tls == nil ? "http" : "https")
        block.add(":path", call.path)
        block.add(":authority", authority)
        block.add("te", "trailers")
        block.add("content-type", "application/grpc")
        block.add("user-agent", core.configuration.userAgent)
        if call.compresses { block.add("grpc-encoding", "gzip") }
        block.add("grpc-accept-encoding", MessageEncoding.accepted)
        if let deadline = call.deadline {
            let left = max(0, (deadline - .now()).nanoseconds)
            block.add("grpc-timeout", Timeout.encode(nanoseconds: left))
        }
        block.add(call.requestMetadata)
        return block
    }

    /// Says that a call has more to send.
    func resume(_ call: ClientCall) {
        guard let stream = call.stream, call.isDeferred else { return }
        call.isDeferred = false
        wire.session?.resume(stream: stream)
        wire.scheduleFlush()
    }

    /// Gives the peer room again after replies were taken.
    func taken(_ call: ClientCall) {
        let count = call.answers.released()
        guard count > 0, let stream = call.stream else { return }
        wire.session?.consume(stream: stream, count: count)
        wire.scheduleFlush()
    }

    private func end(_ call: ClientCall, _ failure: Status?) {
        if let stream = call.stream { open[stream] = nil }
        core.ended(call, failure)
        closeIfDone()
    }

    /// A connection that takes no calls ends with the last one that it has.
    private func closeIfDone() {
        guard isLeaving, open.isEmpty, let session = wire.session else { return }
        session.terminate(code: NGHTTP2_NO_ERROR)
        wire.scheduleFlush()
    }

    /// Takes no new call, and hands back those that never left.
    private func leave() {
        if !isLeaving {
            isLeaving = true
            core.lost(self)
        }
        let unsent = waiting
        waiting = []
        for call in unsent { core.start(call) }
    }
}

// MARK: Events of the session

extension ClientConnection: SessionEvents {
    func headersBegan(stream: Int32) {}

    func headerReceived(stream: Int32, name: LentBytes, value: LentBytes) -> Bool {
        guard let call = open[stream] else { return true }
        let limits = core.configuration.session
        if unsafe call.response.receive(name: name, value: value, limits: limits) { return true }
        wire.session?.reset(stream: stream, code: NGHTTP2_ENHANCE_YOUR_CALM)
        end(call, Status(.resourceExhausted, "the reply's headers are too large"))
        return false
    }

    func headersReceived(stream: Int32, endsStream: Bool) {
        guard let call = open[stream] else { return }
        call.response.blockEnded()
        call.deframer.encoding = call.response.encoding
        if endsStream {
            finish(call)
        } else {
            call.onChange?()
        }
    }

    func dataReceived(stream: Int32, _ bytes: LentBytes) {
        guard let session = wire.session else { return }
        session.consumeConnection(count: bytes.count)
        guard let call = open[stream], !call.response.isHopeless else {
            session.consume(stream: stream, count: bytes.count)
            return
        }
        do throws(MessageDeframer.Violation) {
            try unsafe call.deframer.feed(bytes) { call.answers.append($0) }
        } catch {
            session.reset(stream: stream, code: NGHTTP2_CANCEL)
            end(call, .framing(error))
            return
        }
        call.onChange?()
        let count = call.answers.received(bytes.count)
        if count > 0 { session.consume(stream: stream, count: count) }
    }

    func dataEnded(stream: Int32) {
        guard let call = open[stream] else { return }
        finish(call)
    }

    func bodyWanted(
        stream: Int32,
        into buffer: UnsafeMutableBufferPointer<UInt8>,
    ) -> BodyPart {
        guard let call = open[stream] else { return .gone }
        let count = unsafe call.requests.fill(buffer)
        if count > 0 { call.onChange?() }
        if call.requests.isEmpty, call.requests.isComplete {
            return .bytes(count, isLast: true)
        }
        if count > 0 { return .bytes(count, isLast: false) }
        call.isDeferred = true
        return .later
    }

    func headersSentLast(stream: Int32) {}

    func streamClosed(stream: Int32, errorCode: UInt32) {
        guard let call = open[stream] else { return }
        open[stream] = nil
        if errorCode == NGHTTP2_REFUSED_STREAM.rawValue, call.canStartOver {
            call.stream = nil
            call.connection = nil
            core.start(call)
        } else {
            end(call, .reset(byPeer: errorCode))
        }
    }

    func settingsReceived() {
        startWaiting()
    }

    func pingAcknowledged() {}

    func goAwayReceived(lastStream: Int32, errorCode: UInt32) {
        if errorCode != NGHTTP2_NO_ERROR.rawValue {
            lostBecause = "the peer went away with HTTP/2 error \(errorCode)"
        }
        leave()
    }

    /// The peer's side has ended: the call has its outcome.
    private func finish(_ call: ClientCall) {
        if !(call.requests.isComplete && call.requests.isEmpty), let stream = call.stream {
            wire.session?.reset(stream: stream, code: NGHTTP2_NO_ERROR)
        }
        end(call, call.failure())
    }
}
