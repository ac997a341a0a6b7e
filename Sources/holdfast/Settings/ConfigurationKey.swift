// Every setting of a server, in one table: its name in the file, in the environment and as a flag, its
// kind, default and meaning. Help texts, checks and `holdfast configuration` are made from it.

internal import ArgumentParser
internal import Base

/// A setting of a server.
enum ConfigurationKey: String, CaseIterable {
    case grpcHost = "grpc.host"
    case grpcPort = "grpc.port"
    case adminHost = "admin.host"
    case adminPort = "admin.port"
    case redisAddress = "redis.address"
    case redisUsername = "redis.username"
    case redisPassword = "redis.password"
    case postgresConninfo = "postgres.conninfo"
    case postgresConnections = "postgres.connections"
    case postgresRole = "postgres.role"
    case loops = "loops"
    case serverName = "server.name"
    case rpcConnectionsMax = "rpc.connections.max"
    case rpcStreamsMax = "rpc.streams.max"
    case rpcCallsMax = "rpc.calls.max"
    case rpcMessageBytesMax = "rpc.message.bytes.max"
    case rpcDeadlineDefaultMs = "rpc.deadline.default.ms"
    case rpcDeadlineMaxMs = "rpc.deadline.max.ms"
    case batchRequestsMax = "batch.requests.max"
    case gatePendingMs = "gate.pending.ms"
    case gateWarmMax = "gate.warm.max"
    case expiryIntervalMs = "expiry.interval.ms"
    case expiryBatchMax = "expiry.batch.max"
    case sealIntervalMs = "seal.interval.ms"
    case routeViewMs = "route.view.ms"
    case routePreviewDays = "route.preview.days"
    case driftIntervalMs = "drift.interval.ms"
    case driftPositionsMax = "drift.positions.max"
    case driftWalkMax = "drift.walk.max"
    case routingIntervalMs = "routing.interval.ms"
    case routingHorizonDays = "routing.horizon.days"
    case fulfilmentAttemptsMax = "fulfilment.attempts.max"
    case fulfilmentIntervalMs = "fulfilment.interval.ms"
    case driftWalkIdleMax = "drift.walk.idle.max"
    case shutdownGraceMs = "shutdown.grace.ms"
    case logLevel = "log.level"
    case logFormat = "log.format"
    case accessFile = "access.file"
    case accessOpenAnywhere = "access.open.anywhere"
    case tlsCertificate = "tls.certificate"
    case tlsKey = "tls.key"
    case tlsClientCA = "tls.client.ca"
    case tlsClientRequired = "tls.client.required"
    case tlsHandshakeMsMax = "tls.handshake.ms.max"
    case grpcPlaintextAnywhere = "grpc.plaintext.anywhere"
    case grpcPortShared = "grpc.port.shared"

    // Limits of the transport: TransportLimits.swift says what each means.
    case rpcConnectionsPerAddressMax = "rpc.connections.per.address.max"
    case rpcHeaderBytesMax = "rpc.header.bytes.max"
    case rpcHeaderFieldsMax = "rpc.header.fields.max"
    case rpcHeaderOverrunsMax = "rpc.header.overruns.max"
    case rpcHeaderTableBytesMax = "rpc.header.table.bytes.max"
    case rpcContinuationsMax = "rpc.continuations.max"
    case rpcSettingsEntriesMax = "rpc.settings.entries.max"
    case rpcStreamWindowBytes = "rpc.stream.window.bytes"
    case rpcConnectionWindowBytes = "rpc.connection.window.bytes"
    case rpcUnreadBytesMax = "rpc.unread.bytes.max"
    case rpcUnsentBytesMax = "rpc.unsent.bytes.max"
    case rpcPrefaceMsMax = "rpc.preface.ms.max"
    case rpcHeadersMsMax = "rpc.headers.ms.max"
    case rpcMessageMsMax = "rpc.message.ms.max"
    case rpcStallMsMax = "rpc.stall.ms.max"
    case rpcIdleMsMax = "rpc.idle.ms.max"
    case rpcAgeMsMax = "rpc.age.ms.max"
    case rpcAgeGraceMs = "rpc.age.grace.ms"
    case rpcKeepaliveMs = "rpc.keepalive.ms"
    case rpcKeepaliveMsMax = "rpc.keepalive.ms.max"
    case rpcPingIntervalMs = "rpc.ping.interval.ms"
    case rpcPingStrikesMax = "rpc.ping.strikes.max"
    case rpcResetsBurst = "rpc.resets.burst"
    case rpcResetsPerSecond = "rpc.resets.per.second"
    case rpcShortCallMs = "rpc.short.call.ms"
    case rpcProvokedResetsBurst = "rpc.provoked.resets.burst"
    case rpcProvokedResetsPerSecond = "rpc.provoked.resets.per.second"
    case rpcRefusedStreamsBurst = "rpc.refused.streams.burst"
    case rpcRefusedStreamsPerSecond = "rpc.refused.streams.per.second"
    case rpcSettingsBurst = "rpc.settings.burst"
    case rpcSettingsIntervalMs = "rpc.settings.interval.ms"
    case rpcFramesBurst = "rpc.frames.burst"
    case rpcFramesPerSecond = "rpc.frames.per.second"
    case rpcLateBytesMax = "rpc.late.bytes.max"
    case rpcLateMs = "rpc.late.ms"
    case rpcOverloadLatencyMs = "rpc.overload.latency.ms"

