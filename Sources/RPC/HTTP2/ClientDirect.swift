// A client for programs that make very many calls, such as a load generator: unary calls with a
// callback instead of a task, on the client's own loop.
//
// What a call needs lies in a slot that is used again: a heads block that was put together once, the
// request as the caller has framed it, and of the answer only what tells outcomes apart. Nothing is
// decoded, retried or timed here; a call whose connection is lost ends with UNAVAILABLE.
//
// `@unchecked Sendable` because a client is made by any task and belongs to its loop from then on.

internal import Base
internal import CNghttp2
internal import DequeModule
package import Loop
internal import NIOCore
internal import NIOPosix

/// The head of a kind of call, put together once.
package struct DirectHead: Sendable {
    let path: String
    /// What `grpc-timeout` says; nil leaves it to the server.
    let timeoutMilliseconds: Int64?

    package init(path: String, timeoutMilliseconds: Int64?) {
        self.path = path
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    func block(authority: String, userAgent: String) -> HeaderBlock {
        var block = HeaderBlock()
        block.add(":method", "POST")
        block.add(":scheme", "http")
        block.add(":path", path)
        block.add(":authority", authority)
        block.add("te", "trailers")
        block.add("content-type", "application/grpc")
        block.add("user-agent", userAgent)
        if let timeoutMilliseconds {
            block.add("grpc-timeout", Timeout.encode(nanoseconds: timeoutMilliseconds * 1_000_000))
        }
        return block
    }
}

/// What came back, as it came.
package struct DirectAnswer: Sendable {
    /// The code of gRPC.
    package var status = StatusCode.unknown.rawValue
    /// The reply with its five bytes of framing; empty without one.
    package var framed: [UInt8] = []
    /// `grpc-status-details-bin` as it travels; empty without.
    package var details: [UInt8] = []
    /// What went wrong when the server has given no status.
    package var transportFailure: String?

    package init() {}

    /// The details of the status, and its code; for those that are worth the work.
    package var decodedDetails: [StatusDetail] {
        let bytes = unsafe details.withUnsafeBufferPointer { unsafe Base64.decode($0) }
        return bytes.flatMap(Status.decodeDetails) ?? []
    }
}

/// One connection that calls are made on; confined to its loop.
package final class ClientDirect: @unchecked Sendable {
    private let connection: DirectConnection
    private let channel: any Channel

    private init(connection: DirectConnection, channel: any Channel) {
        self.connection = connection
        self.channel = channel
    }

    /// Connects to a server.
    ///
    /// - Parameter answered: hears the outcome of each call, once, on the loop, with the call's tag.
    /// - Throws: UNAVAILABLE when nobody answers there.
    package static func connect(
        host: String,
        port: Int,
        loop: Loop,
        heads: [DirectHead],
        answered: @escaping @Sendable (_ tag: Int, _ answer: borrowing DirectAnswer) -> Void,
    ) async throws(Status) -> ClientDirect {
        let configuration = RPCClientConfiguration()
        let blocks = heads.map {
            $0.block(authority: "\(host):\(port)", userAgent: configuration.userAgent)
        }
        let result: Result<ClientDirect, any Error>
        do {
            let connected = ClientBootstrap(group: loop.eventLoop)
                .connectTimeout(.milliseconds(configuration.connectMillisecondsMax))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.maxMessagesPerRead, value: 4)
                .channelInitializer { channel in
                    // Before the channel is active: what the server says first must not be missed.
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            DirectConnection(
                                loop: loop,
                                limits: configuration.session,
                                heads: blocks,
                                answered: answered,
                            )
                        )
                    }
                }
                .connect(host: host, port: port)
                .flatMapThrowing { channel in
                    ClientDirect(
                        connection: try channel.pipeline.syncOperations.handler(
                            type: DirectConnection.self
                        ),
                        channel: channel,
                    )
                }
            result = .success(try await connected.get())
        } catch {
            result = .failure(error)
        }
        switch result {
        case .success(let client): return client
        case .failure(let error):
            throw Status(.unavailable, "cannot connect to \(host):\(port): \(error)")
        }
    }

    /// Makes a call; only from the loop's own thread.
    ///
    /// - Parameters:
    ///   - head: which of the heads that the client was made with.
    ///   - framed: the request behind its five bytes of framing.
    package func call(head: Int, _ framed: [UInt8], tag: Int) {
        connection.start(DirectCall(head: head, request: framed, tag: tag))
    }

    /// Whether calls may still be made; only from the loop's own thread.
    package var isOpen: Bool { connection.isOpen }

    /// Whether a call would be sent at once instead of waiting for a stream; only from the loop's own
    /// thread.
    package var hasRoom: Bool { connection.hasRoom }

    /// Closes the connection; calls that are open end with UNAVAILABLE.
    package func close() async {
        // Fails only when it is closed already.
        _ = try? await channel.close().get()
    }
}

