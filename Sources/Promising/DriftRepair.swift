// Mending what an audit found: a view is dropped, balances are written back to their ledger, and what
// cannot be done safely is left to a person. No hold is ever touched, pending or acknowledged.

package import Domain

/// What mends a finding.
package enum RepairAction: Hashable, Sendable {
    /// The view is dropped if it still is what was read; the next request loads it.
    case dropView
    /// Balances become the sum of their ledger again.
    case writeBack
    /// A person has to decide.
    case leave
}

/// One step of a repair.
package struct RepairStep: Hashable, Sendable {
    package var finding: DriftFinding
    package var action: RepairAction
    package var description: String
    package var isDone: Bool

    package init(
        finding: DriftFinding,
        action: RepairAction,
        description: String,
        isDone: Bool = false,
    ) {
        self.finding = finding
        self.action = action
        self.description = description
        self.isDone = isDone
    }

    /// The step that mends a finding.
    package init(_ finding: DriftFinding, _ ledger: LedgerImage?) {
        let (action, description): (RepairAction, String) =
            switch finding.kind {
            case .view, .unreadable:
                (
                    .dropView,
                    "drop the view of this position if it still is what was read; "
                        + "the next request loads it from Postgres"
                )
            case .pending:
                (
                    .dropView,
                    "drop the view of this position; the next request loads it and "
                        + "sums the pending holds anew, which stay as they are"
                )
            case .ledger:
                (
                    .writeBack,
                    "write back \(ledger?.difference.negated.words ?? ""), so that the balances are "
                        + "the sum of the ledger, with a ledger row that says so"
                )
            case .channel:
                (
                    .dropView,
                    "drop the view of this position; the next request of a channel loads what is "
                        + "withheld from Postgres"
                )
            case .channelLedger:
                (
                    .writeBack,
                    "withhold from each channel what its ledger says, with a ledger row that says so"
                )
            case .lostCommits:
                (
                    .leave,
                    "Postgres lost commits that were acknowledged: stop selling this position, find "
                        + "the missing rows (a standby, a backup), and only then let the cache go"
                )
            case .missingRows:
                (
                    .leave,
                    "rows of the ledger are gone: restore them from a backup; nothing else can say "
                        + "what the balances should be"
                )
            }
        self.init(finding: finding, action: action, description: description)
    }
}

/// What a repair found and did.
package struct RepairReport: Sendable {
    package var before: PositionAudit
    package var steps: [RepairStep]
    /// Nil in a dry run.
    package var after: PositionAudit?
}

/// Repairs positions, on one loop.
package struct DriftRepair<View: DriftViewPort & GatePort, Ledger: DriftLedgerPort> {
    package let audit: DriftAudit<View, Ledger>
    /// Names this process in the history of findings.
    private let server: String

    package init(audit: DriftAudit<View, Ledger>, server: String) {
        self.audit = audit
        self.server = server
    }

    /// What would be done about a position; changes nothing.
    package func plan(_ position: PositionID) async throws(Failure) -> RepairReport {
        let found = try await audit.judged(position)
        // Postgres first: where it was edited, the view is judged by what it is afterwards.
        let steps = found.findings
            .sorted { $0.kind.isOfPostgres && !$1.kind.isOfPostgres }
            .map { RepairStep($0, found.ledger) }
        return RepairReport(before: found, steps: steps, after: nil)
    }

    /// Does what can be done safely about a position.
    package func repair(
        _ position: PositionID,
        by origin: Origin,
    ) async throws(Failure) -> RepairReport {
        var report = try await plan(position)
        for index in report.steps.indices {
            switch report.steps[index].action {
            case .leave: continue
            case .writeBack where report.steps[index].finding.kind == .channelLedger:
                try await writeBackChannels(&report.steps[index], report.before, origin)
            case .writeBack: try await writeBack(&report.steps[index], report.before, origin)
            case .dropView: try await dropView(&report.steps[index], position)
            }
        }
        var after = try await audit.judged(position)
        // A view that was loaded from balances that are written back now is wrong only since then.
        let isNew = !report.steps.contains { $0.finding.kind == .view }
        if isNew, report.steps.contains(where: { $0.action == .writeBack && $0.isDone }),
            let finding = after.findings.first(where: { $0.kind == .view })
        {
            report.steps.append(RepairStep(finding, after.ledger))
            try await dropView(&report.steps[report.steps.count - 1], position)
            after = try await audit.judged(position)
        }
        report.after = after
        try await audit.ledger.note(
            report.steps.filter(\.isDone)
                .map { event($0.finding, report.before, origin) }
        )
        return report
    }

    // MARK: Steps

    private func writeBack(
        _ step: inout RepairStep,
        _ found: PositionAudit,
        _ origin: Origin,
    ) async throws(Failure) {
        guard let image = found.ledger else { return }
        switch try await audit.ledger.writeBack(image, by: origin) {
        case .done(let settlement):
            await audit.view.settle(settlement, ending: [])
            step.isDone = true
            step.description = "wrote back \(image.difference.negated.words), with a ledger row"
        case .changed:
            step.description = "not done: the difference is another one by now; audit again"
        case .impossible(let why):
            step.action = .leave
            step.description = "not done: \(why)"
        }
    }

    private func writeBackChannels(
        _ step: inout RepairStep,
        _ found: PositionAudit,
        _ origin: Origin,
    ) async throws(Failure) {
        step.isDone = true
        var said: [String] = []
        for channel in found.channels where channel.stored != channel.last {
            switch try await audit.ledger.writeBack(channel, of: found.position, by: origin) {
            case .done(let settlement):
                await audit.view.settle(settlement, ending: [])
                said.append(
                    "\(channel.channel) has \(channel.last) withheld again, and no longer "
                        + "\(channel.stored)"
                )
            case .changed, .impossible:
                step.isDone = false
                said.append("\(channel.channel): not done, it is another figure by now")
            }
        }
        step.description = said.joined(separator: "; ")
    }

    private func dropView(
        _ step: inout RepairStep,
        _ position: PositionID,
    ) async throws(Failure) {
        step.isDone = try await audit.dropView(of: position, because: step.finding.kind)
        step.description =
            step.isDone
            ? "dropped the view; the next request loads it"
            : "not done: the view changed at every attempt; try again"
    }

    private func event(
        _ finding: DriftFinding,
        _ found: PositionAudit,
        _ origin: Origin,
    ) -> DriftEvent {
        DriftEvent(
            position: found.position,
            kind: .repaired,
            finding: finding,
            version: found.view?.figures?.version ?? found.ledger?.version ?? 0,
            clean: nil,
            server: server,
            origin: origin,
        )
    }
}

extension DriftKind {
    /// Whether it is mended in Postgres.
    fileprivate var isOfPostgres: Bool { self == .ledger || self == .channelLedger }
}