    /// What values a setting takes.
    enum Kind: Equatable {
        case text
        /// A text that may hold a password and is never shown whole.
        case conninfo
        case secret
        case choice([String])
        case number(ClosedRange<Int>)
    }

    /// A line of the table.
    struct Entry {
        var kind: Kind
        /// Nil: the setting has no default.
        var byDefault: String?
        /// Whether a server cannot start without it.
        var isRequired = false
        var unit = ""
        var meaning: String
    }

    private static let ports = 0...65_535
    private static let levels = [
        "trace", "debug", "info", "notice", "warning", "error", "critical",
    ]

    private static let table: [ConfigurationKey: Entry] = [
        .grpcHost: text("127.0.0.1", "Address to listen on for gRPC."),
        .grpcPort: number(ports, 50_051, "", "Port for gRPC; 0 lets the system choose."),
        .adminHost: text("127.0.0.1", "Address to listen on for health and metrics."),
        .adminPort: number(
            ports,
            9_090,
            "",
            "Port for health and metrics; 0 lets the system choose.",
        ),
        .redisAddress: Entry(
            kind: .text,
            isRequired: true,
            meaning:
                "Redis, as HOST:PORT or unix:/path; of several, with commas, the primary is used.",
        ),
        .redisUsername: Entry(kind: .text, meaning: "User of Redis; none: its default user."),
        .redisPassword: Entry(kind: .secret, meaning: "Password of the user of Redis."),
        .postgresConninfo: Entry(
            kind: .conninfo,
            isRequired: true,
            meaning: "Postgres, as a libpq connection string or URI.",
        ),
        .postgresConnections: number(
            1...64,
            4,
            "connections",
            "Connections for reads and orders, beside the writer's.",
        ),
        .postgresRole: text(
            "holdfast_server",
            "Role of a server in Postgres, which cannot rewrite the ledger; `holdfast migrate` makes it.",
        ),
        .loops: number(0...256, 0, "threads", "Event loops; 0 means one for each core."),
        .serverName: Entry(
            kind: .text,
            meaning: "Names this server towards others; none: its host name and process id.",
        ),
        .rpcConnectionsMax: number(
            1...1_000_000,
            1_024,
            "connections",
            "Connections at once; more are closed.",
        ),
        .rpcStreamsMax: number(1...100_000, 256, "calls", "Calls of one connection at once."),
        .rpcCallsMax: number(1...1_000_000, 4_096, "calls", "Calls at once; more are refused."),
        .rpcMessageBytesMax: number(
            1_024...16_777_216,
            262_144,
            "bytes",
            "The largest request.",
        ),
        .rpcDeadlineDefaultMs: number(
            1...3_600_000,
            2_000,
            "ms",
            "Deadline of a call that brings none.",
        ),
        .rpcDeadlineMaxMs: number(
            1...3_600_000,
            30_000,
            "ms",
            "The longest deadline; longer ones are cut to it.",
        ),
        .batchRequestsMax: number(
            1...10_000,
            512,
            "requests",
            "Requests of one commit to Postgres.",
        ),
        .gatePendingMs: number(
            100...600_000,
            5_000,
            "ms",
            "How long an admission may wait for its commit before others may free it.",
        ),
        .gateWarmMax: number(
            0...100_000_000,
            1_000_000,
            "positions",
            "Positions to load ahead of requests after a loss of Redis, those in use first.",
        ),
        .expiryIntervalMs: number(
            10...60_000,
            100,
            "ms",
            "Pause between two looks for holds that are due.",
        ),
        .expiryBatchMax: number(
            1...10_000,
            1_000,
            "reservations",
            "Holds that one transaction ends.",
        ),
        .routeViewMs: number(
            0...1_000,
            10,
            "ms",
            "How old figures are before they are looked at again for a plan; what it takes is always checked.",
        ),
        .routePreviewDays: number(
            1...3_650,
            7,
            "days",
            "How long decisions are kept that nobody reserved by.",
        ),
        .sealIntervalMs: number(
            10...3_600_000,
            1_000,
            "ms",
            "Pause between two looks for committed batches to seal.",
        ),
        .driftIntervalMs: number(
            0...60_000,
            400,
            "ms",
            "Pause between two rounds of the watcher for drift; 0: it does not watch.",
        ),
        .driftPositionsMax: number(
            1...10_000,
            500,
            "positions",
            "Positions in use that one round audits.",
        ),
        .driftWalkMax: number(
            1...10_000,
            100,
            "positions",
            "Positions that the slow walk over all of them audits in one round.",
        ),
        .routingIntervalMs: number(
            10...60_000,
            500,
            "ms",
            "Pause between two looks for changes of the network and the rule sets.",
        ),
        .routingHorizonDays: number(
            1...60,
            14,
            "days",
            "For how many days ahead slots of nodes are laid; the same on every server.",
        ),
        .fulfilmentAttemptsMax: number(
            0...100,
            3,
            "times",
            "How often units of a line are given another node before people are asked.",
        ),
        .fulfilmentIntervalMs: number(
            10...60_000,
            100,
            "ms",
            "Pause between two looks for units that need another node.",
        ),
        .driftWalkIdleMax: number(
            0...1_000_000,
            2_000,
            "positions",
            "The same while no position is in use: at most, and for half of the pause at most.",
        ),
        .shutdownGraceMs: number(
            0...600_000,
            10_000,
            "ms",
            "How long running calls may take when it stops.",
        ),
        .logLevel: Entry(
            kind: .choice(levels),
            byDefault: "info",
            meaning: "The least important events to log.",
        ),
        .logFormat: Entry(
            kind: .choice(["text", "json"]),
            byDefault: "text",
            meaning: "How log lines are written.",
        ),
        .accessFile: Entry(
            kind: .text,
            meaning: "JSON file of who may call; none: everybody, about everything.",
        ),
        .accessOpenAnywhere: Entry(
            kind: .choice(["false", "true"]),
            byDefault: "false",
            meaning: "Whether a server that is open to everybody may listen beyond loopback.",
        ),
        .tlsCertificate: Entry(
            kind: .text,
            meaning: "PEM file of the server's certificate and its chain; none: no TLS.",
        ),
        .tlsKey: Entry(kind: .text, meaning: "PEM file of the certificate's private key."),
        .tlsClientCA: Entry(
            kind: .text,
            meaning: "PEM file of who signs clients' certificates; none: no client is asked.",
        ),
        .tlsClientRequired: Entry(
            kind: .choice(["false", "true"]),
            byDefault: "false",
            meaning: "Whether a client without a certificate is sent away.",
        ),
        .tlsHandshakeMsMax: number(
            1...600_000,
            10_000,
            "ms",
            "How long a TLS handshake may take.",
        ),
        .grpcPlaintextAnywhere: Entry(
            kind: .choice(["false", "true"]),
            byDefault: "false",
            meaning: "Whether a server without TLS may listen beyond loopback.",
        ),
        .grpcPortShared: Entry(
            kind: .choice(["false", "true"]),
            byDefault: "false",
            meaning: "Whether other servers may listen on grpc.port too.",
        ),
    ]

