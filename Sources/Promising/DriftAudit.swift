// The exact audit: the view first, at one instant of Redis; then, in Postgres, rows that never change.
// There is no race in it, whatever the load, and nothing is compared that was read at two moments.

package import Domain

/// Audits positions, on one loop.
package struct DriftAudit<View: DriftViewPort, Ledger: DriftLedgerPort> {
    /// Positions of one question: bounds the time that it holds Redis and this loop up.
    package static var chunk: Int { 100 }
    /// How often a repair looks again when the view has changed meanwhile.
    private static var attemptsMax: Int { 200 }

    package let view: View
    package let ledger: Ledger

    package init(view: View, ledger: Ledger) {
        self.view = view
        self.ledger = ledger
    }

    /// Audits positions, each with its whole ledger; in their order.
    package func audit(_ positions: [PositionID]) async throws(Failure) -> [PositionAudit] {
        try await audit(positions.map { ($0, FoldStart.after(LedgerFold())) })
    }

    /// Audits positions, each with as much of its ledger as `start` says; in their order.
    package func audit(
        _ positions: [(id: PositionID, start: FoldStart)]
    ) async throws(Failure) -> [PositionAudit] {
        var audits: [PositionAudit] = []
        audits.reserveCapacity(positions.count)
        var rest = positions[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.chunk)
            rest = rest.dropFirst(part.count)
            let views = try await view.viewImages(part.map(\.id))
            let images = try await ledger.images(
                part.map { id, start in
                    LedgerQuestion(position: id, view: views[id]?.figures, start: start)
                }
            )
            let channels = try await ledger.channels(part.map { ($0.id, views[$0.id]) })
            for ((id, _), image) in zip(part, images) {
                audits.append(
                    PositionAudit(
                        position: id,
                        view: views[id],
                        ledger: image,
                        channels: channels[id] ?? [],
                    )
                )
            }
        }
        return audits
    }

    /// Takes away what only looks like drift of the view; see `PositionAudit.judged`.
    package func judged(_ audit: PositionAudit) async throws(Failure) -> PositionAudit {
        guard audit.findings.contains(where: { $0.kind == .view }) else { return audit }
        return audit.judged(by: try await ledger.breaks(of: audit.position))
    }

    /// Audits one position and judges it.
    package func judged(_ position: PositionID) async throws(Failure) -> PositionAudit {
        try await judged(try await audit([position])[0])
    }

    // MARK: Repair

    /// Drops the view of a position while an audit finds `kind` there; returns whether it did, or
    /// whether it is gone by itself.
    ///
    /// Every attempt is an audit of its own, so that nothing is dropped but what was found wrong.
    package func dropView(
        of position: PositionID,
        because kind: DriftKind,
    ) async throws(Failure) -> Bool {
        let breaks = kind == .view ? try await ledger.breaks(of: position) : []
        for _ in 0..<Self.attemptsMax {
            // Only the view is looked at, which is quick: a position in use changes all the time.
            let audit = try await audit([(position, .believing)])[0].judged(by: breaks)
            guard let image = audit.view, audit.findings.contains(where: { $0.kind == kind }) else {
                return true
            }
            switch try await view.drop(image, because: kind) {
            case .dropped, .gone: return true
            case .changed: continue
            }
        }
        return false
    }
}
