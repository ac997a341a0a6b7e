// Puts the parts of a server together, in order, and says what is wrong when one of them is missing.

internal import API
internal import Base
internal import Gate
internal import Ledger
internal import Logging
internal import Loop
internal import NIOCore
internal import NIOPosix
internal import Postgres
internal import Promising
internal import RPC
internal import Redis
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
        let access = try configuration.accessFile.map { path in try AccessStart(path) }
        let tls = try configuration.tls.map { settings in try TLSContexts(settings) }
        let postgres = PostgresClient(configuration: postgresConfiguration(configuration))
        try postgres.start()
        let audit = PostgresClient(configuration: auditConfiguration(configuration))
        try audit.start()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loops)
        do {
            try await demandSchema(postgres, logger: logger)
            try await demandHarmlessRole(postgres, logger: logger)
            let loops = group.makeIterator().map { Loop($0) }
            let shared = await sharedParts(
                configuration,
                (postgres, audit),
                loops[0],
                access?.book,
                logger,
            )
            var parts: [BoundParts] = []
            for loop in loops { parts.append(await loopParts(configuration, shared, loop)) }
            let metrics = loops.map { _ in
                LoopMetrics(methods: ServedMethods.paths, limits: LoopMetrics.limits)
            }
            let rpc = rpcServer(configuration, parts, metrics, tls, logger)
            let port = try await rpc.start()
            let accessWatch = access.map { AccessWatch($0, parts, logger) }
            await accessWatch?.start()
            let tlsWatch = tls.map { TLSWatch($0, logger: logger) }
            tlsWatch?.start()
            let workers = await RunningServer.Workers.start(configuration, shared, parts)
            return RunningServer(
                grpcPort: port,
                rpc: rpc,
                parts: parts,
                metrics: metrics,
                shared: shared,
                workers: workers,
                access: accessWatch,
                tls: tlsWatch,
                group: group,
                graceMs: configuration.shutdownGraceMs,
            )
        } catch {
            await audit.shutdown(graceMs: 0)
            await postgres.shutdown(graceMs: 0)
            try await group.shutdownGracefully()
            throw error
        }
    }

    // MARK: Parts

    private static func postgresConfiguration(
        _ configuration: ServeConfiguration
    ) -> PostgresConfiguration {
        PostgresConfiguration(
            conninfo: configuration.postgresConninfo,
            connections: configuration.postgresConnections,
            writers: 1,
            queueTimeoutMs: 1_000,
            applicationName: "holdfast \(configuration.serverName)",
            writerSettings: planSettings,
            poolSettings: planSettings,
            role: configuration.postgresRole,
        )
    }

    /// Connections of their own for seals, checks and moments of the past: those read many rows.
    private static func auditConfiguration(
        _ configuration: ServeConfiguration
    ) -> PostgresConfiguration {
        PostgresConfiguration(
            conninfo: configuration.postgresConninfo,
            connections: 2,
            writers: 0,
            statementTimeoutMs: 30_000,
            replyTimeoutMs: 60_000,
            applicationName: "holdfast \(configuration.serverName) audit",
            poolSettings: [
                "plan_cache_mode": "force_custom_plan", "enable_seqscan": "off", "jit": "off",
            ],
            role: configuration.postgresRole,
        )
    }

    /// Every statement finds its rows by key.
    ///
    /// A plan that was made while a table was small, or by statistics of yesterday, must not stay
    /// with a scan of all of it, and no join may ask for one.
    private static let planSettings = [
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "jit": "off",
    ]

    /// The database must have exactly the schema that this binary knows.
    private static func demandSchema(_ postgres: PostgresClient, logger: Logger) async throws {
        let report = try await Migrator(postgres: postgres, logger: logger).plan()
        if let missing = report.applied.first {
            throw CommandError(
                .failed,
                "the database lacks migration \(missing)",
                hint: "run `holdfast migrate` with the same --postgres",
            )
        }
    }

    /// Nobody serves who could rewrite what was written.
    private static func demandHarmlessRole(
        _ postgres: PostgresClient,
        logger: Logger,
    ) async throws {
        let serving = try await ServingRole.current(postgres)
        if let table = serving.rewritableTables.first {
            throw CommandError(
                .failed,
                "the role \(serving.role) could rewrite the ledger, \(table) first of all",
                hint: "postgres.role names a role that `holdfast migrate` made for servers",
            )
        }
        if serving.role != serving.login {
            logger.info(
                "serving with the rights of a role; its login may have more",
                metadata: ["role": "\(serving.role)", "login": "\(serving.login)"],
            )
        }
    }

    private static func sharedParts(
        _ configuration: ServeConfiguration,
        _ clients: (postgres: PostgresClient, audit: PostgresClient),
        _ loop: Loop,
        _ accessBook: AccessBook?,
        _ logger: Logger,
    ) async -> SharedParts {
        var limits = GateLimits()
        limits.pendingMs = configuration.gatePendingMs
        let routing = RoutingData()
        let (openings, opened) = AsyncStream<Int64>
            .makeStream(bufferingPolicy: .bufferingNewest(1))
        return SharedParts(
            postgres: clients.postgres,
            auditPostgres: clients.audit,
            committer: Committer(
                postgres: clients.postgres,
                requestsMax: configuration.batchRequestsMax,
                logger: logger,
            ),
            keeper: EpochKeeper(
                authority: EpochStore(postgres: clients.postgres, logger: logger),
                redis: await redisConnection(configuration, loop, logger, isWatched: true),
                loop: loop,
                server: configuration.serverName,
                logger: logger,
                opened: { opened.yield($0) },
            ),
            openings: openings,
            gateLimits: limits,
            batchRequestsMax: configuration.batchRequestsMax,
            requestIDs: RequestNumbers(server: configuration.serverName),
            serverName: configuration.serverName,
            routing: routing,
            routeDesk: RouteDesk(data: routing),
            routingHorizonDays: configuration.routingHorizonDays,
            routeViewMs: configuration.routeViewMs,
            accessBook: accessBook,
            logger: logger,
        )
    }

    /// A connection on `loop`; when Redis is away it goes on trying.
    ///
    /// One of a server's connections is watched: it tells the log when Redis comes and goes.
    private static func redisConnection(
        _ configuration: ServeConfiguration,
        _ loop: Loop,
        _ logger: Logger,
        isWatched: Bool = false,
    ) async -> NIOLoopBound<RedisConnection> {
        guard let addresses = RedisAddress.list(configuration.redisAddress) else {
            invariantBroken("redis.address was checked")
        }
        let redis = RedisConfiguration(
            // One that does not answer must not keep us from the next.
            connectTimeoutMs: addresses.count == 1 ? 1_000 : 300,
            username: configuration.redisUsername,
            password: configuration.redisPassword,
            wantsPrimary: true,
            backoffMaxMs: 200,
        )
        return
            await loop.start {
                let connection = RedisConnection(
                    addresses: addresses,
                    loop: loop,
                    configuration: redis,
                )
                if isWatched {
                    connection.onConnect = { address in
                        logger.notice("redis is connected", metadata: ["address": "\(address)"])
                    }
                    connection.onLost = { reason in
                        logger.warning("redis is lost", metadata: ["reason": "\(reason)"])
                    }
                }
                do throws(RedisError) {
                    try await connection.connect()
                } catch {
                    if isWatched {
                        logger.error("redis cannot be reached", metadata: ["error": "\(error)"])
                    }
                }
                return NIOLoopBound(connection, eventLoop: loop.eventLoop)
            }
            .value
    }

    private static func loopParts(
        _ configuration: ServeConfiguration,
        _ shared: SharedParts,
        _ loop: Loop,
    ) async -> BoundParts {
        let redis = await redisConnection(configuration, loop, shared.logger)
        return
            await loop.start {
                let parts = LoopParts(loop: loop, redis: redis.value, shared: shared)
                parts.gate.warmUp()
                return BoundParts(
                    loop: loop,
                    bound: NIOLoopBound(parts, eventLoop: loop.eventLoop),
                )
            }
            .value
    }

    private static func rpcServer(
        _ configuration: ServeConfiguration,
        _ parts: [BoundParts],
        _ metrics: [LoopMetrics],
        _ tls: TLSContexts?,
        _ logger: Logger,
    ) -> RPCServer {
        var rpc = configuration.transport
        rpc.host = configuration.grpcHost
        rpc.port = configuration.grpcPort
        rpc.sharesPort = configuration.grpcPortShared
        rpc.session.streamsMax = configuration.rpcStreamsMax
        rpc.connectionsMax = configuration.rpcConnectionsMax
        rpc.callsMax = configuration.rpcCallsMax
        rpc.messageBytesMax = configuration.rpcMessageBytesMax
        rpc.deadlineDefaultMilliseconds = configuration.rpcDeadlineDefaultMs
        rpc.deadlineMillisecondsMax = configuration.rpcDeadlineMaxMs
        return RPCServer(
            configuration: rpc,
            loops: parts.map(\.loop),
            registry: { loop in parts[index(of: loop, in: parts)].bound.value.registry() },
            events: { loop in RPCServerEvents(counting: metrics[index(of: loop, in: parts)]) },
            callGuard: { loop in
                parts[index(of: loop, in: parts)].bound.value.access.callGuard(on: loop)
            },
            descriptors: servedDescriptors(),
            tls: tls,
            logger: logger,
        )
    }

    private static func servedDescriptors() -> DescriptorIndex {
        do throws(DescriptorSetError) {
            return try DescriptorIndex(descriptorSet: ServedDescriptors.set)
        } catch {
            invariantBroken("the descriptors in the program cannot be read: \(error)")
        }
    }

    private static func index(of loop: Loop, in parts: [BoundParts]) -> Int {
        guard let index = parts.firstIndex(where: { $0.loop === loop }) else {
            invariantBroken("a server's loop is one of those that it was given")
        }
        return index
    }
}
