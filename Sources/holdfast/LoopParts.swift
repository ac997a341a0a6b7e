// What serves on one event loop: the gate, the ledger and the services over them. All of it belongs to
// the loop's thread.

internal import API
internal import Base
internal import Gate
internal import Ledger
internal import Logging
internal import Loop
internal import NIOCore
internal import Postgres
internal import Promising
internal import RPC
internal import Redis
internal import Synchronization
internal import Workers

/// The parts of one loop.
final class LoopParts {
    let loop: Loop
    let redis: RedisConnection
    let gate: LoopGate
    /// Who may call what on this loop.
    let access: LoopAccess
    /// Tells those who watch stock on this loop.
    let feed: AvailabilityFeed<Ledger.StockLedger>
    private let ledger: LoopLedger
    private let shared: SharedParts

    init(loop: Loop, redis: RedisConnection, shared: SharedParts) {
        let gate = LoopGate(
            loop: loop,
            redis: redis,
            keeper: shared.keeper,
            limits: shared.gateLimits,
            logger: shared.logger,
        )
        self.loop = loop
        self.redis = redis
        self.gate = gate
        self.shared = shared
        access = LoopAccess(book: shared.accessBook)
        feed = AvailabilityFeed(
            ledger: Ledger.StockLedger(postgres: shared.postgres),
            loop: loop,
        )
        ledger = LoopLedger(
            loop: loop,
            postgres: shared.postgres,
            committer: shared.committer,
            requestsMax: shared.batchRequestsMax,
            settle: { settlement, ending in gate.post(settlement, ending: ending) },
        )
    }

    /// Brings the view up to the ledger where it is behind.
    var healing: Healing {
        Healing(view: gate, rows: LedgerRows(postgres: shared.postgres))
    }

    /// Holds the view of positions against their ledgers.
    var driftAudit: DriftAudit<LoopGate, DriftLedger> {
        DriftAudit(view: gate, ledger: DriftLedger(postgres: shared.postgres))
    }

    private var networks: NetworkLedger {
        NetworkLedger(postgres: shared.postgres, horizonDays: shared.routingHorizonDays)
    }

    /// Changes of the network, with their capacity told to this loop's gate.
    var network: NetworkKeeping<NetworkLedger, LoopGate> {
        NetworkKeeping(ledger: networks, gate: gate)
    }

    typealias ServingPlaces = RoutedRerouting<
        LoopPeek, RouteLedger, Holding, StockRerouting<FulfilmentLedger, Holding>
    >
    typealias ServingRerouteWorker = RerouteWorker<
        FulfilmentLedger, LoopGate, Holding, ServingPlaces
    >

    private var reserving: Reserving {
        Reserving(gate: gate, ledger: ledger, healing: healing)
    }

    /// Finds units another place that need one.
    func rerouteWorker(attemptsMax: Int, intervalMs: Int64) -> ServingRerouteWorker {
        let fulfilment = FulfilmentLedger(postgres: shared.postgres)
        let reserving = reserving
        let holds = Holding(reserving: reserving)
        let routes = RouteLedger(loop: loop, postgres: shared.postgres)
        return ServingRerouteWorker(
            loop: loop,
            ledger: fulfilment,
            driver: Rerouter(
                ledger: fulfilment,
                gate: gate,
                holds: holds,
                places: RoutedRerouting(
                    routed: RoutedReserving(reserving: reserving, routing: planning(routes)),
                    routes: routes,
                    holds: holds,
                    unrouted: StockRerouting(stock: fulfilment, holds: holds),
                ),
                attemptsMax: attemptsMax,
            ),
            attemptsMax: attemptsMax,
            intervalMs: intervalMs,
            logger: shared.logger,
        )
    }

