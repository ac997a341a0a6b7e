// Whether the view of a position, its balances and its ledger say the same (PROTOCOL.md, "Drift,
// exactly"): pure values and the arithmetic over them. Nothing here compares what was read at two
// moments; everything refers to a version.

package import Base
package import Domain

/// What is wrong with a position.
///
/// The numbers are stored.
package enum DriftKind: Int16, CaseIterable, Sendable {
    /// The view shows other free units than the ledger at the view's version.
    case view = 1
    /// The balances are not the sum of their ledger.
    case ledger = 2
    /// What the view counts as pending is not the sum of the pending holds.
    case pending = 3
    /// The view is at a version that Postgres does not have.
    case lostCommits = 4
    /// The fields of the view are no numbers.
    case unreadable = 5
    /// The ledger lacks rows.
    case missingRows = 6
    /// The view withholds other units from a channel than the ledger says.
    case channel = 7
    /// Postgres withholds other units from a channel than its ledger says.
    case channelLedger = 8
}

/// The view of a position at one instant of Redis.
package struct ViewImage: Hashable, Sendable {
    /// What the fields mean.
    package struct Figures: Hashable, Sendable {
        /// Every change up to this version is in `free`.
        package var version: Int64
        package var free: Int64
        /// Later versions that are in `free` as well.
        package var beyond: [Int64]
        /// The sum of pending holds, as the view keeps it.
        package var pending: Int64

        package init(version: Int64, free: Int64, beyond: [Int64], pending: Int64) {
            self.version = version
            self.free = free
            self.beyond = beyond
            self.pending = pending
        }
    }

    package var position: PositionID
    package var epoch: Int64
    /// The fields w, f, x and h as they are stored; empty where there is none.
    package var raw: [String]
    /// The sum of the pending holds themselves; nil when there were too many to look through.
    package var pendingSum: Int64?
    /// The age of the oldest of them, in milliseconds; 0 without any.
    package var pendingMs: Int64
    /// The figures of single channels as they are stored.
    package var channels: [String: String]
    /// False: the view was made by a commit, and loads its channels before it needs them.
    package var knowsChannels: Bool

    package init(
        position: PositionID,
        epoch: Int64,
        raw: [String],
        pendingSum: Int64?,
        pendingMs: Int64,
        channels: [String: String] = [:],
        knowsChannels: Bool = true,
    ) {
        self.channels = channels
        self.knowsChannels = knowsChannels
        self.position = position
        self.epoch = epoch
        self.raw = raw
        self.pendingSum = pendingSum
        self.pendingMs = pendingMs
    }

    /// The fields as numbers; nil when they are none, or when some are gone.
    package var figures: Figures? {
        guard raw.count == 4, let version = Int64(raw[0]), let free = Int64(raw[1]),
            let pending = Int64(raw[3])
        else { return nil }
        var beyond: [Int64] = []
        for part in raw[2].split(separator: ",") {
            guard let version = Int64(part) else { return nil }
            beyond.append(version)
        }
        return Figures(version: version, free: free, beyond: beyond.sorted(), pending: pending)
    }
}

/// The sum of a position's ledger up to and with one row.
package struct LedgerFold: Hashable, Sendable {
    package var version: Int64 = 0
    package var step: Int32 = 0
    package var sums = StockBuckets()
    /// How many rows made a version: without a gap as many as the last version says.
    package var versions: Int64 = 0

    /// The sum of no rows.
    package init() {}

    package init(version: Int64, step: Int32, sums: StockBuckets, versions: Int64) {
        self.version = version
        self.step = step
        self.sums = sums
        self.versions = versions
    }
}

