// Drift as tables for people.

internal import Messages
internal import SwiftProtobuf

/// What an audit came to.
struct DriftSummary: Sendable {
    var audited: Int64 = 0
    var drifting: Int64 = 0
    private var worst: Int64 = 0
    private var behind = 0
    private var inFlight: Int64 = 0
    private var isPartial = false

    init() {}

    init(_ answer: Holdfast_V1_ListDriftResponse) {
        audited = answer.audited
        drifting = answer.drifting
        worst = answer.positions.flatMap(\.findings).map { abs($0.units) }.max() ?? 0
        behind = answer.positions.count { $0.lagVersions > 0 }
        inFlight = answer.positions.reduce(0) { $0 + $1.inFlight }
        isPartial = answer.positions.count < answer.audited
    }

    /// One line.
    var text: String {
        let looked = "audited \(counted(audited, "position"))"
        if drifting == 0 {
            let rest = isPartial ? "" : "; \(behind) behind, \(counted(inFlight, "unit")) in flight"
            return "\(looked): no drift\(rest)"
        }
        return "\(looked): drift at \(drifting), at most \(counted(worst, "unit"))"
    }

    /// What the command ends with when something drifts.
    var error: CommandError {
        CommandError(
            .drifting,
            "drift at \(counted(drifting, "position")) of \(audited)",
            hint: "holdfast drift explain SKU@NODE says why, holdfast drift repair mends it",
        )
    }
}

/// Positions, one line for each finding and one for each position without.
func driftText(_ positions: [Holdfast_V1_PositionDrift]) -> String {
    var table = Table([
        .text("POSITION"), .number("VIEW"), .number("POSTGRES"), .number("LAG"),
        .number("IN FLIGHT"), .number("DRIFT"), .text("FINDING"), .text("SINCE"), .text("BY"),
    ])
    for position in positions {
        let figures = [
            positionName(position), position.isViewed ? "\(position.viewFree)" : "-",
            "\(position.free)", position.isViewed ? "\(position.lagVersions)" : "-",
            position.isViewed ? "\(position.inFlight)" : "-",
        ]
        if position.findings.isEmpty { table.add(figures + ["0"]) }
        for (index, finding) in position.findings.enumerated() {
            table.add(
                (index == 0 ? figures : Array(repeating: "", count: figures.count)) + [
                    units(finding), findingName(finding.kind), sinceText(finding),
                    byText(finding.entry),
                ]
            )
        }
    }
    return table.text
}

/// The figures of one position, and what leads to them.
func explanationText(_ answer: Holdfast_V1_ExplainDriftResponse) -> String {
    let position = answer.position
    let beyond = position.viewBeyond.map(String.init).joined(separator: ", ")
    let expected = answer.ledgerFree + answer.beyondDelta
    let pending = answer.pendingUnits < 0 ? "too many to count" : "\(answer.pendingUnits)"
    var text = fieldsText([
        ("position", positionName(position)),
        (
            "view",
            position.isViewed
                ? "\(position.viewFree) free at version \(position.viewVersion)"
                    + (beyond.isEmpty ? "" : ", and it has \(beyond)")
                : "not loaded; the next request loads it"
        ),
        (
            "ledger",
            position.isViewed
                ? "\(expected) free at version \(position.viewVersion)"
                    + (beyond.isEmpty
                        ? ""
                        : " (\(answer.ledgerFree), and \(signedOrZero(answer.beyondDelta)) beyond)")
                : ""
        ),
        ("postgres", "\(position.free) free at version \(position.version)"),
        (
            "lag",
            position.lagVersions == 0
                ? "none" : "\(counted(position.lagVersions, "version")), \(position.lagMs) ms"
        ),
        (
            "in flight",
            "\(position.inFlight), pending holds \(pending)"
                + (position.inFlightMs == 0 ? "" : ", the oldest \(position.inFlightMs) ms old")
        ),
        ("drift", signedOrZero(position.drift)),
    ])
    for finding in position.findings {
        text += "\n" + findingText(finding)
    }
    if !answer.entries.isEmpty { text += "\n" + rowsText(answer.entries, position) }
    if !answer.events.isEmpty { text += "\n" + eventsText(answer.events) }
    return text
}

