// The part of a client that lives on its loop: at most one connection that takes calls, made when a
// call needs it and made again when it is lost.

internal import DequeModule
internal import Loop
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Connection and calls of a client; confined to its loop, apart from `onLoop`.
final class ClientCore: @unchecked Sendable {
    private enum State {
        /// No connection; the next call makes one.
        case idle
        case connecting
        case ready(ClientConnection)
        /// `close` was called.
        case closed
    }

    /// Tries of a call that no peer has looked at.
    private static let attemptsMax = 4

    let loop: Loop
    let configuration: RPCClientConfiguration
    private let host: String
    private let port: Int
    private let tls: NIOSSLContext?
    private var state = State.idle
    private var waiting = Deque<ClientCall>()
    private var connectWaiters: [(Result<Void, Status>) -> Void] = []
    private var channels: [ObjectIdentifier: any Channel] = [:]
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    /// The gates of connections whose TLS handshake is not over.
    private var gates: [ObjectIdentifier: TLSGate] = [:]

    /// Reads the files for TLS, if there are any; blocks the thread.
    init(
        host: String,
        port: Int,
        loop: Loop,
        configuration: RPCClientConfiguration,
    ) throws(TLSFileError) {
        tls = try configuration.tls?.context()
        self.host = host
        self.port = port
        self.loop = loop
        self.configuration = configuration
    }

    /// Runs `body` on the loop: now if this is its thread, else soon.
    func onLoop(_ body: @escaping @Sendable () -> Void) {
        if loop.eventLoop.inEventLoop {
            body()
        } else {
            loop.eventLoop.execute(body)
        }
    }

    // MARK: Calls

    /// Starts a call, or starts it again after a connection gave it back unseen.
    func start(_ call: ClientCall) {
        guard call.phase != .done else { return }
        if call.isCancelled {
            ended(call, Status(.cancelled, "the caller gave up"))
            return
        }
        call.attempts += 1
        if call.attempts > Self.attemptsMax {
            ended(call, .connectionLost("no connection would take the call"))
            return
        }
        call.phase = .waiting
        armDeadline(of: call)
        switch state {
        case .closed:
            ended(call, Status(.unavailable, "the client is closed"))
        case .ready(let connection):
            guard connection.waitingCount < configuration.callsWaitingMax else {
                refuse(call)
                return
            }
            connection.start(call)
        case .idle, .connecting:
            guard waiting.count < configuration.callsWaitingMax else {
                refuse(call)
                return
            }
            waiting.append(call)
            connect()
        }
    }

    /// Gives a call up because its caller did.
    func cancel(_ call: ClientCall) {
        call.isCancelled = true
        giveUp(call, Status(.cancelled, "the caller gave up"))
    }

    /// Gives a call its outcome.
    func ended(_ call: ClientCall, _ failure: Status?) {
        if let timer = call.deadlineTimer { loop.timers.cancel(timer) }
        call.deadlineTimer = nil
        call.complete(failure)
    }

    private func refuse(_ call: ClientCall) {
        ended(call, Status(.resourceExhausted, "too many calls are waiting"))
    }

    private func armDeadline(of call: ClientCall) {
        guard let deadline = call.deadline, call.deadlineTimer == nil else { return }
        call.deadlineTimer = loop.timers.schedule(at: deadline) {
            call.deadlineTimer = nil
            self.giveUp(call, Status(.deadlineExceeded, "the deadline has passed"))
        }
    }

    private func giveUp(_ call: ClientCall, _ status: Status) {
        guard call.phase != .done, call.completion != nil else { return }
        switch call.phase {
        case .open:
            call.connection?.cancel(call)
        case .waiting:
            waiting.removeAll { $0 === call }
            if case .ready(let connection) = state { connection.cancel(call) }
        case .done:
            break
        }
        ended(call, status)
    }

    // MARK: Connection

    /// Makes sure that there is a connection; tells `waiter` how it went.
    func connect(_ waiter: @escaping (Result<Void, Status>) -> Void) {
        switch state {
        case .ready: waiter(.success(()))
        case .closed: waiter(.failure(Status(.unavailable, "the client is closed")))
        case .idle, .connecting:
            connectWaiters.append(waiter)
            connect()
        }
    }

    private func connect() {
        guard case .idle = state else { return }
        state = .connecting
        ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(.milliseconds(configuration.connectMillisecondsMax))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.prepare(channel) }
            }
            .connect(host: host, port: port)
            .whenFailure { self.connectFailed("\($0)") }
    }

    private func prepare(_ channel: any Channel) throws {
        let connection = ClientConnection(core: self, authority: "\(host):\(port)")
        let key = ObjectIdentifier(connection)
        channels[key] = channel
        connections[key] = connection
        channel.closeFuture.whenComplete { _ in
            self.channels[key] = nil
            self.connections[key] = nil
            self.gates[key] = nil
        }
        if let tls { try shakeHands(channel, connection, tls) }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    /// Puts TLS before a connection, which hears of its channel once the handshake is over.
    private func shakeHands(
        _ channel: any Channel,
        _ connection: ClientConnection,
        _ context: NIOSSLContext,
    ) throws {
        let key = ObjectIdentifier(connection)
        let gate = TLSGate(
            loop: loop,
            millisecondsMax: configuration.connectMillisecondsMax,
            refusal: { self.configuration.tls?.refusal(of: $0, host: self.host) },
            opened: { _ in self.gates[key] = nil },
            failed: { reason, _ in self.connectFailed(reason) },
        )
        let handler = try NIOSSLClientHandler(
            context: context,
            serverHostname: configuration.tls?.name(for: host),
        )
        try channel.pipeline.syncOperations.addHandlers([handler, gate])
        gates[key] = gate
    }

    private func connectFailed(_ reason: String) {
        guard case .connecting = state else { return }
        state = .idle
        let status = Status(.unavailable, "cannot connect to \(host):\(port): \(reason)")
        let calls = waiting
        waiting = []
        tellWaiters(.failure(status))
        for call in calls { ended(call, status) }
    }

    /// A connection is there.
    func connected(_ connection: ClientConnection) {
        guard case .connecting = state else {
            connection.close(Status(.unavailable, "the client is closed"))
            return
        }
        state = .ready(connection)
        tellWaiters(.success(()))
        let calls = waiting
        waiting = []
        for call in calls { connection.start(call) }
    }

    /// A connection takes no calls any more.
    func lost(_ connection: ClientConnection) {
        if case .ready(let current) = state, current === connection { state = .idle }
    }

    private func tellWaiters(_ result: Result<Void, Status>) {
        let waiters = connectWaiters
        connectWaiters = []
        for waiter in waiters { waiter(result) }
    }

    /// Ends every call with UNAVAILABLE; the future succeeds when the last channel is closed.
    func close() -> EventLoopFuture<Void> {
        loop.eventLoop.preconditionInEventLoop()
        state = .closed
        let status = Status(.unavailable, "the client is closed")
        let calls = waiting
        waiting = []
        tellWaiters(.failure(status))
        for call in calls { ended(call, status) }
        let closing = channels.values.map(\.closeFuture)
        for connection in connections.values { connection.close(status) }
        for gate in Array(gates.values) { gate.close("the client is closed") }
        return .andAllComplete(closing, on: loop.eventLoop)
    }
}