/// A position and its ledger in one snapshot of Postgres.
package struct LedgerImage: Hashable, Sendable {
    package var position: PositionID
    package var key: PositionKey
    package var version: Int64
    package var step: Int32
    package var balances: StockBuckets
    /// Free units of the row that made the view's version; nil when there is none.
    package var freeAtView: Int64?
    /// How many of the versions beyond it there are, and what they add to the free units.
    package var beyondCount: Int64
    package var beyondDelta: Int64
    /// For how long the first version that the view lacks has been committed; 0 when it lacks none.
    package var lagMs: Int64
    /// Free units after the last row.
    package var freeAfterLast: Int64
    /// The sum of all rows, or of the rows since a sum that was believed.
    package var fold: LedgerFold

    package init(
        position: PositionID,
        key: PositionKey,
        version: Int64,
        step: Int32,
        balances: StockBuckets,
        freeAtView: Int64?,
        beyondCount: Int64,
        beyondDelta: Int64,
        lagMs: Int64,
        freeAfterLast: Int64,
        fold: LedgerFold,
    ) {
        self.position = position
        self.key = key
        self.version = version
        self.step = step
        self.balances = balances
        self.freeAtView = freeAtView
        self.beyondCount = beyondCount
        self.beyondDelta = beyondDelta
        self.lagMs = lagMs
        self.freeAfterLast = freeAfterLast
        self.fold = fold
    }

    /// By how much the balances are off, bucket by bucket.
    package var difference: StockBuckets {
        var difference = balances
        difference.apply(fold.sums.negated)
        return difference
    }
}

/// A row of the ledger whose free units do not follow from the row before it.
package struct LedgerBreak: Hashable, Sendable {
    package var version: Int64
    package var step: Int32
    package var batch: Int64
    package var at: Instant
    /// Free units after it beyond what it should be.
    package var units: Int64

    package init(version: Int64, step: Int32, batch: Int64, at: Instant, units: Int64) {
        self.version = version
        self.step = step
        self.batch = batch
        self.at = at
        self.units = units
    }
}

/// Something that is wrong with a position.
package struct DriftFinding: Hashable, Sendable {
    package var kind: DriftKind
    /// Too many (above zero) or too few.
    package var units: Int64
    /// The figures in words.
    package var detail: String

    package init(kind: DriftKind, units: Int64, detail: String) {
        self.kind = kind
        self.units = units
        self.detail = detail
    }

    /// Whether another audit found the same; the figures in words go on moving with the versions.
    package func isSame(as other: DriftFinding) -> Bool {
        kind == other.kind && units == other.units
    }
}

