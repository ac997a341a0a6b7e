// A server of gRPC over HTTP/2 with prior knowledge: one listener for each event loop.
//
// The listeners share a port (SO_REUSEPORT), so the kernel spreads connections over the loops and a
// connection never changes its thread.

package import Logging
package import Loop
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Why a server cannot start.
package enum RPCServerError: Error, Hashable, Sendable {
    /// Somebody listens on that address already.
    case portInUse(host: String, port: Int)
    /// The system refuses the address, for the reason given.
    case cannotListen(host: String, port: Int, reason: String)
    /// `start` was called before.
    case alreadyStarted
}

/// A gRPC server.
package final class RPCServer: Sendable {
    private enum Phase {
        case created
        case starting
        case running([any Channel])
        case stopped
    }

    /// How long a listener that goes away still accepts, in milliseconds: one turn of its loop.
    private static let lastAcceptMilliseconds: Int64 = 1

    /// What `grpc.health.v1.Health` answers.
    package let health = HealthService()
    private let configuration: RPCServerConfiguration
    private let parts: [ServerLoop]
    private let registry: @Sendable (Loop) -> ServiceRegistry
    private let events: @Sendable (Loop) -> RPCServerEvents
    private let callGuard: @Sendable (Loop) -> CallGuard?
    private let descriptors: DescriptorIndex?
    private let logger: Logger
    private let phase = Mutex(Phase.created)

    /// A server that does nothing until `start`.
    ///
    /// - Parameters:
    ///   - loops: the event loops to serve on, at least one.
    ///   - registry: makes the methods of one loop, on that loop.
    ///   - events: makes the counters of one loop, on that loop.
    ///   - callGuard: makes what judges the callers of one loop, on that loop; nil lets all in.
    ///   - descriptors: what reflection tells of the methods; without it there is no reflection.
    ///   - tls: the certificates to show; nil serves without encryption.
    package init(
        configuration: RPCServerConfiguration,
        loops: [Loop],
        registry: @escaping @Sendable (Loop) -> ServiceRegistry,
        events: @escaping @Sendable (Loop) -> RPCServerEvents = { _ in RPCServerEvents() },
        callGuard: @escaping @Sendable (Loop) -> CallGuard? = { _ in nil },
        descriptors: DescriptorIndex? = nil,
        tls: TLSContexts? = nil,
        logger: Logger,
    ) {
        self.configuration = configuration
        self.registry = registry
        self.events = events
        self.callGuard = callGuard
        self.descriptors = descriptors
        self.logger = logger
        let count = ConnectionCount(
            connectionsMax: configuration.connectionsMax,
            perAddressMax: configuration.connectionsPerAddressMax,
        )
        let handlersMax = max(1, configuration.callsMax / max(1, loops.count))
        parts = loops.map { loop in
            ServerLoop(
                loop: loop,
                configuration: configuration,
                handlersMax: handlersMax,
                connectionCount: count,
                tls: tls,
                logger: logger,
            )
        }
    }

    /// Listens, and returns the port.
    package func start() async throws(RPCServerError) -> Int {
        let mayStart = phase.withLock { phase in
            guard case .created = phase else { return false }
            phase = .starting
            return true
        }
        guard mayStart else { throw .alreadyStarted }
        for part in parts { await prepare(part) }
        do throws(RPCServerError) {
            let channels = try await listen()
            let port = channels.first?.localAddress?.port ?? configuration.port
            let mayRun = phase.withLock { phase in
                guard case .starting = phase else { return false }
                phase = .running(channels)
                return true
            }
            if !mayRun {
                for channel in channels { await closed(channel) }
                throw .cannotListen(
                    host: configuration.host,
                    port: port,
                    reason: "shut down while starting",
                )
            }
            logger.info("listening", metadata: ["port": "\(port)", "loops": "\(parts.count)"])
            return port
        } catch {
            phase.withLock { phase in
                if case .starting = phase { phase = .created }
            }
            throw error
        }
    }

    /// Takes no new connection and no new call, lets running calls finish, then closes.
    ///
    /// After `graceMilliseconds` what still runs is answered with UNAVAILABLE and cut off.
    package func shutdown(graceMilliseconds: Int64) async {
        let listeners: [any Channel] = phase.withLock { phase in
            defer { phase = .stopped }
            if case .running(let channels) = phase { return channels }
            return []
        }
        health.stop()
        await leavePort(listeners)
        let deadline = NIODeadline.now() + .milliseconds(graceMilliseconds)
        let drained = parts.map { part in
            let loop = part.loop.eventLoop
            return loop.flatSubmit {
                let timer = loop.scheduleTask(deadline: deadline) { part.cutOff() }
                let future = part.drain()
                future.whenComplete { _ in timer.cancel() }
                return future
            }
        }
        for future in drained {
            do {
                try await future.get()
            } catch {
                logger.error("event loop gone before the server", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Stops listening, after it has let in who waits to be accepted.
    ///
    /// Whoever is let in is told to go with the others and asks again; the kernel would reset the
    /// connections that wait on a listener when it closes. A listener is closed right after a turn
    /// that took all that waited, so what can still be lost came within that turn.
    private func leavePort(_ listeners: [any Channel]) async {
        let closing = listeners.map { listener in
            listener.eventLoop.flatSubmit {
                listener.setOption(.maxMessagesPerRead, value: UInt(self.configuration.backlog))
                    .flatMap {
                        let turn = TimeAmount.milliseconds(Self.lastAcceptMilliseconds)
                        return listener.eventLoop.scheduleTask(in: turn) {}.futureResult
                    }
                    .flatMap { listener.close() }
            }
        }
        for future in closing {
            do {
                try await future.get()
            } catch {
                logger.debug("listener was closed already", metadata: ["error": "\(error)"])
            }
        }
    }

    private func prepare(_ part: ServerLoop) async {
        await part.loop
            .start { [registry, events, callGuard, health, descriptors] in
                var methods = registry(part.loop)
                health.register(in: &methods)
                if let descriptors {
                    ReflectionService(index: descriptors, services: methods.serviceNames)
                        .register(in: &methods)
                }
                part.prepare(methods, events(part.loop), callGuard(part.loop))
            }
            .value
    }

    // MARK: Listening

    private func listen() async throws(RPCServerError) -> [any Channel] {
        guard let first = parts.first else {
            throw .cannotListen(
                host: configuration.host,
                port: configuration.port,
                reason: "no event loop",
            )
        }
        // Two processes of one user may share a port without noticing, once both ask for
        // SO_REUSEPORT. A listener that does not ask finds out whether somebody is there. It accepts
        // nobody: a client let in here would wait for ever on a connection that nobody serves.
        if configuration.port != 0, !configuration.sharesPort {
            let probe = try await bind(
                ServerBootstrap(group: first.loop.eventLoop)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .serverChannelOption(.autoRead, value: false),
                port: configuration.port,
            )
            await closed(probe)
        }
        var port = configuration.port
        var channels: [any Channel] = []
        do throws(RPCServerError) {
            for part in parts {
                let channel = try await bind(bootstrap(part), port: port)
                channels.append(channel)
                port = channel.localAddress?.port ?? port
            }
        } catch {
            for channel in channels { await closed(channel) }
            throw error
        }
        return channels
    }

    private func bootstrap(_ part: ServerLoop) -> ServerBootstrap {
        ServerBootstrap(group: part.loop.eventLoop)
            .serverChannelOption(.backlog, value: Int32(configuration.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.socketOption(portSharing), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard try part.accept(channel) else { throw ServerIsFull() }
                }
            }
    }

    private func bind(
        _ bootstrap: ServerBootstrap,
        port: Int,
    ) async throws(RPCServerError) -> any Channel {
        do {
            return try await bootstrap.bind(host: configuration.host, port: port).get()
        } catch {
            if isAddressInUse(error) { throw .portInUse(host: configuration.host, port: port) }
            throw .cannotListen(host: configuration.host, port: port, reason: "\(error)")
        }
    }

    private func closed(_ channel: any Channel) async {
        do {
            try await channel.close().get()
        } catch {
            logger.debug("listener was closed already", metadata: ["error": "\(error)"])
        }
    }
}

/// Makes the event loop close a connection that may not stay.
private struct ServerIsFull: Error {}
