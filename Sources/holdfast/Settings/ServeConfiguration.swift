// The settings of a server as plain values: checked one by one and against each other.

internal import Base
internal import Foundation
internal import RPC

/// Everything that a server is told at start.
struct ServeConfiguration: Equatable, Sendable {
    /// How log lines are written.
    enum LogFormat: String, Sendable {
        case text
        case json
    }

    var grpcHost: String
    var grpcPort: Int
    var adminHost: String
    var adminPort: Int
    /// `host:port` or `unix:/path`; several with commas between them.
    var redisAddress: String
    var redisUsername: String?
    var redisPassword: String?
    var postgresConninfo: String
    var postgresConnections: Int
    /// What a server is in Postgres, whoever its login is.
    var postgresRole: String
    /// At least 1.
    var loops: Int
    var serverName: String
    var rpcConnectionsMax: Int
    var rpcStreamsMax: Int
    var rpcCallsMax: Int
    var rpcMessageBytesMax: Int
    var rpcDeadlineDefaultMs: Int64
    /// The transport with every limit that has no field of its own here.
    var transport = RPCServerConfiguration()
    var rpcDeadlineMaxMs: Int64
    var batchRequestsMax: Int
    var gatePendingMs: Int
    var gateWarmMax: Int
    var expiryIntervalMs: Int64
    var expiryBatchMax: Int
    var sealIntervalMs: Int64
    var routeViewMs: Int64
    var routePreviewDays: Int32
    /// 0: nobody watches for drift.
    var driftIntervalMs: Int64
    var driftPositionsMax: Int
    var driftWalkMax: Int
    var routingIntervalMs: Int64
    var routingHorizonDays: Int32
    /// How often units of a line are given another place.
    var fulfilmentAttemptsMax: Int
    var fulfilmentIntervalMs: Int64
    var driftWalkIdleMax: Int
    var shutdownGraceMs: Int64
    /// The name of one of the logger's levels.
    var logLevel: String
    var logFormat: LogFormat
    /// Who may call; nil: everybody.
    var accessFile: String?
    var accessOpenAnywhere: Bool
    /// Nil: calls come without encryption.
    var tls: ServerTLS?
    var grpcPlaintextAnywhere: Bool
    var grpcPortShared: Bool

    /// Reads the settings of a server.
    ///
    /// - Throws: `SettingsError` with everything that is wrong, not only the first of it.
    init(_ settings: Settings) throws(SettingsError) {
        try settings.demand(ConfigurationKey.allCases.filter(\.entry.isRequired))
        let values = Values(values: settings.values.mapValues(\.text))
        let process = ProcessInfo.processInfo
        let loopsWanted = values.number(.loops)
        grpcHost = values.text(.grpcHost)
        grpcPort = values.number(.grpcPort)
        adminHost = values.text(.adminHost)
        adminPort = values.number(.adminPort)
        redisAddress = values.text(.redisAddress)
        redisUsername = values.values[.redisUsername]
        redisPassword = values.values[.redisPassword]
        postgresConninfo = values.text(.postgresConninfo)
        postgresConnections = values.number(.postgresConnections)
        postgresRole = values.text(.postgresRole)
        loops = loopsWanted == 0 ? max(1, process.activeProcessorCount) : loopsWanted
        serverName =
            values.values[.serverName] ?? "\(process.hostName):\(process.processIdentifier)"
        rpcConnectionsMax = values.number(.rpcConnectionsMax)
        rpcStreamsMax = values.number(.rpcStreamsMax)
        rpcCallsMax = values.number(.rpcCallsMax)
        rpcMessageBytesMax = values.number(.rpcMessageBytesMax)
        rpcDeadlineDefaultMs = Int64(values.number(.rpcDeadlineDefaultMs))
        TransportLimits.apply(values.number, to: &transport)
        rpcDeadlineMaxMs = Int64(values.number(.rpcDeadlineMaxMs))
        batchRequestsMax = values.number(.batchRequestsMax)
        gatePendingMs = values.number(.gatePendingMs)
        gateWarmMax = values.number(.gateWarmMax)
        expiryIntervalMs = Int64(values.number(.expiryIntervalMs))
        expiryBatchMax = values.number(.expiryBatchMax)
        sealIntervalMs = Int64(values.number(.sealIntervalMs))
        routeViewMs = Int64(values.number(.routeViewMs))
        routePreviewDays = Int32(values.number(.routePreviewDays))
        driftIntervalMs = Int64(values.number(.driftIntervalMs))
        driftPositionsMax = values.number(.driftPositionsMax)
        driftWalkMax = values.number(.driftWalkMax)
        routingIntervalMs = Int64(values.number(.routingIntervalMs))
        routingHorizonDays = Int32(values.number(.routingHorizonDays))
        fulfilmentAttemptsMax = values.number(.fulfilmentAttemptsMax)
        fulfilmentIntervalMs = Int64(values.number(.fulfilmentIntervalMs))
        driftWalkIdleMax = values.number(.driftWalkIdleMax)
        shutdownGraceMs = Int64(values.number(.shutdownGraceMs))
        logLevel = values.text(.logLevel)
        logFormat = values.text(.logFormat) == "json" ? .json : .text
        accessFile = values.values[.accessFile]
        accessOpenAnywhere = values.text(.accessOpenAnywhere) == "true"
        tls = values.tls
        grpcPlaintextAnywhere = values.text(.grpcPlaintextAnywhere) == "true"
        grpcPortShared = values.text(.grpcPortShared) == "true"
        let problems = relationProblems + values.tlsProblems
        if !problems.isEmpty { throw SettingsError(problems: problems) }
    }