/// A call that is to be sent.
private struct DirectCall {
    var head: Int
    var request: [UInt8]
    var tag: Int
}

/// A call that has a stream.
private struct DirectSlot {
    /// 0 marks a free slot.
    var stream: Int32 = 0
    var tag = 0
    var request: [UInt8] = []
    /// Bytes of the request that were taken.
    var sent = 0
    var hasStatus = false
    var answer = DirectAnswer()
}

/// The session of one connection and the calls on it.
final class DirectConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A reply that is longer than this gives its stream room while it comes.
    private static let roomBytes = 16_384

    private let wire: Wire
    private let limits: SessionLimits
    private let heads: [HeaderBlock]
    private let answered: @Sendable (Int, borrowing DirectAnswer) -> Void
    /// Stream numbers are odd and go up, so half of the number finds the slot; a stream that outlives
    /// so many others that its slot is wanted again makes the table grow.
    private var slots = [DirectSlot](repeating: DirectSlot(), count: 1_024)
    private var openCount = 0
    private var waiting = Deque<DirectCall>()
    private var endedBy: String?
    /// Buffers that the last answer has left behind.
    private var spare = DirectAnswer()

    init(
        loop: Loop,
        limits: SessionLimits,
        heads: [HeaderBlock],
        answered: @escaping @Sendable (Int, borrowing DirectAnswer) -> Void,
    ) {
        wire = Wire(loop: loop)
        self.limits = limits
        self.heads = heads
        self.answered = answered
    }

    var isOpen: Bool { endedBy == nil }

    func channelActive(context: ChannelHandlerContext) {
        wire.open(context, Session(role: .client, limits: limits, events: self))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        wire.receive(unwrapInboundIn(data))
        if let error = wire.brokenBy { leave("\(error)") }
        startWaiting()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { wire.scheduleFlush() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        leave("\(error)")
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave("the connection was closed")
        wire.release()
        for index in slots.indices where slots[index].stream != 0 {
            end(index, failure: endedBy)
        }
        context.fireChannelInactive()
    }

    // MARK: Calls

    fileprivate var hasRoom: Bool {
        guard let session = wire.session, endedBy == nil else { return false }
        return waiting.isEmpty && openCount < session.peerStreamsMax
    }

    fileprivate func start(_ call: DirectCall) {
        guard let session = wire.session, endedBy == nil else {
            refuse(call)
            return
        }
        if !waiting.isEmpty || openCount >= session.peerStreamsMax {
            waiting.append(call)
        } else {
            send(call, session)
        }
    }

    private func startWaiting() {
        guard !waiting.isEmpty, let session = wire.session else { return }
        while openCount < session.peerStreamsMax, let call = waiting.popFirst() {
            send(call, session)
        }
    }

    private func send(_ call: DirectCall, _ session: Session) {
        guard let stream = session.submitRequest(heads[call.head]) else {
            refuse(call)
            return
        }
        var index = home(of: stream)
        while slots[index].stream != 0 {
            grow()
            index = home(of: stream)
        }
        slots[index].stream = stream
        slots[index].tag = call.tag
        slots[index].request = call.request
        slots[index].sent = 0
        openCount += 1
        wire.scheduleFlush()
    }

    /// Takes no new calls, and ends those that were not sent.
    private func leave(_ reason: String) {
        if endedBy == nil { endedBy = reason }
        while let call = waiting.popFirst() { refuse(call) }
    }

    private func refuse(_ call: DirectCall) {
        var answer = DirectAnswer()
        answer.status = StatusCode.unavailable.rawValue
        answer.transportFailure = endedBy ?? "no stream is left"
        answered(call.tag, answer)
    }

    private func home(of stream: Int32) -> Int { Int(stream >> 1) & (slots.count - 1) }

    /// The slot of a stream; nil when it is over.
    private func slot(of stream: Int32) -> Int? {
        let index = home(of: stream)
        return slots[index].stream == stream ? index : nil
    }

    private func grow() {
        let open = slots.filter { $0.stream != 0 }
        var count = slots.count
        repeat {
            count *= 2
            slots = [DirectSlot](repeating: DirectSlot(), count: count)
            for slot in open { slots[home(of: slot.stream)] = slot }
        } while slots.count(where: { $0.stream != 0 }) < open.count
    }

    /// Frees the slot of a call and tells its outcome.
    private func end(_ index: Int, failure: String?) {
        var answer = spare
        spare = DirectAnswer()
        swap(&answer, &slots[index].answer)
        if let failure {
            answer.status = StatusCode.unavailable.rawValue
            answer.transportFailure = failure
        } else if !slots[index].hasStatus {
            answer.transportFailure = "the reply ended without a status"
        }
        let tag = slots[index].tag
        slots[index].stream = 0
        slots[index].request = []
        slots[index].hasStatus = false
        openCount -= 1
        // The next call may be made in here, so the slot is no longer ours.
        answered(tag, answer)
        answer.framed.removeAll(keepingCapacity: true)
        answer.details.removeAll(keepingCapacity: true)
        answer.status = StatusCode.unknown.rawValue
        answer.transportFailure = nil
        spare = answer
    }
}

