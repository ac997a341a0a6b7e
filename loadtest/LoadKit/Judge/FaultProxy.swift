// A wire between a server and one of its stores that can be made bad: it delays, breaks off in the
// middle of a message, or swallows what passes. Bytes that it passes on are never changed or reordered.

internal import NIOCore
internal import NIOPosix

/// A unix socket that leads to another one.
final class FaultProxy: Sendable {
    /// What the wire does to bytes.
    enum Trouble: Sendable {
        case none
        /// What is asked, and what is answered, arrives so many milliseconds later.
        case late(requestsMs: Int64, repliesMs: Int64)
        /// Some reads pass only in part, and the connection breaks off.
        case cuts(seed: UInt64)
        /// They vanish; the connections that lost some break off when the trouble ends.
        case silence(repliesOnly: Bool)
        /// What is asked passes, and the connection breaks off instead of the first answer to it. Made
        /// for Postgres: the messages that open a connection begin with a zero, and are answered.
        case answersLost
        /// Nobody is let through.
        case refused
    }

    private let eventLoop: any EventLoop
    private let wire: NIOLoopBound<Wire>
    private let listener: any Channel

    private init(eventLoop: any EventLoop, wire: NIOLoopBound<Wire>, listener: any Channel) {
        self.eventLoop = eventLoop
        self.wire = wire
        self.listener = listener
    }

    /// Listens at `path` and leads to `target`.
    static func start(
        path: String,
        target: String,
        on eventLoop: any EventLoop,
    ) async throws -> FaultProxy {
        let wire =
            try await eventLoop.submit {
                NIOLoopBound(Wire(target: target, eventLoop), eventLoop: eventLoop)
            }
            .get()
        let listener = try await ServerBootstrap(group: eventLoop)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { wire.value.accepted(channel) }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        return FaultProxy(eventLoop: eventLoop, wire: wire, listener: listener)
    }

    /// Sets what is wrong from now on, or that nothing is.
    func set(_ trouble: Trouble) {
        let wire = wire
        eventLoop.execute { wire.value.set(trouble) }
    }

    /// Leads elsewhere from now on; what is connected breaks off.
    func lead(to target: String) {
        let wire = wire
        eventLoop.execute { wire.value.lead(to: target) }
    }

    func close() async {
        let wire = wire
        // Fails only when it is closed already.
        _ = try? await listener.close().get()
        _ = try? await eventLoop.submit { wire.value.breakAll() }.get()
    }
}

/// The connections of a proxy; confined to its loop.
private final class Wire {
    private let eventLoop: any EventLoop
    private var target: String
    private var trouble = FaultProxy.Trouble.none
    private var random = JudgeRandom(0)
    private var links: [ObjectIdentifier: Link] = [:]

    init(target: String, _ eventLoop: any EventLoop) {
        self.target = target
        self.eventLoop = eventLoop
    }

    func set(_ trouble: FaultProxy.Trouble) {
        if case .cuts(let seed) = trouble { random = JudgeRandom(seed) }
        self.trouble = trouble
        for link in links.values where link.hasLost { link.breakOff() }
        if case .refused = trouble { breakAll() }
    }

    func lead(to target: String) {
        self.target = target
        breakAll()
    }

    func breakAll() {
        for link in links.values { link.breakOff() }
    }

    /// Connects to the target for a connection that was made to us.
    func accepted(_ caller: any Channel) {
        if case .refused = trouble {
            caller.close(promise: nil)
            return
        }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(unixDomainSocketPath: target)
            .whenComplete { result in
                switch result {
                case .success(let store): bound.value.join(caller, store)
                case .failure: caller.close(promise: nil)
                }
            }
    }

    private func join(_ caller: any Channel, _ store: any Channel) {
        let link = Link(caller, store)
        let id = ObjectIdentifier(link)
        links[id] = link
        let bound = NIOLoopBound((self, link), eventLoop: eventLoop)
        caller.closeFuture.whenComplete { _ in
            let (wire, link) = bound.value
            wire.links[id] = nil
            link.breakOff()
        }
        do {
            try caller.pipeline.syncOperations.addHandler(
                LinkEnd { [self] in pass($0, link, isReply: false) }
            )
            try store.pipeline.syncOperations.addHandler(
                LinkEnd { [self] in pass($0, link, isReply: true) }
            )
        } catch {
            return link.breakOff()
        }
        store.closeFuture.whenComplete { _ in bound.value.1.breakOff() }
        caller.setOption(.autoRead, value: true).whenFailure { _ in }
        store.setOption(.autoRead, value: true).whenFailure { _ in }
    }

    private func pass(_ bytes: ByteBuffer, _ link: Link, isReply: Bool) {
        switch trouble {
        case .none: link.send(bytes, isReply: isReply, delayMs: 0)
        case .late(let requestsMs, let repliesMs):
            link.send(bytes, isReply: isReply, delayMs: isReply ? repliesMs : requestsMs)
        case .answersLost:
            if isReply, link.wasAsked { return link.breakOff() }
            if !isReply, bytes.readableBytesView.first != 0 { link.wasAsked = true }
            link.send(bytes, isReply: isReply, delayMs: 0)
        case .refused: link.breakOff()
        case .silence(let repliesOnly):
            if repliesOnly, !isReply { return link.send(bytes, isReply: isReply, delayMs: 0) }
            link.hasLost = true
        case .cuts:
            guard random.chance(25) else {
                return link.send(bytes, isReply: isReply, delayMs: 0)
            }
            let count = Int.random(in: 0..<bytes.readableBytes, using: &random)
            let part = bytes.getSlice(at: bytes.readerIndex, length: count) ?? ByteBuffer()
            link.send(part, isReply: isReply, delayMs: 0)
            link.breakOff()
        }
    }
}

/// The two ends of one connection; confined to its loop.
private final class Link {
    private let caller: any Channel
    private let store: any Channel
    /// Whether bytes of it have vanished, so that it can never be used again.
    var hasLost = false
    /// Whether something was asked on it whose answer must not arrive.
    var wasAsked = false
    /// What is held up in each direction: it leaves in the order in which it came.
    private var held: [[ByteBuffer]] = [[], []]

    init(_ caller: any Channel, _ store: any Channel) {
        self.caller = caller
        self.store = store
    }

    func send(_ bytes: ByteBuffer, isReply: Bool, delayMs: Int64) {
        let target = isReply ? caller : store
        let direction = isReply ? 1 : 0
        if delayMs == 0, held[direction].isEmpty {
            target.writeAndFlush(bytes, promise: nil)
            return
        }
        held[direction].append(bytes)
        let bound = NIOLoopBound(self, eventLoop: target.eventLoop)
        target.eventLoop.scheduleTask(in: .milliseconds(delayMs)) {
            target.writeAndFlush(bound.value.held[direction].removeFirst(), promise: nil)
        }
    }

    func breakOff() {
        caller.close(promise: nil)
        store.close(promise: nil)
    }
}

/// Hears what one end says.
private final class LinkEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let heard: (ByteBuffer) -> Void

    init(_ heard: @escaping (ByteBuffer) -> Void) {
        self.heard = heard
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        heard(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
