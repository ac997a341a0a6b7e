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
        for call in lost { end(call, .failure(.connectionLost(lostBecause))) }
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
        for call in calls { end(call, .failure(status)) }
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
        call.request = ReplyBody(call.message)
        call.isRequestSent = false
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
        if let deadline = call.deadline {
            let left = max(0, (deadline - .now()).nanoseconds)
            block.add("grpc-timeout", Timeout.encode(nanoseconds: left))
        }
        block.add(call.requestMetadata)
        return block
    }

    private func end(_ call: ClientCall, _ outcome: Result<UnaryAnswer, Status>) {
        if let stream = call.stream { open[stream] = nil }
        core.ended(call, outcome)
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
        end(call, .failure(Status(.resourceExhausted, "the reply's headers are too large")))
        return false
    }

    func headersReceived(stream: Int32, endsStream: Bool) {
        guard let call = open[stream] else { return }
        call.response.blockEnded()
        if endsStream { finish(call) }
    }

    func dataReceived(stream: Int32, _ bytes: LentBytes) {
        wire.session?.consume(stream: stream, count: bytes.count)
        guard let call = open[stream], !call.response.isHopeless else { return }
        do throws(MessageDeframer.Violation) {
            try unsafe call.deframer.feed(bytes) { call.answers.append($0) }
        } catch {
            wire.session?.reset(stream: stream, code: NGHTTP2_CANCEL)
            end(call, .failure(.framing(error)))
        }
    }

    func dataEnded(stream: Int32) {
        guard let call = open[stream] else { return }
        finish(call)
    }

    func bodyWanted(
        stream: Int32,
        into buffer: UnsafeMutableBufferPointer<UInt8>,
    ) -> (count: Int, isLast: Bool)? {
        guard let call = open[stream] else { return nil }
        let (count, isLast) = unsafe call.request.fill(buffer)
        call.isRequestSent = isLast
        return (count, isLast)
    }

    func headersSentLast(stream: Int32) {}

    func streamClosed(stream: Int32, errorCode: UInt32) {
        guard let call = open[stream] else { return }
        open[stream] = nil
        if errorCode == NGHTTP2_REFUSED_STREAM.rawValue {
            call.stream = nil
            call.connection = nil
            core.start(call)
        } else {
            end(call, .failure(.reset(byPeer: errorCode)))
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
        if !call.isRequestSent, let stream = call.stream {
            wire.session?.reset(stream: stream, code: NGHTTP2_NO_ERROR)
        }
        end(call, call.outcome())
    }
}