// MARK: Events of the session

extension DirectConnection: SessionEvents {
    func headersBegan(stream: Int32) {}

    func headerReceived(stream: Int32, name: LentBytes, value: LentBytes) -> Bool {
        switch name.count {
        case 11 where unsafe equals(name, "grpc-status"):
            guard let index = slot(of: stream) else { return true }
            var code = 0
            for index in 0..<min(value.count, 3) {
                code = unsafe 10 * code + Int(value[index] & 0x0f)
            }
            slots[index].answer.status = code
            slots[index].hasStatus = true
        case 23 where unsafe equals(name, "grpc-status-details-bin"):
            guard let index = slot(of: stream) else { return true }
            unsafe slots[index].answer.details.append(contentsOf: value)
        default:
            break
        }
        return true
    }

    func headersReceived(stream: Int32, endsStream: Bool) {
        if endsStream, let index = slot(of: stream) { end(index, failure: nil) }
    }

    func dataReceived(stream: Int32, _ bytes: LentBytes) {
        guard let session = wire.session else { return }
        session.consumeConnection(count: bytes.count)
        guard let index = slot(of: stream) else { return }
        unsafe slots[index].answer.framed.append(contentsOf: bytes)
        if slots[index].answer.framed.count > Self.roomBytes {
            session.consume(stream: stream, count: bytes.count)
        }
    }

    func dataEnded(stream: Int32) {
        if let index = slot(of: stream) { end(index, failure: nil) }
    }

    func bodyWanted(
        stream: Int32,
        into buffer: UnsafeMutableBufferPointer<UInt8>,
    ) -> BodyPart {
        guard let index = slot(of: stream) else { return .gone }
        let sent = slots[index].sent
        let count = unsafe slots[index].request
            .withUnsafeBufferPointer { request in
                let share = min(request.count - sent, buffer.count)
                _ = unsafe buffer.update(
                    fromContentsOf: LentBytes(rebasing: request[sent..<(sent + share)])
                )
                return share
            }
        slots[index].sent += count
        return .bytes(count, isLast: slots[index].sent == slots[index].request.count)
    }

    func headersSentLast(stream: Int32) {}

    func streamClosed(stream: Int32, errorCode: UInt32) {
        guard let index = slot(of: stream) else { return }
        end(index, failure: "\(Status.reset(byPeer: errorCode))")
    }

    func settingsReceived() {
        startWaiting()
    }

    func pingAcknowledged() {}

    func goAwayReceived(lastStream: Int32, errorCode: UInt32) {
        leave("the server went away with HTTP/2 error \(errorCode)")
    }
}
