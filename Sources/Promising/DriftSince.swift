// Since when a position drifts, and which row of the ledger stands there: what can be known of it, and
// no more.

package import Base
internal import Domain

/// Since when something is wrong.
package struct DriftSince: Sendable {
    /// The first version at which the sums part; nil when it is not known.
    package var version: Int64?
    /// True when it happened after the last row of the ledger.
    package var isAfterLast = false
    /// When a watcher raised the alarm.
    package var alarmedAt: Instant?
    /// The last version that was seen right, and when.
    package var clean: (version: Int64, at: Instant)?
    /// The row of the ledger that stands there.
    package var row: LedgerCursor?

    /// Finds the place.
    ///
    /// - Parameters:
    ///   - breaks: of the position's ledger, oldest first; used for findings in the ledger.
    ///   - events: the history of the position, newest first; used for all others.
    package init(
        _ finding: DriftFinding,
        _ audit: PositionAudit,
        breaks: [LedgerBreak],
        events: [DriftEvent],
    ) {
        // Alarms that are not over, newest first: every server that watches raises its own.
        let alarms = events.prefix { $0.finding.kind != finding.kind || $0.kind == .found }
            .filter { $0.finding.kind == finding.kind }
        let alarm = alarms.last
        alarmedAt = alarm?.at
        clean = alarms.compactMap(\.clean).max { $0.version < $1.version }
        if finding.kind == .ledger {
            if let ledger = audit.ledger { find(in: ledger, finding, breaks) }
            return
        }
        if let alarm, let clean {
            let first = min(clean.version + 1, max(alarm.version, 1))
            version = first
            row = LedgerCursor(version: first, step: 0)
        } else if let seen = audit.view?.figures?.version {
            row = LedgerCursor(version: seen, step: 0)
        }
    }

    /// Walks back from what is free now to the row at which the ledger and the balances part.
    private mutating func find(
        in ledger: LedgerImage,
        _ finding: DriftFinding,
        _ breaks: [LedgerBreak],
    ) {
        var offset = finding.units - (ledger.balances.available - ledger.freeAfterLast)
        row = LedgerCursor(version: ledger.version, step: ledger.step)
        // What moved units between buckets leaves no trace in what is free.
        if finding.units == 0 { return }
        if offset == 0 {
            version = ledger.version
            isAfterLast = true
            return
        }
        for found in breaks.reversed() {
            offset -= found.units
            if offset == 0 {
                version = found.version
                row = LedgerCursor(version: found.version, step: found.step)
                return
            }
        }
    }
}
