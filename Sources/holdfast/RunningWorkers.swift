// The workers of a server, on its first loop: expiry, healing, sealing, re-routing, and loading the view
// ahead of requests.

internal import Domain
internal import Gate
internal import Ledger
internal import Loop
internal import NIOCore
internal import Promising
internal import Workers

extension RunningServer {
    /// The workers, confined to one loop.
    struct Workers: Sendable {
        /// What they have done.
        struct Figures: Sendable {
            var expired: Int
            var expiryLagMs: Int64
            var healed: Int
            var warmed: Warm.Figures
            var sealedRows: Int64
            var sealLagMs: Int64
            var rerouted: LoopParts.ServingRerouteWorker.Driver.Figures
        }

        /// How often pending holds are looked through, milliseconds (PROTOCOL.md, "Heal").
        private static let healIntervalMs: Int64 = 200

        typealias Warm = WarmWorker<LoopGate, WarmStore>
        private typealias DriftWatcher = DriftWorker<LoopGate, DriftLedger>
        private typealias Routing = RoutingWorker<NetworkLedger, LoopGate>

        private let loop: Loop
        private let expiry: NIOLoopBound<ExpiryWorker<ExpiryStore, LoopGate>>
        private let warming: NIOLoopBound<Warm>
        private let sealing: NIOLoopBound<SealWorker<LedgerHistory>>
        private let routing: NIOLoopBound<Routing>
        private let retention: NIOLoopBound<RouteRetentionWorker<RouteRetention>>
        private let rerouting: NIOLoopBound<LoopParts.ServingRerouteWorker>
        /// Nil when nobody wants it.
        private let drift: NIOLoopBound<DriftWatcher>?
        /// One for each loop; the first looks for overdue holds as well.
        private let healing: [(loop: Loop, worker: NIOLoopBound<HealWorker>)]

        /// Starts them.
        static func start(
            _ configuration: ServeConfiguration,
            _ shared: SharedParts,
            _ parts: [BoundParts],
        ) async -> Workers {
            var healing: [(loop: Loop, worker: NIOLoopBound<HealWorker>)] = []
            for (index, part) in parts.enumerated() {
                healing.append(
                    (part.loop, await heal(part, looksForOverdue: index == 0, shared))
                )
            }
            let interval = configuration.expiryIntervalMs
            let batch = configuration.expiryBatchMax
            let first = parts[0]
            let expiry = await first.loop
                .start {
                    let worker = ExpiryWorker(
                        loop: first.loop,
                        ledger: ExpiryStore(postgres: shared.postgres),
                        gate: first.bound.value.gate,
                        intervalMs: interval,
                        batchMax: batch,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: first.loop.eventLoop)
                }
                .value
            return Workers(
                loop: first.loop,
                expiry: expiry,
                warming: await warm(first, configuration.gateWarmMax, shared),
                sealing: await seal(first, configuration, shared),
                routing: await route(
                    first,
                    shared,
                    refreshMs: configuration.routingIntervalMs
                ),
                retention: await retain(first, configuration, shared),
                rerouting: await reroute(first, configuration),
                drift: await drift(configuration, shared, parts),
                healing: healing,
            )
        }

