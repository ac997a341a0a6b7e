// A server that runs: what it says of itself, and how it ends.

internal import API
internal import Base
internal import Domain
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
internal import Workers

/// The parts of a running server.
final class RunningServer: Sendable {
    /// The port that it listens on.
    let grpcPort: Int
    private let rpc: RPCServer
    private let parts: [BoundParts]
    private let metrics: [LoopMetrics]
    private let shared: SharedParts
    private let workers: Workers
    private let access: AccessWatch?
    private let tls: TLSWatch?
    private let group: MultiThreadedEventLoopGroup
    private let graceMs: Int64

    init(
        grpcPort: Int,
        rpc: RPCServer,
        parts: [BoundParts],
        metrics: [LoopMetrics],
        shared: SharedParts,
        workers: Workers,
        access: AccessWatch?,
        tls: TLSWatch?,
        group: MultiThreadedEventLoopGroup,
        graceMs: Int64,
    ) {
        self.grpcPort = grpcPort
        self.rpc = rpc
        self.parts = parts
        self.metrics = metrics
        self.shared = shared
        self.workers = workers
        self.access = access
        self.tls = tls
        self.group = group
        self.graceMs = graceMs
    }

    /// Which parts are ready to serve.
    func readiness() async -> [ReadinessPart] {
        var open = 0
        for part in parts {
            let bound = part.bound
            open += await part.loop.start { bound.value.gate.isOpen ? 1 : 0 }.value
        }
        var postgres = ReadinessPart(name: "postgres", isReady: true, detail: "")
        do throws(Failure) {
            _ = try await EpochStore(postgres: shared.postgres, logger: shared.logger)
                .currentEpoch()
        } catch {
            postgres = ReadinessPart(name: "postgres", isReady: false, detail: "\(error)")
        }
        return [
            ReadinessPart(name: "rpc", isReady: rpc.health.isServing("") ?? false, detail: ""),
            ReadinessPart(
                name: "gate",
                isReady: open == parts.count,
                detail: "open on \(open) of \(parts.count) loops",
            ),
            postgres,
        ]
    }

    /// The page of metrics.
    func metricsText() async -> String {
        var page = MetricsPage()
        for loop in metrics { loop.writeCalls(to: &page) }
        await writeGate(to: &page)
        let commits = shared.committer.counters
        page.add(.ledgerBatches, Int64(commits.batches))
        page.add(.ledgerBatchRequests, Int64(commits.requests))
        page.add(.ledgerBatchRetries, Int64(commits.retries))
        page.add(.ledgerBatchLate, Int64(commits.late))
        page.add(shared.postgres.statistics())
        let work = await workers.figures()
        page.add(.expired, Int64(work.expired))
        page.add(.expirySweepLag, fraction: Double(work.expiryLagMs) / 1_000)
        page.add(.gateHealed, Int64(work.healed))
        page.add(.gateWarmed, Int64(work.warmed.positions))
        page.add(.gateWarming, work.warmed.isWarming ? 1 : 0)
        page.add(.gateWarmUpLast, fraction: Double(work.warmed.lastMs) / 1_000)
        page.add(.ledgerSealedRows, work.sealedRows)
        page.add(.ledgerSealLag, fraction: Double(work.sealLagMs) / 1_000)
        page.add(.reroutes, Int64(work.rerouted.jobs))
        page.add(.reroutedUnits, work.rerouted.movedUnits)
        page.add(.backorderedUnits, work.rerouted.lostUnits)
        await writeOpenWork(to: &page)
        write(shared.driftBoard.figures, to: &page)
        let access = await self.access?.figures() ?? AccessWatch.Figures()
        access.write(to: &page)
        if let tls {
            tls.write(to: &page)
        } else {
            page.add(.tlsCertificateExpiry, 0)
        }
        ProcessFigures.write(to: &page)
        return page.text()
    }

