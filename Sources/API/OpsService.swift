// Operations over RPC: drift, its explanation and its repair. Checks what was sent; the audit decides.

internal import Base
package import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.OpsService`, on one event loop.
package struct OpsService<
    View: DriftViewPort & GatePort,
    Ledger: DriftLedgerPort,
    Stock: StockLedgerPort
> {
    package static var name: String { "holdfast.v1.OpsService" }
    /// Positions of one message of ListDrift.
    private static var pageMax: Int { 200 }
    /// Ledger rows that ExplainDrift lists when nobody says how many.
    private static var rowsStandard: Int { 20 }
    /// Entries of the history that are looked through.
    private static var eventsMax: Int { 50 }

    private let repair: DriftRepair<View, Ledger>
    private let stock: Stock
    private let board: DriftBoard

    private var audit: DriftAudit<View, Ledger> { repair.audit }

    package init(repair: DriftRepair<View, Ledger>, stock: Stock, board: DriftBoard) {
        self.repair = repair
        self.stock = stock
        self.board = board
    }

    /// Adds every method to the registry of `loop`; called on that loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        newRequestID: @escaping RequestIDs,
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        registry.serverStream(
            service: Self.name,
            method: "ListDrift",
            priority: .low,
        ) { requests, replies, call async throws(Status) in
            guard let message = try await requests.next() else { return }
            let request = try decode(Holdfast_V1_ListDriftRequest.self, message.bytes)
            try await bound.value.listDrift(request, replies, call)
        }
        registry.add(
            bound,
            service: Self.name,
            method: "ExplainDrift",
            newRequestID: newRequestID,
        ) { me, request, _ async throws(Status) in
            try await me.explainDrift(request)
        }
        registry.add(
            bound,
            service: Self.name,
            method: "RepairDrift",
            newRequestID: newRequestID,
        ) { me, request, call async throws(Status) in
            try await me.repairDrift(request, call.origin)
        }
    }

    // MARK: ListDrift

    private func listDrift(
        _ request: Holdfast_V1_ListDriftRequest,
        _ replies: MessageWriter,
        _ call: ServerCall,
    ) async throws(Status) {
        var validator = Validator()
        validator.optionalName(request.sku, "sku")
        validator.optionalName(request.node, "node")
        if request.all, !request.sku.isEmpty || !request.node.isEmpty {
            validator.fail("all", "must not be set together with sku or node")
        }
        try validator.check()
        var answer = Holdfast_V1_ListDriftResponse()
        let scope = DriftScope(request)
        var watched = scope == nil ? board.watched[...] : []
        answer.total =
            scope == .all
            ? try await answering { () async throws(Failure) in
                try await audit.ledger.positionCount()
            } : Int64(watched.count)
        var cursor: AuditedPosition?
        var isLast = false
        while !isLast, !call.isCancelled {
            let ids: [PositionID]
            if let scope {
                let page = try await page(of: scope, after: cursor)
                cursor = page.last
                isLast = page.count < Self.pageMax
                ids = page.map(\.id)
            } else {
                ids = Array(watched.prefix(Self.pageMax))
                watched = watched.dropFirst(ids.count)
                isLast = watched.isEmpty
            }
            if answer.audited == 0, ids.isEmpty, scope != .all, scope != nil {
                throw Status(unknown(request), fields: .single)
            }
            answer.positions = try await rows(of: ids, request.findingsOnly)
            answer.audited += Int64(ids.count)
            answer.drifting += Int64(answer.positions.count { !$0.findings.isEmpty })
            answer.total = isLast ? answer.audited : max(answer.total, answer.audited)
            try await replies.send(try encode(answer))
        }
    }

    private func page(
        of scope: DriftScope,
        after cursor: AuditedPosition?,
    ) async throws(Status) -> [AuditedPosition] {
        try await answering { () async throws(Failure) in
            try await audit.ledger.positions(in: scope, after: cursor, limit: Self.pageMax)
        }
    }

    private func rows(
        of ids: [PositionID],
        _ findingsOnly: Bool,
    ) async throws(Status) -> [Holdfast_V1_PositionDrift] {
        var rows: [Holdfast_V1_PositionDrift] = []
        let audits = try await answering { () async throws(Failure) in try await audit.audit(ids) }
        for found in audits {
            if found.findings.isEmpty {
                if !findingsOnly { rows.append(Holdfast_V1_PositionDrift(found)) }
                continue
            }
            let judged = try await answering { () async throws(Failure) in
                try await audit.judged(found)
            }
            if judged.findings.isEmpty, findingsOnly { continue }
            rows.append(try await described(judged).message)
        }
        return rows
    }

    private func unknown(_ request: Holdfast_V1_ListDriftRequest) -> Refusal {
        let part: UnknownPart =
            request.sku.isEmpty ? .node : request.node.isEmpty ? .sku : .combination
        let key = PositionKey(sku: request.sku, node: request.node)
        return .unknownPosition(line: 0, key: key, unknown: part)
    }

    // MARK: ExplainDrift

    package func explainDrift(
        _ request: Holdfast_V1_ExplainDriftRequest
    ) async throws(Status) -> Holdfast_V1_ExplainDriftResponse {
        var validator = Validator()
        validator.name(request.sku, "sku")
        validator.name(request.node, "node")
        let rows = validator.pageSize(
            request.rows,
            "rows",
            standard: Self.rowsStandard,
            max: Limits.pageRowsMax,
        )
        try validator.check()
        let key = PositionKey(sku: request.sku, node: request.node)
        let id = try await known(key)
        let found = try await answering { () async throws(Failure) in try await audit.judged(id) }
        let (message, events, place) = try await described(found)
        var answer = Holdfast_V1_ExplainDriftResponse()
        answer.position = message
        answer.ledgerFree = found.ledger?.freeAtView ?? 0
        answer.beyondDelta = found.ledger?.beyondDelta ?? 0
        answer.pendingUnits = found.view?.pendingSum ?? (found.view == nil ? 0 : -1)
        // A quarter of the rows after the place where the sums part, the rest before it.
        let before = place.map {
            LedgerCursor(version: $0.version + Int64(rows / 4) + 1, step: 0)
        }
        answer.entries = try await entries(of: key, before: before, rows)
        answer.events = events.map { Holdfast_V1_DriftEvent($0) }
        return answer
    }

    private func known(_ key: PositionKey) async throws(Status) -> PositionID {
        if let id = try await answering({ () async throws(Failure) in
            try await audit.ledger.position(key)
        }) {
            return id
        }
        _ = try await entries(of: key, before: nil, 1)
        let refusal = Refusal.unknownPosition(line: 0, key: key, unknown: .combination)
        throw Status(refusal, fields: .single)
    }

    private func entries(
        of key: PositionKey,
        before cursor: LedgerCursor?,
        _ rows: Int,
    ) async throws(Status) -> [Holdfast_V1_LedgerEntry] {
        let page = try await answering { () async throws(Failure) in
            try await stock.ledger(of: key, before: cursor, limit: rows)
        }
        switch page {
        case .refused(let refusal): throw Status(refusal, fields: .single)
        case .rows(let rows): return rows.map { Holdfast_V1_LedgerEntry($0) }
        }
    }

    /// A position with its findings, since when each is, and its history; `place` is where the sums
    /// part, if that is known.
    private func described(
        _ found: PositionAudit
    ) async throws(Status) -> (
        message: Holdfast_V1_PositionDrift, events: [DriftEvent], place: LedgerCursor?
    ) {
        var message = Holdfast_V1_PositionDrift(found)
        let (breaks, events) = try await answering { () async throws(Failure) in
            let isLedger = found.findings.contains { $0.kind == .ledger }
            return (
                isLedger ? try await audit.ledger.breaks(of: found.position) : [],
                try await audit.ledger.events(of: found.position, limit: Self.eventsMax)
            )
        }
        var place: LedgerCursor?
        for (index, finding) in found.findings.enumerated() {
            let since = DriftSince(finding, found, breaks: breaks, events: events)
            message.findings[index].fill(since)
            if since.version != nil { place = place ?? since.row }
            guard let row = since.row, let key = found.ledger?.key else { continue }
            let next = LedgerCursor(version: row.version, step: row.step + 1)
            guard let entry = try await entries(of: key, before: next, 1).first,
                (entry.version, entry.step) == (row.version, row.step)
            else { continue }
            message.findings[index].entry = entry
            if since.version != nil, !since.isAfterLast {
                message.findings[index].sinceBatch = entry.batch
                message.findings[index].sinceAt = entry.at
            }
        }
        return (message, events, place)
    }

    // MARK: RepairDrift

    package func repairDrift(
        _ request: Holdfast_V1_RepairDriftRequest,
        _ origin: Origin,
    ) async throws(Status) -> Holdfast_V1_RepairDriftResponse {
        var validator = Validator()
        validator.name(request.sku, "sku")
        validator.name(request.node, "node")
        try validator.check()
        let id = try await known(PositionKey(sku: request.sku, node: request.node))
        let report = try await answering { () async throws(Failure) in
            request.apply ? try await repair.repair(id, by: origin) : try await repair.plan(id)
        }
        var answer = Holdfast_V1_RepairDriftResponse()
        answer.before = Holdfast_V1_PositionDrift(report.before)
        answer.steps = report.steps.map { Holdfast_V1_RepairStep($0) }
        if let after = report.after { answer.after = Holdfast_V1_PositionDrift(after) }
        return answer
    }
}

extension DriftScope {
    /// What a request names; nil: what is in use.
    fileprivate init?(_ request: Holdfast_V1_ListDriftRequest) {
        if !request.sku.isEmpty {
            self = .sku(request.sku, node: request.node)
        } else if !request.node.isEmpty {
            self = .node(request.node)
        } else if request.all {
            self = .all
        } else {
            return nil
        }
    }
}