        private static func reroute(
            _ part: BoundParts,
            _ configuration: ServeConfiguration,
        ) async -> NIOLoopBound<LoopParts.ServingRerouteWorker> {
            let attemptsMax = configuration.fulfilmentAttemptsMax
            let intervalMs = configuration.fulfilmentIntervalMs
            return await part.loop
                .start {
                    let worker = part.bound.value.rerouteWorker(
                        attemptsMax: attemptsMax,
                        intervalMs: intervalMs,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        private static func warm(
            _ part: BoundParts,
            _ positionsMax: Int,
            _ shared: SharedParts,
        ) async -> NIOLoopBound<Warm> {
            await part.loop
                .start {
                    let worker = Warm(
                        loop: part.loop,
                        view: part.bound.value.gate,
                        store: WarmStore(postgres: shared.postgres),
                        openings: shared.openings,
                        positionsMax: positionsMax,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        /// The watcher for drift: one for all loops, on the first.
        private static func drift(
            _ configuration: ServeConfiguration,
            _ shared: SharedParts,
            _ parts: [BoundParts],
        ) async -> NIOLoopBound<DriftWatcher>? {
            if configuration.driftIntervalMs == 0 { return nil }
            let pace = DriftPace(
                intervalMs: configuration.driftIntervalMs,
                inUseMax: configuration.driftPositionsMax,
                walkMax: configuration.driftWalkMax,
                walkIdleMax: configuration.driftWalkIdleMax,
            )
            let first = parts[0]
            return await first.loop
                .start {
                    let worker = DriftWatcher(
                        loop: first.loop,
                        audit: first.bound.value.driftAudit,
                        touched: { await touched(parts) },
                        board: shared.driftBoard,
                        server: shared.serverName,
                        pace: pace,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: first.loop.eventLoop)
                }
                .value
        }

        private static func seal(
            _ part: BoundParts,
            _ configuration: ServeConfiguration,
            _ shared: SharedParts,
        ) async -> NIOLoopBound<SealWorker<LedgerHistory>> {
            await part.loop
                .start {
                    let worker = SealWorker(
                        loop: part.loop,
                        sealer: LedgerHistory(postgres: shared.auditPostgres),
                        intervalMs: configuration.sealIntervalMs,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        /// The snapshot of network and rule sets: one for all loops, renewed on the first.
        private static func route(
            _ part: BoundParts,
            _ shared: SharedParts,
            refreshMs: Int64,
        ) async -> NIOLoopBound<Routing> {
            await part.loop
                .start {
                    let worker = Routing(
                        loop: part.loop,
                        keeping: part.bound.value.network,
                        data: shared.routing,
                        server: shared.serverName,
                        refreshMs: refreshMs,
                        logger: shared.logger,
                    )
                    await worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        private static func retain(
            _ part: BoundParts,
            _ configuration: ServeConfiguration,
            _ shared: SharedParts,
        ) async -> NIOLoopBound<RouteRetentionWorker<RouteRetention>> {
            await part.loop
                .start {
                    let worker = RouteRetentionWorker(
                        loop: part.loop,
                        store: RouteRetention(postgres: shared.auditPostgres),
                        days: configuration.routePreviewDays,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        /// Positions that the gates were asked about since the last call.
        private static func touched(_ parts: [BoundParts]) async -> [PositionID] {
            var touched: [PositionID] = []
            for part in parts {
                let bound = part.bound
                touched += await part.loop.start { bound.value.gate.takeTouched() }.value
            }
            return touched
        }

        private static func heal(
            _ part: BoundParts,
            looksForOverdue: Bool,
            _ shared: SharedParts,
        ) async -> NIOLoopBound<HealWorker> {
            await part.loop
                .start {
                    let worker = HealWorker(
                        loop: part.loop,
                        healing: part.bound.value.healing,
                        intervalMs: Self.healIntervalMs,
                        looksForOverdue: looksForOverdue,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        /// What they have done so far.
        func figures() async -> Figures {
            let healing = self.healing[0].worker
            return
                await loop.start {
                    Figures(
                        expired: expiry.value.expired,
                        expiryLagMs: expiry.value.lagMs,
                        healed: healing.value.healed,
                        warmed: warming.value.figures,
                        sealedRows: sealing.value.rows,
                        sealLagMs: sealing.value.lagMs,
                        rerouted: rerouting.value.figures,
                    )
                }
                .value
        }

        /// Stops them after what is under way.
        func stop() async {
            await loop.start { await expiry.value.stop() }.value
            await loop.start { await warming.value.stop() }.value
            await loop.start { await sealing.value.stop() }.value
            await loop.start { await routing.value.stop() }.value
            await loop.start { await retention.value.stop() }.value
            await loop.start { await rerouting.value.stop() }.value
            if let drift { await loop.start { await drift.value.stop() }.value }
            for (loop, worker) in healing {
                await loop.start { await worker.value.stop() }.value
            }
        }
    }
}