    /// Settings that contradict each other.
    private var relationProblems: [String] {
        var problems: [String] = []
        func demand(_ holds: Bool, _ what: String) {
            if !holds { problems.append(what) }
        }
        demand(
            rpcDeadlineDefaultMs <= rpcDeadlineMaxMs,
            "rpc.deadline.default.ms (\(rpcDeadlineDefaultMs)) must not be above "
                + "rpc.deadline.max.ms (\(rpcDeadlineMaxMs))",
        )
        demand(
            rpcMessageBytesMax <= transport.unreadBytesMax,
            "rpc.message.bytes.max (\(rpcMessageBytesMax)) must not be above "
                + "rpc.unread.bytes.max (\(transport.unreadBytesMax))",
        )
        demand(
            rpcStreamsMax <= rpcCallsMax,
            "rpc.streams.max (\(rpcStreamsMax)) must not be above rpc.calls.max (\(rpcCallsMax))",
        )
        demand(
            loops <= rpcCallsMax,
            "loops (\(loops)) must not be above rpc.calls.max (\(rpcCallsMax)), which they share",
        )
        demand(
            grpcPort == 0 || grpcPort != adminPort || grpcHost != adminHost,
            "grpc.port and admin.port are both \(grpcPort) at \(grpcHost)",
        )
        for address in redisAddress.split(separator: ",", omittingEmptySubsequences: false) {
            demand(
                address.hasPrefix("unix:/") || AddressArgument(argument: String(address)) != nil,
                "redis.address has \"\(address)\", expected HOST:PORT or unix:/path, and commas "
                    + "between several",
            )
        }
        demand(
            accessFile != nil || accessOpenAnywhere || isLoopback(grpcHost)
                || tls?.isClientCertificateRequired == true,
            "grpc.host is \(grpcHost), where others can reach a server that lets everybody do "
                + "everything: set access.file or tls.client.required, or access.open.anywhere "
                + "to true",
        )
        demand(
            accessFile == nil || !accessOpenAnywhere,
            "access.file and access.open.anywhere contradict each other",
        )
        demand(
            tls != nil || grpcPlaintextAnywhere || isLoopback(grpcHost),
            "grpc.host is \(grpcHost), where others could listen in on calls without encryption: "
                + "set tls.certificate and tls.key, or grpc.plaintext.anywhere to true",
        )
        return problems
    }
}

extension ServeConfiguration {
    /// Whether calls come without encryption from other machines.
    var isPlaintextForOthers: Bool { tls == nil && !isLoopback(grpcHost) }
}

extension Settings {
    /// Refuses settings that are wrong, or that lack one of `keys`.
    func demand(_ keys: [ConfigurationKey]) throws(SettingsError) {
        let missing = keys.filter { values[$0] == nil }
            .map { "\($0.rawValue) is required: --\($0.flag), \($0.variable) or a file" }
        let all = problems + missing
        if !all.isEmpty { throw SettingsError(problems: all) }
    }
}

/// Values that were checked already.
struct Values {
    let values: [ConfigurationKey: String]

    func text(_ key: ConfigurationKey) -> String {
        guard let text = values[key] else {
            invariantBroken("\(key.rawValue) has neither value nor default")
        }
        return text
    }

    func number(_ key: ConfigurationKey) -> Int {
        guard let number = Int(text(key)) else {
            invariantBroken("\(key.rawValue) was accepted and is no number")
        }
        return number
    }
}
