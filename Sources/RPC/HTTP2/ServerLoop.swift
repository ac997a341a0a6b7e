// The part of a server that lives on one event loop: its methods, its connections, its counts.

internal import Base
internal import Logging
internal import Loop
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// What a call is told that is refused because of overload: made once for many, because refusing must
/// cost next to nothing.
struct ReadyRefusal {
    let retryMilliseconds: Int64
    let status: Status
    /// The header block of the whole answer.
    let block: HeaderBlock

    init(retryMilliseconds: Int64) {
        self.retryMilliseconds = retryMilliseconds
        status = Status(
            .resourceExhausted,
            "too many calls in flight",
            details: [.retryInfo(delayMilliseconds: retryMilliseconds)],
        )
        block = HeaderBlock(answering: status)
    }
}

/// What the connections of one loop share; confined to that loop.
final class ServerLoop: @unchecked Sendable {
    /// Methods found lately, so that a call need not build a string to find its own.
    private static let lateMethodsMax = 16

    let loop: Loop
    let configuration: RPCServerConfiguration
    let logger: Logger
    private let connectionCount: ConnectionCount
    private let tls: TLSContexts?
    private var registry = ServiceRegistry()
    private(set) var events = RPCServerEvents()
    private(set) var callGuard: CallGuard?
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    /// The gates of connections whose TLS handshake is not over.
    private var gates: [ObjectIdentifier: TLSGate] = [:]
    private var lateMethods: [(path: [UInt8], method: ServiceRegistry.Method)] = []
    private var overload: OverloadGuard
    private var allowance: StreamAllowance
    private var streamsRunning = 0
    private let streamsMax: Int
    private var refusals = CallPriority.allCases.map { _ in ReadyRefusal(retryMilliseconds: 0) }
    private var drained: EventLoopPromise<Void>?
    private var looking: RepeatedTask?

    init(
        loop: Loop,
        configuration: RPCServerConfiguration,
        handlersMax: Int,
        connectionCount: ConnectionCount,
        tls: TLSContexts?,
        logger: Logger,
    ) {
        self.loop = loop
        self.configuration = configuration
        streamsMax = handlersMax
        var limits = OverloadGuard.Limits(callsMax: handlersMax)
        limits.targetNanoseconds = configuration.overloadLatencyMilliseconds * 1_000_000
        overload = OverloadGuard(limits)
        allowance = StreamAllowance(
            streamsMax: configuration.session.streamsMax,
            callsMax: handlersMax,
        )
        self.connectionCount = connectionCount
        self.tls = tls
        self.logger = logger
    }

