// What is withheld from single channels, as the view, Postgres and the ledger have it. Like all of the
// audit it compares nothing that was read at two moments: each figure of a view has a version.

/// What the ledger and Postgres say of one channel of a position, in one snapshot.
package struct ChannelImage: Hashable, Sendable {
    package var channel: String
    /// Units that Postgres withholds now.
    package var stored: Int64
    /// Units by the last row of the ledger; 0 without any.
    package var last: Int64
    /// The last row that the view must have: its version and units; zeros without any.
    package var applied: (version: Int64, units: Int64) { (appliedVersion, appliedUnits) }
    private var appliedVersion: Int64
    private var appliedUnits: Int64
    /// Units by the ledger at the version of the view's own figure; nil when the view has none.
    package var atFigure: Int64?

    package init(
        channel: String,
        stored: Int64,
        last: Int64,
        applied: (version: Int64, units: Int64),
        atFigure: Int64?,
    ) {
        self.channel = channel
        self.stored = stored
        self.last = last
        (appliedVersion, appliedUnits) = applied
        self.atFigure = atFigure
    }
}

/// A figure of a view for one channel: so many units are withheld, by the ledger up to a version.
package struct ChannelFigure: Hashable, Sendable {
    package var version: Int64
    package var units: Int64

    /// Reads what is stored, such as `7:50`; nil when it is something else.
    package init?(_ stored: String) {
        let parts = stored.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let version = Int64(parts[0]), let units = Int64(parts[1]) else {
            return nil
        }
        self.version = version
        self.units = units
    }
}

extension DriftFinding {
    /// What is wrong with the channels of a position: one finding of each kind at most.
    ///
    /// `version` is the position's.
    static func findings(
        _ channels: [ChannelImage],
        _ view: ViewImage?,
        version: Int64,
    ) -> [DriftFinding] {
        var (shown, stored): ([DriftFinding], [DriftFinding]) = ([], [])
        for channel in channels {
            if let view, let finding = finding(channel, view, version) { shown.append(finding) }
            if channel.stored == channel.last { continue }
            stored.append(
                DriftFinding(
                    kind: .channelLedger,
                    units: channel.stored - channel.last,
                    detail: "Postgres withholds \(channel.stored) from \(channel.channel), "
                        + "its ledger says \(channel.last)",
                )
            )
        }
        return [shown, stored].compactMap { together($0) }
    }

    private static func finding(
        _ channel: ChannelImage,
        _ view: ViewImage,
        _ version: Int64,
    ) -> DriftFinding? {
        if view.figures == nil { return nil }
        let name = channel.channel
        guard let raw = view.channels[name] else {
            // A view that does not know its channels loads them before it admits anybody of one.
            if !view.knowsChannels || channel.applied.units == 0 { return nil }
            return DriftFinding(
                kind: .channel,
                units: -channel.applied.units,
                detail: "the view withholds nothing from \(name), the ledger says "
                    + "\(channel.applied.units)",
            )
        }
        guard let figure = ChannelFigure(raw), figure.version <= version else {
            return DriftFinding(
                kind: .channel,
                units: 0,
                detail: "the view holds c:\(name)='\(raw)', Postgres has version \(version)",
            )
        }
        let isCurrent = figure.version >= channel.applied.version
        let expected = isCurrent ? channel.atFigure ?? 0 : channel.applied.units
        if figure.units == expected { return nil }
        return DriftFinding(
            kind: .channel,
            units: figure.units - expected,
            detail: "the view withholds \(figure.units) from \(name), the ledger says \(expected)",
        )
    }

    private static func together(_ findings: [DriftFinding]) -> DriftFinding? {
        guard let first = findings.first else { return nil }
        return DriftFinding(
            kind: first.kind,
            units: findings.reduce(0) { $0 + $1.units },
            detail: findings.map(\.detail).joined(separator: "; "),
        )
    }
}
