// The limits of the transport as settings: for each its place in the configuration of the server, which
// also has its default, the values that it takes, and its meaning. They are many and rarely touched, so
// on the command line they share one flag, `--limit NAME=VALUE`.

internal import RPC

/// Every limit of the transport that can be set.
enum TransportLimits {
    /// Where a limit stands.
    enum Place: Sendable {
        case int(any WritableKeyPath<RPCServerConfiguration, Int> & Sendable)
        case int64(any WritableKeyPath<RPCServerConfiguration, Int64> & Sendable)
        case uint64(any WritableKeyPath<RPCServerConfiguration, UInt64> & Sendable)
    }

    /// One limit.
    struct Row: Sendable {
        var key: ConfigurationKey
        var place: Place
        var range: ClosedRange<Int>
        var unit: String
        var meaning: String

        init(
            _ key: ConfigurationKey,
            _ place: Place,
            _ range: ClosedRange<Int>,
            _ unit: String,
            _ meaning: String,
        ) {
            self.key = key
            self.place = place
            self.range = range
            self.unit = unit
            self.meaning = meaning
        }
    }

    /// The lines of the table of settings, with the defaults that the transport has.
    static let entries: [ConfigurationKey: ConfigurationKey.Entry] = Dictionary(
        uniqueKeysWithValues: rows.map { row in
            let entry = ConfigurationKey.Entry(
                kind: .number(row.range),
                byDefault: "\(value(at: row.place, in: RPCServerConfiguration()))",
                unit: row.unit,
                meaning: row.meaning,
            )
            return (row.key, entry)
        }
    )

    static func has(_ key: ConfigurationKey) -> Bool { entries[key] != nil }

    /// Sets every limit to what the settings say.
    static func apply(
        _ number: (ConfigurationKey) -> Int,
        to configuration: inout RPCServerConfiguration,
    ) {
        for row in rows {
            let number = number(row.key)
            switch row.place {
            case .int(let path): configuration[keyPath: path] = number
            case .int64(let path): configuration[keyPath: path] = Int64(number)
            case .uint64(let path): configuration[keyPath: path] = UInt64(number)
            }
        }
    }

    private static func value(at place: Place, in configuration: RPCServerConfiguration) -> Int {
        switch place {
        case .int(let path): configuration[keyPath: path]
        case .int64(let path): Int(configuration[keyPath: path])
        case .uint64(let path): Int(configuration[keyPath: path])
        }
    }

