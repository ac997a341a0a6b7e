// What the audit of drift found, as messages. Nothing is checked or decided here.

internal import Base
internal import Domain
package import Messages
package import Promising
internal import SwiftProtobuf

extension Holdfast_V1_PositionDrift {
    package init(_ audit: PositionAudit) {
        self.init()
        // A position that Postgres lost has no name any more.
        sku = audit.ledger?.key.sku ?? "#\(audit.position)"
        node = audit.ledger?.key.node ?? ""
        if let view = audit.view {
            isViewed = true
            viewFree = view.figures?.free ?? 0
            viewVersion = view.figures?.version ?? 0
            viewBeyond = view.figures?.beyond ?? []
            inFlight = view.figures?.pending ?? 0
            inFlightMs = view.pendingMs
        }
        free = audit.ledger?.balances.available ?? 0
        version = audit.ledger?.version ?? 0
        lagVersions = audit.lagVersions
        lagMs = audit.lagVersions == 0 ? 0 : audit.ledger?.lagMs ?? 0
        drift = audit.drift
        findings = audit.findings.map { Holdfast_V1_DriftFinding($0) }
    }
}

extension Holdfast_V1_DriftFinding {
    package init(_ finding: DriftFinding) {
        self.init()
        kind = Holdfast_V1_DriftKind(finding.kind)
        units = finding.units
        detail = finding.detail
    }

    /// Says since when it is.
    package mutating func fill(_ since: DriftSince) {
        sinceVersion = since.version ?? 0
        if let clean = since.clean {
            cleanVersion = clean.version
            cleanAt = Google_Protobuf_Timestamp(clean.at)
        }
        if let alarmedAt = since.alarmedAt { self.alarmedAt = Google_Protobuf_Timestamp(alarmedAt) }
    }
}

extension Holdfast_V1_DriftKind {
    package init(_ kind: DriftKind) {
        switch kind {
        case .view: self = .view
        case .ledger: self = .ledger
        case .pending: self = .pending
        case .lostCommits: self = .lostCommits
        case .unreadable: self = .unreadable
        case .missingRows: self = .missingRows
        case .channel: self = .channel
        case .channelLedger: self = .channelLedger
        }
    }
}

extension Holdfast_V1_DriftEvent {
    package init(_ event: DriftEvent) {
        self.init()
        at = Google_Protobuf_Timestamp(event.at)
        kind =
            switch event.kind {
            case .found: .found
            case .gone: .gone
            case .repaired: .repaired
            }
        finding = Holdfast_V1_DriftKind(event.finding.kind)
        units = event.finding.units
        version = event.version
        cleanVersion = event.clean?.version ?? 0
        server = event.server
        principal = event.origin.principal
        requestID = event.origin.requestID
        traceID = event.origin.traceID
        detail = event.finding.detail
    }
}

extension Holdfast_V1_RepairStep {
    package init(_ step: RepairStep) {
        self.init()
        finding = Holdfast_V1_DriftKind(step.finding.kind)
        action =
            switch step.action {
            case .dropView: .dropView
            case .writeBack: .writeBack
            case .leave: .leave
            }
        description_p = step.description
        isDone = step.isDone
    }
}