    private static func text(_ byDefault: String, _ meaning: String) -> Entry {
        Entry(kind: .text, byDefault: byDefault, meaning: meaning)
    }

    private static func number(
        _ range: ClosedRange<Int>,
        _ byDefault: Int,
        _ unit: String,
        _ meaning: String,
    ) -> Entry {
        Entry(kind: .number(range), byDefault: "\(byDefault)", unit: unit, meaning: meaning)
    }

    /// The line of the table.
    var entry: Entry {
        guard let entry = Self.table[self] ?? TransportLimits.entries[self] else {
            invariantBroken("setting \(rawValue) is missing from the table")
        }
        return entry
    }

    // MARK: Names

    /// Its name as a flag, without the dashes.
    var flag: String {
        switch self {
        case .redisAddress: "redis"
        case .postgresConninfo: "postgres"
        default: rawValue.replacing(".", with: "-")
        }
    }

    /// Its name in the environment.
    var variable: String {
        "HOLDFAST_" + flag.uppercased().replacing("-", with: "_")
    }

    /// The name of its option.
    var optionName: NameSpecification { .customLong(flag) }

    /// How it is written on the command line.
    var usage: String { TransportLimits.has(self) ? "--limit \(rawValue)=" : "--\(flag)" }

    /// What the flag's help says.
    var help: ArgumentHelp {
        var text = entry.meaning
        if let byDefault = entry.byDefault {
            let unit = entry.unit.isEmpty ? "" : " \(entry.unit)"
            text += " (default: \(byDefault)\(unit))"
        }
        if entry.isRequired { text += " (required)" }
        return ArgumentHelp(stringLiteral: text)
    }

    // MARK: Values

    /// What a value must be, in words.
    var expectation: String {
        switch entry.kind {
        case .text, .conninfo, .secret: "a text that is not empty"
        case .choice(let names): "one of " + names.joined(separator: ", ")
        case .number(let range): "a whole number, \(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// Whether the setting takes that value.
    func accepts(_ value: String) -> Bool {
        switch entry.kind {
        case .text, .conninfo, .secret: !value.isEmpty
        case .choice(let names): names.contains(value)
        case .number(let range): Int(value).map(range.contains) ?? false
        }
    }

    /// The value as it may be shown.
    func shown(_ value: String) -> String {
        switch entry.kind {
        case .text, .choice, .number: value
        case .secret: "***"
        case .conninfo: redactedConninfo(value)
        }
    }
}
