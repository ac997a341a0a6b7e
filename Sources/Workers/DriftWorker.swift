// Watches for drift: audits the positions in use again and again, walks slowly over all others, and
// raises an alarm for what two exact audits found. The cost is bounded: so many positions a round,
// those that waited longest first.

package import Base
package import Domain
package import Logging
package import Loop
internal import NIOCore
package import Promising

/// How often and how much a watcher looks.
package struct DriftPace: Sendable {
    /// The pause between two rounds, in milliseconds.
    package var intervalMs: Int64
    /// Positions in use that one round audits.
    package var inUseMax: Int
    /// Positions that the slow walk audits in a round.
    package var walkMax: Int
    /// The same while no position is in use.
    package var walkIdleMax: Int
    /// For how long a position is in use after it was touched, in milliseconds.
    package var inUseMs: Int64 = 5_000
    /// Positions in use that are remembered.
    package var rememberedMax = 4_096
    /// How long an alarm is left alone before it is looked at again, in milliseconds.
    package var recheckMs: Int64 = 2_000

    package init(intervalMs: Int64, inUseMax: Int, walkMax: Int, walkIdleMax: Int) {
        self.intervalMs = intervalMs
        self.inUseMax = inUseMax
        self.walkMax = walkMax
        self.walkIdleMax = walkIdleMax
    }
}