    /// The methods that this loop serves.
    func registry() -> ServiceRegistry {
        let reserving = reserving
        let stock = StockKeeping(ledger: Ledger.StockLedger(postgres: shared.postgres), gate: gate)
        let orders = Ordering(
            ledger: Ledger.OrderLedger(postgres: shared.postgres),
            gate: gate,
            holds: Holding(reserving: reserving),
        )
        let requestIDs = shared.requestIDs
        let newRequestID: RequestIDs = { requestIDs.next() }
        var registry = ServiceRegistry()
        InventoryService(stock: stock)
            .register(on: &registry, loop: loop, feed: feed, newRequestID: newRequestID)
        ReservationService(reserving: reserving)
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        OrderService(orders: orders)
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        let fulfilment = FulfilmentLedger(postgres: shared.postgres)
        FulfilmentService(fulfilling: Fulfilling(ledger: fulfilment, gate: gate))
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        let counts = CountLedger(postgres: shared.postgres)
        CountService(counting: Counting(ledger: counts, gate: gate))
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        LedgerService(history: LedgerHistory(postgres: shared.auditPostgres))
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        OpsService(
            repair: Promising.DriftRepair(audit: driftAudit, server: shared.serverName),
            stock: Ledger.StockLedger(postgres: shared.postgres),
            board: shared.driftBoard,
        )
        .register(on: &registry, loop: loop, newRequestID: newRequestID)
        NetworkService(keeping: network)
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        let rules = RuleLedger(postgres: shared.postgres)
        RuleService(keeping: RuleKeeping(ledger: rules, data: shared.routing))
            .register(on: &registry, loop: loop, newRequestID: newRequestID)
        registerRouting(on: &registry, reserving, newRequestID)
        for path in registry.methodPaths {
            invariant(ServedMethods.paths.contains(path), "\(path) is not among the served methods")
            invariant(AccessTable.rules[path] != nil, "nobody said who may call \(path)")
        }
        return registry
    }
}

extension LoopParts {
    /// Plans on the hot view of this loop.
    private func planning(
        _ routes: RouteLedger
    ) -> RoutePlanning<LoopPeek, RouteLedger> {
        let (gate, ledger) = (gate, ledger)
        var limits = RouteStockLimits()
        limits.ageMs = shared.routeViewMs
        let stock = RouteStock(
            gate: LoopPeek(loop: loop, gate: gate),
            ledger: routes,
            limits: limits,
        ) { positions, epoch async throws(Failure) in
            try await gate.load(try await ledger.load(positions), epoch: epoch)
        }
        return RoutePlanning(desk: shared.routeDesk, stock: stock, ledger: routes)
    }

    /// Routing, and reserving with it.
    private func registerRouting(
        on registry: inout ServiceRegistry,
        _ reserving: Reserving,
        _ newRequestID: @escaping RequestIDs,
    ) {
        let routes = RouteLedger(loop: loop, postgres: shared.postgres)
        let networks = networks
        let planning = planning(routes)
        let rules = RuleSetFinder(networks: networks)
        RoutingService(
            planning: planning,
            history: RouteHistory(ledger: routes, networks: networks, desk: shared.routeDesk),
            rules: rules,
        )
        .register(on: &registry, loop: loop, newRequestID: newRequestID)
        RoutedReservationService(
            reserving: RoutedReserving(reserving: reserving, routing: planning),
            rules: rules,
        )
        .register(on: &registry, loop: loop, newRequestID: newRequestID)
    }
}

/// What the loops of a process share; all of it may be used from any thread.
struct SharedParts: Sendable {
    let postgres: PostgresClient
    /// For work on the whole ledger, so that nobody else waits behind it.
    let auditPostgres: PostgresClient
    let committer: Committer
    let keeper: EpochKeeper
    /// The epochs that this process opened, the latest of them.
    let openings: AsyncStream<Int64>
    let gateLimits: GateLimits
    let batchRequestsMax: Int
    let requestIDs: RequestNumbers
    let serverName: String
    /// The network and the rule sets that every loop plans on.
    let routing: RoutingData
    /// Where every loop plans.
    let routeDesk: RouteDesk
    let routingHorizonDays: Int32
    /// How old the figures may be that are planned on, milliseconds.
    let routeViewMs: Int64
    /// What the watcher for drift knows.
    let driftBoard = DriftBoard()
    /// The callers at start; nil: everybody may do everything.
    let accessBook: AccessBook?
    let logger: Logger
}

/// Numbers requests that came without an id: the server's name and a count.
final class RequestNumbers: Sendable {
    private let prefix: String
    private let count = Atomic<UInt64>(0)

    init(server: String) {
        prefix = server + "/"
    }

    func next() -> String {
        prefix + String(count.add(1, ordering: .relaxed).newValue)
    }
}