/// What a repair does, or did.
func repairText(_ answers: [Holdfast_V1_RepairDriftResponse], isDryRun: Bool) -> String {
    var table = Table([
        .text("POSITION"), .text("FINDING"), .number("UNITS"), .text("ACTION"), .text("DONE"),
        .text("WHAT"),
    ])
    for answer in answers {
        for step in answer.steps {
            let finding = answer.before.findings.first { $0.kind == step.finding }
            table.add([
                positionName(answer.before), findingName(step.finding),
                finding.map { units($0) } ?? "", words(caseName(step.action)),
                isDryRun ? "dry run" : step.isDone ? "yes" : "no", step.description_p,
            ])
        }
    }
    if table.rows.isEmpty {
        return "nothing to repair: no drift\n"
    }
    return table.text
}

// MARK: Parts

private func positionName(_ position: Holdfast_V1_PositionDrift) -> String {
    position.node.isEmpty ? position.sku : "\(position.sku)@\(position.node)"
}

/// The name of a finding, as the help of the command has it.
private func findingName(_ kind: Holdfast_V1_DriftKind) -> String {
    words(caseName(kind))
}

private func words(_ name: String) -> String {
    name.lowercased().replacing("_", with: " ")
}

private func units(_ finding: Holdfast_V1_DriftFinding) -> String {
    switch finding.kind {
    case .view, .ledger, .pending, .channel, .channelLedger: signedOrZero(finding.units)
    case .lostCommits, .unreadable, .missingRows, .unspecified, .UNRECOGNIZED: "?"
    }
}

private func signedOrZero(_ units: Int64) -> String { units == 0 ? "0" : signed(units) }

private func sinceText(_ finding: Holdfast_V1_DriftFinding) -> String {
    if finding.sinceVersion == 0 { return "unknown" }
    if finding.sinceBatch == 0 { return "after version \(finding.sinceVersion)" }
    return "version \(finding.sinceVersion), batch \(finding.sinceBatch), "
        + momentText(finding.sinceAt)
}

/// Who stands on a row: of several reservations the first, with how many there are more.
private func byText(_ entry: Holdfast_V1_LedgerEntry) -> String {
    if entry.kind == .unspecified { return "" }
    let kind = words(caseName(entry.kind))
    let first = entry.causes.first
    let principal = first?.principal ?? entry.principal
    let request = first?.requestID ?? entry.requestID
    let trace = first?.traceID ?? entry.traceID
    var text = "\(kind) by \(principal.isEmpty ? "nobody" : principal)"
    if !request.isEmpty { text += ", request \(request)" }
    if !trace.isEmpty { text += ", trace \(trace)" }
    if entry.causes.count > 1 { text += ", and \(entry.causes.count - 1) more" }
    return text
}

private func findingText(_ finding: Holdfast_V1_DriftFinding) -> String {
    let clean =
        finding.cleanVersion == 0
        ? "" : "version \(finding.cleanVersion), \(momentText(finding.cleanAt))"
    return fieldsText([
        ("finding", "\(findingName(finding.kind)) \(units(finding))"),
        ("detail", finding.detail),
        ("since", sinceText(finding)),
        ("last right", clean),
        ("alarm", momentText(finding.alarmedAt)),
        ("there stands", byText(finding.entry)),
    ])
}

private func rowsText(
    _ entries: [Holdfast_V1_LedgerEntry],
    _ position: Holdfast_V1_PositionDrift,
) -> String {
    var table = Table([
        .number("VERSION"), .text("IN VIEW"), .number("BATCH"), .text("AT"), .text("WHAT"),
        .number("FREE"), .number("FREE AFTER"), .text("REASON"), .text("REFERENCE"),
    ])
    for entry in entries {
        let change =
            entry.onHandDelta - entry.reservedDelta - entry.allocatedDelta - entry.safetyDelta
            - entry.damagedDelta - entry.qualityControlDelta
        let isViewed =
            entry.version <= position.viewVersion || position.viewBeyond.contains(entry.version)
        table.add([
            entry.step == 0 ? "\(entry.version)" : "\(entry.version).\(entry.step)",
            !position.isViewed ? "-" : isViewed ? "yes" : "no", "\(entry.batch)",
            momentText(entry.at), byText(entry), signedOrZero(change), "\(entry.availableAfter)",
            entry.reason, entry.reference,
        ])
    }
    return table.text
}

private func eventsText(_ events: [Holdfast_V1_DriftEvent]) -> String {
    var table = Table([
        .text("AT"), .text("EVENT"), .text("FINDING"), .number("UNITS"), .number("VERSION"),
        .text("SERVER"), .text("BY"), .text("REQUEST"), .text("DETAIL"),
    ])
    for event in events {
        table.add([
            momentText(event.at), caseName(event.kind).lowercased(), findingName(event.finding),
            signedOrZero(event.units), "\(event.version)", event.server, event.principal,
            event.requestID, event.detail,
        ])
    }
    return table.text
}