/// The watcher of a server, on one loop.
package final class DriftWorker<View: DriftViewPort, Ledger: DriftLedgerPort> {
    /// What is known of a position in use.
    private struct Known {
        var touchedAt: Deadline
        var auditedAt: Deadline?
        /// The ledger's sum that its balances were last found to be.
        var fold: LedgerFold?
        /// Where it was last found right.
        var clean: (version: Int64, at: Instant)?
    }

    private struct Alarm {
        var finding: DriftFinding
        var key: String
    }

    /// The alarms of a position, and when they were last looked at.
    private struct Alarms {
        var byKind: [DriftKind: Alarm] = [:]
        var checkedAt = Deadline.now
    }

    private let loop: Loop
    private let audit: DriftAudit<View, Ledger>
    private let touched: () async -> [PositionID]
    private let board: DriftBoard
    private let server: String
    private let pace: DriftPace
    private let clock: any Clock
    private let logger: Logger
    private var task: Task<Void, Never>?

    private var known: [PositionID: Known] = [:]
    private var alarms: [PositionID: Alarms] = [:]
    private var figures = DriftBoard.Figures()
    private var cursor: AuditedPosition?
    private var walkBeganAt: Instant?

    /// `touched` gives the positions that were asked for since it was last called, `server` names
    /// this process in the history of findings.
    package init(
        loop: Loop,
        audit: DriftAudit<View, Ledger>,
        touched: @escaping () async -> [PositionID],
        board: DriftBoard,
        server: String,
        pace: DriftPace,
        clock: any Clock = SystemClock(),
        logger: Logger,
    ) {
        self.loop = loop
        self.audit = audit
        self.touched = touched
        self.board = board
        self.server = server
        self.pace = pace
        self.clock = clock
        self.logger = logger
    }

    /// Begins to watch; once.
    package func start() {
        loop.eventLoop.preconditionInEventLoop()
        invariant(task == nil, "a worker starts once")
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let pause = Duration.milliseconds(pace.intervalMs)
        task = loop.start {
            while !Task.isCancelled {
                await bound.value.round()
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Stops after the round that is under way.
    package func stop() async {
        loop.eventLoop.preconditionInEventLoop()
        task?.cancel()
        await task?.value
    }

    // MARK: A round

    private func round() async {
        await noteTouched()
        do throws(Failure) {
            let positions = due(inUse)
                .map { id in
                    (id: id, start: known[id]?.fold.map { FoldStart.after($0) } ?? .believing)
                }
            var suspects = Set(try await look(positions))
            suspects.formUnion(try await walk())
            // An alarm is looked at until it is over, but not all the time.
            let recent = Deadline.now.advanced(milliseconds: -pace.recheckMs)
            for (position, alarm) in alarms {
                if alarm.checkedAt > recent {
                    suspects.remove(position)
                } else {
                    suspects.insert(position)
                }
            }
            if !suspects.isEmpty { try await confirm(suspects.sorted()) }
        } catch {
            // The gate is closed or a store is away: there is nothing to be compared.
            logger.debug("cannot audit", metadata: ["error": "\(error)"])
        }
        publish()
    }

    private func noteTouched() async {
        let now = Deadline.now
        for position in await touched() {
            known[position, default: Known(touchedAt: now)].touchedAt = now
        }
        if known.count <= pace.rememberedMax { return }
        // What was right long ago is worth remembering, but not without end.
        let latest = known.sorted { $0.value.touchedAt > $1.value.touchedAt }
        known = Dictionary(
            uniqueKeysWithValues: latest.prefix(pace.rememberedMax / 2).map { ($0.key, $0.value) }
        )
    }

    private var inUse: [PositionID: Known] {
        let old = Deadline.now.advanced(milliseconds: -pace.inUseMs)
        return known.filter { $0.value.touchedAt > old }
    }

    /// Those of them that waited longest.
    private func due(_ inUse: [PositionID: Known]) -> [PositionID] {
        if inUse.count <= pace.inUseMax { return Array(inUse.keys) }
        return inUse.map { (id: $0.key, at: $0.value.auditedAt ?? Deadline(nanoseconds: 0)) }
            .sorted { $0.at < $1.at }.prefix(pace.inUseMax).map(\.id)
    }

    /// Audits positions in use; returns those that look wrong.
    private func look(
        _ positions: [(id: PositionID, start: FoldStart)]
    ) async throws(Failure) -> [PositionID] {
        let audits = try await audit.audit(positions)
        figures.audited += audits.count
        figures.lagVersionsMax = audits.map(\.lagVersions).max() ?? 0
        figures.lagMsMax = audits.map { $0.ledger?.lagMs ?? 0 }.max() ?? 0
        figures.inFlight = audits.reduce(0) { $0 + ($1.view?.figures?.pending ?? 0) }
        return note(audits)
    }

    /// Remembers what is right; returns the positions that look wrong.
    private func note(_ audits: [PositionAudit]) -> [PositionID] {
        let (now, moment) = (Deadline.now, clock.now())
        for found in audits where known[found.position] != nil {
            known[found.position]?.auditedAt = now
            guard found.findings.isEmpty, let ledger = found.ledger else { continue }
            known[found.position]?.fold = ledger.fold
            known[found.position]?.clean = (found.view?.figures?.version ?? ledger.version, moment)
        }
        return audits.filter { !$0.findings.isEmpty }.map(\.position)
    }

    /// The next part of the walk over all positions: a piece, and more of them while nobody needs the
    /// stores, for half of the pause between two rounds at most.
    private func walk() async throws(Failure) -> [PositionID] {
        var suspects = try await walkPiece()
        if !inUse.isEmpty { return suspects }
        let end = Deadline.now.advanced(milliseconds: pace.intervalMs / 2)
        var walked = pace.walkMax
        while cursor != nil, walked + pace.walkMax <= pace.walkIdleMax, !end.hasPassed,
            !Task.isCancelled
        {
            suspects += try await walkPiece()
            walked += pace.walkMax
        }
        return suspects
    }

    /// The next piece of the walk, each position with its whole ledger.
    private func walkPiece() async throws(Failure) -> [PositionID] {
        if cursor == nil { walkBeganAt = clock.now() }
        let page = try await audit.ledger.positions(
            in: .all,
            after: cursor,
            limit: pace.walkMax,
        )
        cursor = page.count < pace.walkMax ? nil : page.last
        let audits = try await audit.audit(page.map(\.id))
        figures.audited += audits.count
        if cursor == nil { figures.walkBeganAt = walkBeganAt }
        return note(audits)
    }

    // MARK: Alarms

    /// Audits positions with their whole ledgers, twice if need be: what both find is an alarm.
    private func confirm(_ suspects: [PositionID]) async throws(Failure) {
        let first = try await judged(suspects)
        let fresh = first.filter { found in
            found.findings.contains { alarms[found.position]?.byKind[$0.kind] == nil }
        }
        var second: [PositionID: [DriftFinding]] = [:]
        for found in try await judged(fresh.map(\.position)) {
            second[found.position] = found.findings
        }
        var events: [DriftEvent] = []
        for found in first {
            for finding in found.findings {
                if alarms[found.position]?.byKind[finding.kind] != nil {
                    alarms[found.position]?.byKind[finding.kind]?.finding = finding
                } else if second[found.position]?.contains(where: { $0.isSame(as: finding) })
                    == true
                {
                    events.append(raise(finding, found))
                }
            }
            events += lower(found)
            alarms[found.position]?.checkedAt = .now
        }
        try await audit.ledger.note(events)
    }

    private func judged(_ positions: [PositionID]) async throws(Failure) -> [PositionAudit] {
        var judged: [PositionAudit] = []
        for found in try await audit.audit(positions) {
            judged.append(try await audit.judged(found))
        }
        figures.audited += judged.count
        return judged
    }

    private func raise(_ finding: DriftFinding, _ found: PositionAudit) -> DriftEvent {
        let key = found.ledger.map { "\($0.key.sku)@\($0.key.node)" } ?? "#\(found.position)"
        alarms[found.position, default: Alarms()].byKind[finding.kind] =
            Alarm(finding: finding, key: key)
        figures.alarms += 1
        // Balances were believed when they were first seen; only the ledger says since when they differ.
        let clean = finding.kind == .ledger ? nil : known[found.position]?.clean
        logger.error(
            "stock drifts",
            metadata: [
                "position": "\(key)", "finding": "\(finding.kind)", "units": "\(finding.units)",
                "detail": "\(finding.detail)",
                "last_right_at_version": "\(clean.map { "\($0.version)" } ?? "unknown")",
            ],
        )
        return event(.found, finding, found, clean)
    }

    /// Ends the alarms of a position for what is no longer found.
    private func lower(_ found: PositionAudit) -> [DriftEvent] {
        let kinds = Set(found.findings.map(\.kind))
        let over = (alarms[found.position]?.byKind ?? [:]).filter { !kinds.contains($0.key) }
        for (kind, alarm) in over {
            alarms[found.position]?.byKind[kind] = nil
            logger.notice(
                "stock no longer drifts",
                metadata: ["position": "\(alarm.key)", "finding": "\(kind)"],
            )
        }
        if alarms[found.position]?.byKind.isEmpty == true { alarms[found.position] = nil }
        return over.map { event(.gone, $0.value.finding, found, nil) }
    }

    private func event(
        _ kind: DriftEvent.Kind,
        _ finding: DriftFinding,
        _ found: PositionAudit,
        _ clean: (version: Int64, at: Instant)?,
    ) -> DriftEvent {
        DriftEvent(
            position: found.position,
            kind: kind,
            finding: finding,
            version: found.view?.figures?.version ?? found.ledger?.version ?? 0,
            clean: clean,
            server: server,
            origin: Origin(principal: "system:drift", requestID: "", traceID: ""),
        )
    }

    private func publish() {
        let now = Deadline.now
        let inUse = self.inUse
        let oldest = inUse.values.map { $0.auditedAt ?? $0.touchedAt }.min()
        figures.ageMs = oldest.map { now.milliseconds(from: $0) } ?? 0
        figures.inUse = inUse.count
        figures.drifting = alarms.count
        figures.unitsMax =
            alarms.values.flatMap(\.byKind.values).map { abs($0.finding.units) }.max() ?? 0
        board.update(figures, inUse: Array(inUse.keys), alarmed: alarms.keys.sorted())
    }
}