    static let rows: [Row] = [
        Row(
            .rpcConnectionsPerAddressMax,
            .int(\.connectionsPerAddressMax),
            0...1_000_000,
            "connections",
            "Connections of one address at once; 0 sets no bound."
        ),
        Row(
            .rpcHeaderBytesMax,
            .int(\.session.headerListBytesMax),
            1_024...1_048_576,
            "bytes",
            "Names, values and 32 bytes a field of one header block."
        ),
        Row(
            .rpcHeaderFieldsMax,
            .int(\.session.headerFieldsMax),
            8...10_000,
            "fields",
            "Fields of one header block."
        ),
        Row(
            .rpcHeaderOverrunsMax,
            .int(\.session.headerOverrunsMax),
            0...10_000,
            "blocks",
            "Larger header blocks that a connection may send before it is ended."
        ),
        Row(
            .rpcHeaderTableBytesMax,
            .int(\.session.headerTableBytesMax),
            0...65_536,
            "bytes",
            "Table of header compression, on either side."
        ),
        Row(
            .rpcContinuationsMax,
            .int(\.session.continuationsMax),
            0...1_000,
            "frames",
            "CONTINUATION frames of one header block."
        ),
        Row(
            .rpcSettingsEntriesMax,
            .int(\.session.settingsEntriesMax),
            1...1_000,
            "entries",
            "Entries of one SETTINGS frame."
        ),
        Row(
            .rpcStreamWindowBytes,
            .int(\.session.streamWindowBytes),
            65_535...16_777_216,
            "bytes",
            "What a peer may send on one stream before it is taken."
        ),
        Row(
            .rpcConnectionWindowBytes,
            .int(\.session.connectionWindowBytes),
            65_535...1_073_741_824,
            "bytes",
            "What a peer may send on one connection at once."
        ),
        Row(
            .rpcUnreadBytesMax,
            .int(\.unreadBytesMax),
            65_536...1_073_741_824,
            "bytes",
            "Requests of one connection that came and were not taken."
        ),
        Row(
            .rpcUnsentBytesMax,
            .int(\.unsentBytesMax),
            65_536...1_073_741_824,
            "bytes",
            "Replies that wait on one connection; then its calls are refused."
        ),
        Row(
            .rpcPrefaceMsMax,
            .int64(\.handshakeMillisecondsMax),
            1...600_000,
            "ms",
            "How long a new connection may take until its SETTINGS have come."
        ),
        Row(
            .rpcHeadersMsMax,
            .int64(\.headersMillisecondsMax),
            1...600_000,
            "ms",
            "How long a header block may take to arrive."
        ),
        Row(
            .rpcMessageMsMax,
            .int64(\.messageMillisecondsMax),
            1...600_000,
            "ms",
            "How long a message may take to arrive."
        ),
        Row(
            .rpcStallMsMax,
            .int64(\.stallMillisecondsMax),
            1...600_000,
            "ms",
            "How long a peer may leave replies unread."
        ),
        Row(
            .rpcIdleMsMax,
            .int64(\.idleMillisecondsMax),
            1...86_400_000,
            "ms",
            "How long a connection may be without a call."
        ),
        Row(
            .rpcAgeMsMax,
            .int64(\.ageMillisecondsMax),
            1...864_000_000,
            "ms",
            "How old a connection gets, give or take a tenth."
        ),
        Row(
            .rpcAgeGraceMs,
            .int64(\.ageGraceMilliseconds),
            0...86_400_000,
            "ms",
            "How long calls may go on after their connection was told to go."
        ),
        Row(
            .rpcKeepaliveMs,
            .int64(\.keepaliveMilliseconds),
            1...86_400_000,
            "ms",
            "Silence of a peer after which it is asked for a sign of life."
        ),
        Row(
            .rpcKeepaliveMsMax,
            .int64(\.keepaliveMillisecondsMax),
            1...600_000,
            "ms",
            "How long a peer may take to give one."
        ),
        Row(
            .rpcPingIntervalMs,
            .int64(\.session.pingIntervalMilliseconds),
            0...86_400_000,
            "ms",
            "The least time between two PINGs of a peer while nothing is sent to it."
        ),
        Row(
            .rpcPingStrikesMax,
            .int(\.session.pingStrikesMax),
            0...10_000,
            "frames",
            "PINGs before their time that are forgiven."
        ),
        Row(
            .rpcResetsBurst,
            .uint64(\.session.resetBurst),
            1...1_000_000,
            "frames",
            "RST_STREAM frames of a peer at once."
        ),
        Row(
            .rpcResetsPerSecond,
            .uint64(\.session.resetsPerSecond),
            1...1_000_000,
            "frames/s",
            "How many more each second."
        ),
        Row(
            .rpcShortCallMs,
            .int64(\.session.shortCallMilliseconds),
            0...10_000,
            "ms",
            "A call with no more time may be reset at any moment."
        ),
        Row(
            .rpcProvokedResetsBurst,
            .int(\.session.provokedResetBurst),
            1...1_000_000,
            "frames",
            "RST_STREAM frames of ours that a peer may provoke at once."
        ),
        Row(
            .rpcProvokedResetsPerSecond,
            .int(\.session.provokedResetsPerSecond),
            1...1_000_000,
            "frames/s",
            "How many more each second."
        ),
        Row(
            .rpcRefusedStreamsBurst,
            .int(\.session.refusedStreamBurst),
            1...1_000_000,
            "streams",
            "Calls above rpc.streams.max that are refused one by one, at once."
        ),
        Row(
            .rpcRefusedStreamsPerSecond,
            .int(\.session.refusedStreamsPerSecond),
            1...1_000_000,
            "streams/s",
            "How many more each second; then the connection ends."
        ),
        Row(
            .rpcSettingsBurst,
            .int(\.session.settingsBurst),
            1...1_000_000,
            "frames",
            "SETTINGS frames of a peer at once."
        ),
        Row(
            .rpcSettingsIntervalMs,
            .int64(\.session.settingsIntervalMilliseconds),
            1...86_400_000,
            "ms",
            "The time until one more is allowed."
        ),
        Row(
            .rpcFramesBurst,
            .int(\.session.frameBurst),
            1...100_000_000,
            "frames",
            "Frames of each useless kind (PRIORITY, WINDOW_UPDATE, empty DATA, unknown) at once."
        ),
        Row(
            .rpcFramesPerSecond,
            .int(\.session.framesPerSecond),
            1...100_000_000,
            "frames/s",
            "How many more each second."
        ),
        Row(
            .rpcLateBytesMax,
            .int(\.session.lateBodyBytesMax),
            0...16_777_216,
            "bytes",
            "What may come of a request after its answer."
        ),
        Row(
            .rpcLateMs,
            .int64(\.session.lateBodyMilliseconds),
            1...600_000,
            "ms",
            "How long the rest of a request may take after its answer."
        ),
        Row(
            .rpcOverloadLatencyMs,
            .int64(\.overloadLatencyMilliseconds),
            1...600_000,
            "ms",
            "When even the fastest call takes longer, fewer calls are let in."
        ),
    ]
}