    /// What is open in the database, for all servers; nothing while it is away.
    private func writeOpenWork(to page: inout MetricsPage) async {
        let ledger = FulfilmentLedger(postgres: shared.auditPostgres)
        guard let open = try? await ledger.openWork() else { return }
        page.add(.reroutesPending, open.reroutes)
        for queue in ExceptionQueue.allCases {
            page.add(
                .exceptionsOpen,
                open.exceptions[queue.rawValue] ?? 0,
                labels: [queue.rawValue],
            )
        }
    }

    private func writeGate(to page: inout MetricsPage) async {
        var isOpen = true
        var epoch: Int64 = 0
        // Of the loop that it was closed to for longest.
        var closedMs: Int64 = 0
        var longestMs: Int64 = 0
        for part in parts {
            let bound = part.bound
            let gate = await part.loop
                .start {
                    (
                        counters: bound.value.gate.counters, isOpen: bound.value.gate.isOpen,
                        epoch: bound.value.gate.openEpoch, window: bound.value.gate.window,
                    )
                }
                .value
            page.add(.gateScriptCalls, Int64(gate.counters.calls))
            page.add(.gateAdmitted, Int64(gate.counters.admitted))
            page.add(.gateRefused, Int64(gate.counters.refused))
            page.add(.gateClosures, Int64(gate.counters.closures))
            page.add(.gateLate, Int64(gate.counters.late))
            page.add(.gateFailures, Int64(gate.counters.failures))
            page.add(.gateDroppedViews, Int64(gate.counters.forgotten))
            closedMs = max(closedMs, gate.window.totalMs())
            longestMs = max(longestMs, gate.window.longestMs())
            isOpen = isOpen && gate.isOpen
            epoch = max(epoch, gate.epoch ?? 0)
        }
        page.add(.gateOpen, isOpen ? 1 : 0)
        page.add(.gateEpoch, epoch)
        page.add(.gateReopenings, Int64(await shared.keeper.reopenings))
        let opening = await shared.keeper.openingMs
        page.add(.gateReopeningSeconds, fraction: Double(opening.all) / 1_000)
        page.add(.gateReopeningLast, fraction: Double(opening.last) / 1_000)
        page.add(.gateClosedSeconds, fraction: Double(closedMs) / 1_000)
        page.add(.gateClosedLongest, fraction: Double(longestMs) / 1_000)
    }

    private func write(_ drift: DriftBoard.Figures, to page: inout MetricsPage) {
        page.add(.driftAudits, Int64(drift.audited))
        page.add(.driftAlarms, Int64(drift.alarms))
        page.add(.driftPositions, Int64(drift.drifting))
        page.add(.driftUnitsMax, drift.unitsMax)
        page.add(.driftInUse, Int64(drift.inUse))
        page.add(.driftAuditAge, fraction: Double(drift.ageMs) / 1_000)
        page.add(
            .driftWalkStart,
            fraction: Double(drift.walkBeganAt?.microseconds ?? 0) / 1_000_000,
        )
        page.add(.driftLagVersions, drift.lagVersionsMax)
        page.add(.driftLag, fraction: Double(drift.lagMsMax) / 1_000)
        page.add(.driftInFlight, drift.inFlight)
    }

    /// Reads again what may change while the server runs.
    func reload() async {
        tls?.look(isAsked: true)
        await access?.look(isAsked: true)
    }

    /// Lets running calls finish, then stops every part.
    func shutdown() async {
        tls?.stop()
        for part in parts {
            let bound = part.bound
            await part.loop.start { bound.value.feed.stop() }.value
        }
        await rpc.shutdown(graceMilliseconds: graceMs)
        await access?.stop()
        await workers.stop()
        for part in parts {
            let bound = part.bound
            await part.loop
                .start {
                    await bound.value.gate.drain()
                    await bound.value.redis.close()
                }
                .value
        }
        await shared.keeper.close()
        await shared.auditPostgres.shutdown()
        await shared.postgres.shutdown()
        do {
            try await group.shutdownGracefully()
        } catch {
            shared.logger.error("event loops did not stop", metadata: ["error": "\(error)"])
        }
    }
}

/// The parts of a loop, with the loop to reach them on.
struct BoundParts: Sendable {
    let loop: Loop
    let bound: NIOLoopBound<LoopParts>
}
