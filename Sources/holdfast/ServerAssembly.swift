// Puts the parts of a server together and takes them apart again, in order.

internal import Base
internal import Logging
internal import Loop
internal import NIOCore
internal import NIOPosix
internal import RPC
internal import Telemetry

/// Makes a server of its settings.
struct ServerAssembly {
    /// Starts every part.
    ///
    /// - Throws: what `StartFailure` explains.
    static func start(
        _ configuration: ServeConfiguration,
        logger: Logger,
    ) async throws -> RunningServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loops)
        var loops: [(loop: Loop, metrics: LoopMetrics)] = []
        for eventLoop in group.makeIterator() {
            loops.append((Loop(eventLoop), LoopMetrics(methods: ["/grpc.health.v1.Health/Check"])))
        }
        var rpc = RPCServerConfiguration(
            host: configuration.grpcHost,
            port: configuration.grpcPort,
        )
        rpc.session.streamsMax = configuration.rpcStreamsMax
        rpc.connectionsMax = configuration.rpcConnectionsMax
        rpc.callsMax = configuration.rpcCallsMax
        rpc.messageBytesMax = configuration.rpcMessageBytesMax
        rpc.deadlineDefaultMilliseconds = configuration.rpcDeadlineDefaultMs
        rpc.deadlineMillisecondsMax = configuration.rpcDeadlineMaxMs
        let counted = loops
        let server = RPCServer(
            configuration: rpc,
            loops: loops.map(\.loop),
            registry: { _ in ServiceRegistry() },
            events: { loop in
                guard let metrics = counted.first(where: { $0.loop === loop })?.metrics else {
                    invariantBroken("a server's loop is one of those that it was given")
                }
                return RPCServerEvents(counting: metrics)
            },
            logger: logger,
        )
        let port: Int
        do {
            port = try await server.start()
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        return RunningServer(
            grpcPort: port,
            server: server,
            metrics: loops.map(\.metrics),
            group: group,
            graceMs: configuration.shutdownGraceMs,
            logger: logger,
        )
    }
}

/// A server that runs.
final class RunningServer: Sendable {
    /// The port that it listens on.
    let grpcPort: Int
    private let server: RPCServer
    private let metrics: [LoopMetrics]
    private let group: MultiThreadedEventLoopGroup
    private let graceMs: Int64
    private let logger: Logger

    init(
        grpcPort: Int,
        server: RPCServer,
        metrics: [LoopMetrics],
        group: MultiThreadedEventLoopGroup,
        graceMs: Int64,
        logger: Logger,
    ) {
        self.grpcPort = grpcPort
        self.server = server
        self.metrics = metrics
        self.group = group
        self.graceMs = graceMs
        self.logger = logger
    }

    /// Which parts are ready to serve.
    func readiness() async -> [ReadinessPart] {
        [ReadinessPart(name: "rpc", isReady: server.health.isServing("") ?? false, detail: "")]
    }

    /// The page of metrics.
    func metricsText() async -> String {
        var page = MetricsPage()
        for loop in metrics { loop.writeCalls(to: &page) }
        ProcessFigures.write(to: &page)
        return page.text()
    }

    /// Lets running calls finish, then stops every part.
    func shutdown() async {
        await server.shutdown(graceMilliseconds: graceMs)
        do {
            try await group.shutdownGracefully()
        } catch {
            logger.error("event loops did not stop", metadata: ["error": "\(error)"])
        }
    }
}