/// What an exact audit says of one position.
package struct PositionAudit: Sendable {
    package var position: PositionID
    /// Nil when Redis has no view of it, which is nothing wrong.
    package var view: ViewImage?
    /// Nil when Postgres does not have the position.
    package var ledger: LedgerImage?
    package var channels: [ChannelImage]
    package var findings: [DriftFinding]

    /// Judges a position by a view and what was read of the ledger after it.
    package init(
        position: PositionID,
        view: ViewImage?,
        ledger: LedgerImage?,
        channels: [ChannelImage] = [],
    ) {
        self.position = position
        self.channels = channels
        self.view = view
        self.ledger = ledger
        findings = []
        guard let ledger else {
            if let view { findings = [Self.lost(view, 0)] }
            return
        }
        if let view { findings += Self.findings(view, ledger) }
        findings += Self.findings(ledger)
        findings += DriftFinding.findings(channels, view, version: ledger.version)
    }

    /// The units by which the view is off.
    package var drift: Int64 { findings.first { $0.kind == .view }?.units ?? 0 }

    /// How many versions the view lacks.
    package var lagVersions: Int64 {
        guard let ledger, let figures = view?.figures else { return 0 }
        return max(0, ledger.version - figures.version - Int64(figures.beyond.count))
    }

    /// Without what only looks like drift of the view: where Postgres was edited past its ledger, a view
    /// that went on applying the ledger is right by the ledger, and the edit is the finding.
    ///
    /// - Parameter breaks: where the free units of the ledger's rows do not follow from each other.
    package func judged(by breaks: [LedgerBreak]) -> PositionAudit {
        guard drift != 0, let version = view?.figures?.version else { return self }
        let offset = breaks.filter { $0.version <= version }.reduce(0) { $0 + $1.units }
        guard offset == -drift else { return self }
        var judged = self
        judged.findings.removeAll { $0.kind == .view }
        return judged
    }

    // MARK: Private

    private static func findings(_ view: ViewImage, _ ledger: LedgerImage) -> [DriftFinding] {
        guard let figures = view.figures else {
            let fields = zip(["w", "f", "x", "h"], view.raw).map { "\($0)='\($1)'" }
            return [
                DriftFinding(
                    kind: .unreadable,
                    units: 0,
                    detail: "the view holds " + fields.joined(separator: " "),
                )
            ]
        }
        var findings: [DriftFinding] = []
        if max(figures.version, figures.beyond.last ?? 0) > ledger.version {
            findings.append(lost(view, ledger.version))
        } else if let base = ledger.freeAtView ?? (figures.version == 0 ? 0 : nil),
            ledger.beyondCount == figures.beyond.count
        {
            let expected = base + ledger.beyondDelta
            if figures.free != expected {
                let version = "version \(figures.version)"
                let beyond = figures.beyond.isEmpty ? "" : " and \(figures.beyond.count) beyond it"
                findings.append(
                    DriftFinding(
                        kind: .view,
                        units: figures.free - expected,
                        detail: "the view shows \(figures.free) free at \(version)\(beyond), "
                            + "the ledger says \(expected)",
                    )
                )
            }
        } else {
            findings.append(
                DriftFinding(
                    kind: .missingRows,
                    units: 0,
                    detail: "the ledger lacks rows of the view's versions "
                        + "(\(figures.version), \(figures.beyond.count) beyond it)",
                )
            )
        }
        if let sum = view.pendingSum, sum != figures.pending {
            findings.append(
                DriftFinding(
                    kind: .pending,
                    units: figures.pending - sum,
                    detail: "the view counts \(figures.pending) in flight, "
                        + "its pending holds are \(sum)",
                )
            )
        }
        return findings
    }

    private static func findings(_ ledger: LedgerImage) -> [DriftFinding] {
        let fold = ledger.fold
        guard (fold.version, fold.step) == (ledger.version, ledger.step),
            fold.versions == ledger.version
        else {
            return [
                DriftFinding(
                    kind: .missingRows,
                    units: 0,
                    detail: "the position is at version \(ledger.version).\(ledger.step), its "
                        + "ledger ends at \(fold.version).\(fold.step) with "
                        + "\(fold.versions) versions",
                )
            ]
        }
        let difference = ledger.difference
        guard difference != StockBuckets() else { return [] }
        return [
            DriftFinding(
                kind: .ledger,
                units: difference.available,
                detail: "Postgres differs from its ledger: \(difference.words)",
            )
        ]
    }

    private static func lost(_ view: ViewImage, _ version: Int64) -> DriftFinding {
        let figures = view.figures
        let seen = max(figures?.version ?? 0, figures?.beyond.last ?? 0)
        return DriftFinding(
            kind: .lostCommits,
            units: 0,
            detail: "the view has version \(seen), Postgres has \(version): commits were lost",
        )
    }
}

extension StockBuckets {
    /// The buckets by name, as a ledger row speaks of them.
    package var named: [(name: String, units: Int64)] {
        [
            ("on hand", onHand), ("reserved", held), ("allocated", allocated), ("safety", safety),
            ("damaged", damaged), ("quality control", qualityControl), ("in transit", inTransit),
        ]
    }

    /// A change in words, such as `on hand +5, reserved -1`.
    package var words: String {
        named.filter { $0.units != 0 }
            .map { "\($0.name) \($0.units > 0 ? "+" : "")\($0.units)" }
            .joined(separator: ", ")
    }

    /// The change that takes this one back.
    package var negated: StockBuckets {
        var buckets = StockBuckets()
        buckets.onHand = -onHand
        buckets.held = -held
        buckets.allocated = -allocated
        buckets.safety = -safety
        buckets.damaged = -damaged
        buckets.qualityControl = -qualityControl
        buckets.inTransit = -inTransit
        return buckets
    }
}