    /// Sets what the loop serves; once, before it listens.
    func prepare(
        _ registry: ServiceRegistry,
        _ events: RPCServerEvents,
        _ callGuard: CallGuard?,
    ) {
        loop.eventLoop.preconditionInEventLoop()
        self.registry = registry
        self.events = events
        self.callGuard = callGuard
        let pause = TimeAmount.milliseconds(configuration.lookMilliseconds)
        looking = loop.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            self.look()
        }
    }

    /// Looks for what takes too long.
    private func look() {
        let now = NIODeadline.now()
        for connection in Array(connections.values) { connection.look(now) }
    }

    // MARK: Connections

    /// Sets up an accepted channel; false when the server is full.
    func accept(_ channel: any Channel) throws -> Bool {
        loop.eventLoop.preconditionInEventLoop()
        let address = channel.remoteAddress?.ipAddress ?? ""
        if let limit = connectionCount.enter(address) {
            events.limitHit?(limit)
            logger.warning("connection refused", metadata: ["limit": "\(limit.rawValue)"])
            return false
        }
        let connection = ServerConnection(owner: self)
        connections[ObjectIdentifier(connection)] = connection
        channel.closeFuture.whenComplete { _ in self.closed(connection, address) }
        if let tls { try shakeHands(channel, connection, tls) }
        try channel.pipeline.syncOperations.addHandler(connection)
        events.connectionOpened?()
        if drained != nil { connection.drain() }
        return true
    }

    /// Puts TLS before a connection, which hears of its channel once the handshake is over.
    private func shakeHands(
        _ channel: any Channel,
        _ connection: ServerConnection,
        _ tls: TLSContexts,
    ) throws {
        let key = ObjectIdentifier(connection)
        let peer = channel.remoteAddress
        let gate = TLSGate(
            loop: loop,
            millisecondsMax: tls.settings.handshakeMillisecondsMax,
            opened: { identity in
                self.gates[key] = nil
                connection.identity = identity
            },
            failed: { reason, limit in
                if let limit { self.events.limitHit?(limit) }
                self.events.handshakeFailed?(reason)
                self.logger.info(
                    "TLS handshake failed",
                    metadata: [
                        "peer": "\(peer.map { "\($0)" } ?? "unknown")", "reason": "\(reason)",
                    ]
                )
            },
        )
        gates[key] = gate
        var buffers = NIOSSLHandler.Configuration()
        buffers.maximumPreservedOutboundBufferCapacity = TLSRules.keptBytesMax
        try channel.pipeline.syncOperations.addHandlers([
            NIOSSLServerHandler(context: tls.current, configuration: buffers), gate,
        ])
    }

    private func closed(_ connection: ServerConnection, _ address: String) {
        connections[ObjectIdentifier(connection)] = nil
        gates[ObjectIdentifier(connection)] = nil
        connectionCount.leave(address)
        events.connectionClosed?()
        endIfDrained()
    }

    private func endIfDrained() {
        guard connections.isEmpty, let drained else { return }
        looking?.cancel()
        looking = nil
        drained.succeed()
    }

    /// Tells all peers to go; the future succeeds when the last connection has closed.
    func drain() -> EventLoopFuture<Void> {
        loop.eventLoop.preconditionInEventLoop()
        if let drained { return drained.futureResult }
        let promise = loop.eventLoop.makePromise(of: Void.self)
        drained = promise
        endIfDrained()
        for connection in connections.values { connection.drain() }
        // Who is still shaking hands has asked for nothing yet, and can ask elsewhere.
        for gate in Array(gates.values) { gate.close("the server is shutting down") }
        return promise.futureResult
    }

    /// Ends all connections, with an answer for every call that still runs.
    func cutOff() {
        loop.eventLoop.preconditionInEventLoop()
        for connection in connections.values { connection.cutOff("the server is shutting down") }
    }

    // MARK: Calls

    /// The method at `path`, or the refusal that names what is missing.
    func method(at path: [UInt8]) throws(Status) -> ServiceRegistry.Method {
        for late in lateMethods where late.path == path { return late.method }
        let method = try registry.method(at: String(decoding: path, as: UTF8.self))
        if lateMethods.count == Self.lateMethodsMax { lateMethods.removeFirst() }
        lateMethods.append((path, method))
        return method
    }

    /// Counts a call in, or says why it is refused.
    func callStarts(
        _ priority: CallPriority,
        by deadline: NIODeadline?,
        at now: NIODeadline,
    ) -> ReadyRefusal? {
        let remaining = deadline.map { ($0 - now).nanoseconds }
        let time = Int64(clamping: now.uptimeNanoseconds)
        let verdict = overload.admit(priority, remaining: remaining, now: time)
        if allowance.count(refused: verdict != .run, now: time) { allow(at: time) }
        switch verdict {
        case .run: return nil
        case .full:
            events.limitHit?(.calls)
            return overloaded(priority)
        case .overloaded, .tooLate:
            events.limitHit?(.overload)
            return overloaded(priority)
        }
    }

    /// Tells the connections in use how many streams they may have, where that has changed.
    private func allow(at time: Int64) {
        let used = connections.values.count { $0.hasStreams }
        allowance.roll(inFlight: overload.inFlight, connections: used, now: time)
        let streams = allowance.current
        for connection in connections.values where connection.hasStreams {
            connection.allow(streams: streams)
        }
    }

    func callEnded(
        _ priority: CallPriority,
        startedAt: NIODeadline,
        at now: NIODeadline,
        cutShort: Bool,
    ) {
        overload.ended(priority, after: (now - startedAt).nanoseconds, cutShort: cutShort)
        invariant(overload.inFlight >= 0, "more calls ended than started")
    }

    /// Counts a call out whose handler never began.
    func callAbandoned(_ priority: CallPriority) {
        overload.abandoned(priority)
    }

    /// Counts a stream in, unless too many run; its messages are counted as calls one by one.
    func streamStarts() -> ReadyRefusal? {
        if streamsRunning >= streamsMax {
            events.limitHit?(.calls)
            return overloaded(.normal)
        }
        streamsRunning += 1
        return nil
    }

    func streamEnded() {
        streamsRunning -= 1
        invariant(streamsRunning >= 0, "more streams ended than started")
    }

    /// What a call is told now for which there is no room.
    func overloaded(_ priority: CallPriority) -> ReadyRefusal {
        let milliseconds = overload.retryMilliseconds(priority)
        if refusals[priority.rawValue].retryMilliseconds != milliseconds {
            refusals[priority.rawValue] = ReadyRefusal(retryMilliseconds: milliseconds)
        }
        return refusals[priority.rawValue]
    }
}
