// One pipelined connection to Redis, which belongs to one loop. All commands of a turn are written at
// once when the turn ends; replies are matched in order. When the connection ends, everything that
// waits fails, and it connects again by itself until it is closed: to the next of its addresses, and
// to the primary alone where that is asked for. It never repeats a command.

internal import Base
package import Loop
internal import NIOCore
internal import NIOPosix

/// A connection to Redis, to be used on its loop only.
package final class RedisConnection {
    private enum State: Equatable {
        case idle
        /// Not usable yet: the socket is being connected, or the password or the role is being checked.
        case connecting
        case up
        /// The next attempt is scheduled.
        case waiting
        case closed
    }

    private let addresses: [RedisAddress]
    /// Which of them is tried, or connected.
    private var place = 0
    private let loop: Loop
    private let configuration: RedisConfiguration

    private var state = State.idle
    /// Counts the attempts to connect, so that a late event of an old socket is recognised.
    private var attempt = 0
    private var channel: (any Channel)?
    private var parser: ReplyParser
    private var pending = PendingReplies()
    private var outgoing = ByteBuffer()
    private var isFlushScheduled = false
    private var turnDeadline = NIODeadline.distantFuture
    private var isTimerRunning = false
    private var backoffMs: Int
    /// Attempts that failed since the last connection that answered.
    private var failuresInRow = 0
    private var lastError = RedisError(.connectFailed, "not connected yet")
    private var connectWaiters: [(Result<Void, RedisError>) -> Void] = []

    /// How often a connection was made, since the start.
    package private(set) var connectionsMade = 0
    /// Called on the loop whenever a connection was made, the first included, before any command
    /// can be sent on it.
    package var onConnect: ((RedisAddress) -> Void)?
    /// Called on the loop whenever a connection that was up ended by itself, with the reason.
    package var onLost: ((String) -> Void)?

    /// A connection to one of several addresses: the first that can be reached, or the first that says
    /// that it is the primary.
    package init(
        addresses: [RedisAddress],
        loop: Loop,
        configuration: RedisConfiguration = RedisConfiguration(),
    ) {
        invariant(!addresses.isEmpty, "a connection has an address")
        self.addresses = addresses
        self.loop = loop
        self.configuration = configuration
        backoffMs = configuration.backoffMinMs
        parser = ReplyParser(replyBytesMax: configuration.replyBytesMax)
    }

    package convenience init(
        address: RedisAddress,
        loop: Loop,
        configuration: RedisConfiguration = RedisConfiguration(),
    ) {
        self.init(addresses: [address], loop: loop, configuration: configuration)
    }

    /// The address that is tried, or connected.
    package var address: RedisAddress { addresses[place] }
    /// How many addresses there are to choose from.
    package var addressCount: Int { addresses.count }

    package var isConnected: Bool {
        loop.eventLoop.preconditionInEventLoop()
        return state == .up
    }

    // MARK: Use

    /// Connects and waits for the first attempt at each address.
    ///
    /// Throws `connectFailed` when all of them fail; attempts go on in the background until `close`, so
    /// a caller may carry on without Redis.
    package func connect() async throws(RedisError) {
        loop.eventLoop.preconditionInEventLoop()
        switch state {
        case .up: return
        case .closed: throw RedisError(.shutDown, "")
        case .waiting where failuresInRow % addresses.count == 0: throw lastError
        case .idle, .connecting, .waiting: break
        }
        let outcome: Result<Void, RedisError> = await withCheckedContinuation { continuation in
            connectWaiters.append { continuation.resume(returning: $0) }
            if state == .idle { open() }
        }
        try outcome.get()
    }

    /// Sends a command and waits for its reply.
    ///
    /// Throws `connectFailed` at once when there is no connection. An error of the server is a reply.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RedisReply {
        let outcome = await withCheckedContinuation { continuation in
            send(command) { continuation.resume(returning: $0) }
        }
        return try outcome.get()
    }

    /// Sends a command; `completion` is called once, on the loop.
    package func send(_ command: RedisCommand, completion: @escaping RedisCompletion) {
        loop.eventLoop.preconditionInEventLoop()
        switch state {
        case .up: enqueue(command, completion)
        case .closed: completion(.failure(RedisError(.shutDown, "")))
        case .idle, .connecting, .waiting:
            completion(.failure(RedisError(.connectFailed, lastError.message)))
        }
    }

    /// Calls a script by its digest; NOSCRIPT is a reply, and the text is never sent instead.
    package func evalsha(
        sha: String,
        keys: [String],
        arguments: [[UInt8]],
    ) async throws(RedisError) -> RedisReply {
        try await send(.evalsha(sha, keys: keys, arguments: arguments))
    }

    /// Gives up this connection, because the process behind it is not the one that is wanted, and
    /// looks for another, at the next address first.
    ///
    /// What waits for a reply fails with `connectionLost`. Does nothing while there is no connection.
    package func reconnect(because reason: String) {
        loop.eventLoop.preconditionInEventLoop()
        if state == .up { fail(.connectionLost, reason) }
    }

    /// Closes the connection for good; what still waits fails with `shutDown`.
    package func close() async {
        loop.eventLoop.preconditionInEventLoop()
        let channel = self.channel
        state = .closed
        end(.shutDown, "")
        guard let channel else { return }
        await withCheckedContinuation { continuation in
            channel.closeFuture.whenComplete { _ in continuation.resume() }
        }
    }

    // MARK: Sending

    private func enqueue(_ command: RedisCommand, _ completion: @escaping RedisCompletion) {
        if pending.count >= configuration.pendingMax {
            let text = "\(configuration.pendingMax) commands are waiting"
            completion(.failure(RedisError(.queueFull, text)))
            return
        }
        if !isFlushScheduled {
            isFlushScheduled = true
            let patience =
                state == .up ? configuration.replyTimeoutMs : configuration.connectTimeoutMs
            turnDeadline = .now() + .milliseconds(Int64(patience))
            loop.atTurnEnd(.flush) { self.flush() }
        }
        command.write(to: &outgoing)
        pending.append(completion, deadline: turnDeadline)
    }

    private func flush() {
        isFlushScheduled = false
        guard let channel, outgoing.readableBytes > 0 else { return }
        let size = outgoing.readableBytes
        let bytes = outgoing
        // A fresh buffer of like size: the channel may keep the old one until the socket took it.
        outgoing = channel.allocator.buffer(capacity: min(size, 1 << 20))
        pending.written()
        startTimer()
        // A failing write ends the channel, and `socketEnded` tells everyone.
        channel.writeAndFlush(bytes, promise: nil)
    }

    // MARK: Time

    /// One timer for the oldest command; it is set anew when it fires, not with every reply.
    private func startTimer() {
        guard !isTimerRunning, let deadline = pending.firstDeadline else { return }
        isTimerRunning = true
        loop.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
    }

    private func timerFired() {
        isTimerRunning = false
        guard let deadline = pending.firstDeadline else { return }
        if deadline <= .now() {
            fail(.timeout, "\(address) did not reply in time")
        } else {
            startTimer()
        }
    }

    // MARK: Connecting

    private func open() {
        state = .connecting
        attempt += 1
        let attempt = self.attempt
        parser = ReplyParser(replyBytesMax: configuration.replyBytesMax)
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(.milliseconds(Int64(configuration.connectTimeoutMs)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = ReplyHandler(connection: this.value, attempt: attempt)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        let future =
            switch address {
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            }
        future.assumeIsolated().whenComplete { self.opened($0, attempt: attempt) }
    }

    private func opened(_ outcome: Result<any Channel, any Error>, attempt: Int) {
        switch outcome {
        case .success(let channel):
            // Closed, or ended before we heard of its beginning.
            guard attempt == self.attempt, state == .connecting, channel.isActive else {
                channel.close(promise: nil)
                if attempt == self.attempt, state == .connecting {
                    fail(.connectFailed, "\(address) hung up")
                }
                return
            }
            self.channel = channel
            authenticate()
        case .failure(let error):
            guard attempt == self.attempt, state == .connecting else { return }
            fail(.connectFailed, "\(address): \(error)")
        }
    }

    private func authenticate() {
        guard let password = configuration.password else {
            checkRole()
            return
        }
        var command = RedisCommand("AUTH")
        if let username = configuration.username { command.append(username) }
        command.append(password)
        enqueue(command) { outcome in
            switch outcome {
            case .success(.status): self.checkRole()
            case .success(.error(let error)): self.fail(.connectFailed, "AUTH: \(error.code)")
            case .success: self.fail(.protocol, "AUTH got a strange reply")
            case .failure: break
            }
        }
    }

    private func checkRole() {
        if !configuration.wantsPrimary {
            becomeUp()
            return
        }
        enqueue(RedisCommand("ROLE")) { outcome in
            switch outcome {
            case .success(.array(let parts)) where parts.first?.text == "master": self.becomeUp()
            case .success(.array(let parts)):
                let role = parts.first?.text ?? "nothing"
                self.fail(.connectFailed, "\(self.address) is no primary, its role is \(role)")
            case .success(.error(let error)): self.fail(.connectFailed, "ROLE: \(error.code)")
            case .success: self.fail(.protocol, "ROLE got a strange reply")
            case .failure: break
            }
        }
    }

    private func becomeUp() {
        state = .up
        connectionsMade += 1
        onConnect?(address)
        answerWaiters(.success(()))
    }

    private func answerWaiters(_ outcome: Result<Void, RedisError>) {
        let waiters = connectWaiters
        connectWaiters = []
        for waiter in waiters { waiter(outcome) }
    }

    // MARK: Receiving

    fileprivate func received(_ buffer: ByteBuffer, attempt: Int) {
        guard attempt == self.attempt else { return }
        unsafe buffer.withUnsafeReadableBytes { bytes in unsafe parser.feed(bytes) }
        // A completion may close this connection, or fail it.
        while attempt == self.attempt {
            switch parser.next() {
            case .incomplete: return
            case .invalid(let reason): fail(.protocol, reason)
            case .reply(let reply):
                guard let completion = pending.replied() else {
                    fail(.protocol, "a reply to nothing")
                    return
                }
                if state == .up {
                    backoffMs = configuration.backoffMinMs
                    failuresInRow = 0
                }
                completion(.success(reply))
            }
        }
    }

    fileprivate func socketEnded(_ reason: String, attempt: Int) {
        guard attempt == self.attempt else { return }
        fail(state == .connecting ? .connectFailed : .connectionLost, reason)
    }

    // MARK: The end of a connection

    /// Ends this connection and schedules the next one.
    private func fail(_ kind: RedisError.Kind, _ message: String) {
        guard state == .connecting || state == .up else { return }
        if state == .up { onLost?(message) }
        state = .waiting
        lastError = RedisError(.connectFailed, message)
        place = (place + 1) % addresses.count
        failuresInRow += 1
        var delay = TimeAmount.milliseconds(0)
        // The pause comes after each address has had its turn.
        if failuresInRow % addresses.count == 0 {
            delay = .milliseconds(Int64(backoffMs))
            backoffMs = min(backoffMs * 2, configuration.backoffMaxMs)
        }
        loop.eventLoop.assumeIsolated()
            .scheduleTask(in: delay) {
                if self.state == .waiting { self.open() }
            }
        end(kind, message)
    }

    /// Closes the socket and fails everything that waits.
    private func end(_ kind: RedisError.Kind, _ message: String) {
        let channel = self.channel
        self.channel = nil
        attempt += 1
        outgoing.clear()
        let failures = pending.ended(kind, message, now: .now())
        channel?.close(promise: nil)
        for (completion, error) in failures { completion(.failure(error)) }
        if kind == .shutDown {
            answerWaiters(.failure(RedisError(kind, message)))
        } else if failuresInRow % addresses.count == 0 {
            answerWaiters(.failure(RedisError(.connectFailed, message)))
        }
    }
}

/// Passes what the socket has to the connection; one per socket.
private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: RedisConnection
    private let attempt: Int

    init(connection: RedisConnection, attempt: Int) {
        self.connection = connection
        self.attempt = attempt
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(unwrapInboundIn(data), attempt: attempt)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.socketEnded("the peer closed the connection", attempt: attempt)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.socketEnded("\(error)", attempt: attempt)
        context.close(promise: nil)
    }
}
