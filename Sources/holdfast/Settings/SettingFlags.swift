// The settings as flags. Each flag takes its name and its help from the table of settings.

internal import ArgumentParser

/// A flag for each setting of a server.
struct SettingFlags: ParsableArguments {
    @Option(help: "JSON file with settings; or HOLDFAST_CONFIG.")
    var config: String?
    @Option(
        name: .customLong("limit"),
        help: ArgumentHelp(
            "A limit of the transport, such as rpc.stall.ms.max=5000; may be repeated. "
                + "`holdfast configuration` lists them.",
            valueName: "name=value",
        ),
    )
    var limits: [LimitArgument] = []
    @Option(name: ConfigurationKey.grpcHost.optionName, help: ConfigurationKey.grpcHost.help)
    var grpcHost: String?
    @Option(name: ConfigurationKey.grpcPort.optionName, help: ConfigurationKey.grpcPort.help)
    var grpcPort: String?
    @Option(name: ConfigurationKey.adminHost.optionName, help: ConfigurationKey.adminHost.help)
    var adminHost: String?
    @Option(name: ConfigurationKey.adminPort.optionName, help: ConfigurationKey.adminPort.help)
    var adminPort: String?
    @Option(
        name: ConfigurationKey.redisAddress.optionName,
        help: ConfigurationKey.redisAddress.help
    )
    var redisAddress: String?
    @Option(
        name: ConfigurationKey.redisUsername.optionName,
        help: ConfigurationKey.redisUsername.help
    )
    var redisUsername: String?
    @Option(
        name: ConfigurationKey.redisPassword.optionName,
        help: ConfigurationKey.redisPassword.help
    )
    var redisPassword: String?
    @Option(
        name: ConfigurationKey.postgresConninfo.optionName,
        help: ConfigurationKey.postgresConninfo.help
    )
    var postgresConninfo: String?
    @Option(
        name: ConfigurationKey.postgresConnections.optionName,
        help: ConfigurationKey.postgresConnections.help
    )
    var postgresConnections: String?
    @Option(
        name: ConfigurationKey.postgresRole.optionName,
        help: ConfigurationKey.postgresRole.help
    )
    var postgresRole: String?
    @Option(name: ConfigurationKey.loops.optionName, help: ConfigurationKey.loops.help)
    var loops: String?
    @Option(name: ConfigurationKey.serverName.optionName, help: ConfigurationKey.serverName.help)
    var serverName: String?
    @Option(
        name: ConfigurationKey.rpcConnectionsMax.optionName,
        help: ConfigurationKey.rpcConnectionsMax.help
    )
    var rpcConnectionsMax: String?
    @Option(
        name: ConfigurationKey.rpcStreamsMax.optionName,
        help: ConfigurationKey.rpcStreamsMax.help
    )
    var rpcStreamsMax: String?
    @Option(name: ConfigurationKey.rpcCallsMax.optionName, help: ConfigurationKey.rpcCallsMax.help)
    var rpcCallsMax: String?
    @Option(
        name: ConfigurationKey.rpcMessageBytesMax.optionName,
        help: ConfigurationKey.rpcMessageBytesMax.help
    )
    var rpcMessageBytesMax: String?
    @Option(
        name: ConfigurationKey.rpcDeadlineDefaultMs.optionName,
        help: ConfigurationKey.rpcDeadlineDefaultMs.help
    )
    var rpcDeadlineDefaultMs: String?
    @Option(
        name: ConfigurationKey.rpcDeadlineMaxMs.optionName,
        help: ConfigurationKey.rpcDeadlineMaxMs.help
    )
    var rpcDeadlineMaxMs: String?
    @Option(
        name: ConfigurationKey.batchRequestsMax.optionName,
        help: ConfigurationKey.batchRequestsMax.help
    )
    var batchRequestsMax: String?
    @Option(
        name: ConfigurationKey.gatePendingMs.optionName,
        help: ConfigurationKey.gatePendingMs.help
    )
    var gatePendingMs: String?
    @Option(
        name: ConfigurationKey.gateWarmMax.optionName,
        help: ConfigurationKey.gateWarmMax.help
    )
    var gateWarmMax: String?
    @Option(
        name: ConfigurationKey.expiryIntervalMs.optionName,
        help: ConfigurationKey.expiryIntervalMs.help
    )
    var expiryIntervalMs: String?
    @Option(
        name: ConfigurationKey.expiryBatchMax.optionName,
        help: ConfigurationKey.expiryBatchMax.help
    )
    var expiryBatchMax: String?
    @Option(
        name: ConfigurationKey.sealIntervalMs.optionName,
        help: ConfigurationKey.sealIntervalMs.help
    )
    var sealIntervalMs: String?
    @Option(
        name: ConfigurationKey.routeViewMs.optionName,
        help: ConfigurationKey.routeViewMs.help
    )
    var routeViewMs: String?
    @Option(
        name: ConfigurationKey.routePreviewDays.optionName,
        help: ConfigurationKey.routePreviewDays.help
    )
    var routePreviewDays: String?
    @Option(
        name: ConfigurationKey.driftIntervalMs.optionName,
        help: ConfigurationKey.driftIntervalMs.help
    )
    var driftIntervalMs: String?
    @Option(
        name: ConfigurationKey.driftPositionsMax.optionName,
        help: ConfigurationKey.driftPositionsMax.help
    )
    var driftPositionsMax: String?
    @Option(
        name: ConfigurationKey.driftWalkMax.optionName,
        help: ConfigurationKey.driftWalkMax.help
    )
    var driftWalkMax: String?
    @Option(
        name: ConfigurationKey.routingIntervalMs.optionName,
        help: ConfigurationKey.routingIntervalMs.help
    )
    var routingIntervalMs: String?
    @Option(
        name: ConfigurationKey.routingHorizonDays.optionName,
        help: ConfigurationKey.routingHorizonDays.help
    )
    var routingHorizonDays: String?
    @Option(
        name: ConfigurationKey.fulfilmentAttemptsMax.optionName,
        help: ConfigurationKey.fulfilmentAttemptsMax.help
    )
    var fulfilmentAttemptsMax: String?
    @Option(
        name: ConfigurationKey.fulfilmentIntervalMs.optionName,
        help: ConfigurationKey.fulfilmentIntervalMs.help
    )
    var fulfilmentIntervalMs: String?
    @Option(
        name: ConfigurationKey.driftWalkIdleMax.optionName,
        help: ConfigurationKey.driftWalkIdleMax.help
    )
    var driftWalkIdleMax: String?
    @Option(
        name: ConfigurationKey.shutdownGraceMs.optionName,
        help: ConfigurationKey.shutdownGraceMs.help
    )
    var shutdownGraceMs: String?
    @Option(name: ConfigurationKey.logLevel.optionName, help: ConfigurationKey.logLevel.help)
    var logLevel: String?
    @Option(name: ConfigurationKey.logFormat.optionName, help: ConfigurationKey.logFormat.help)
    var logFormat: String?
    @Option(name: ConfigurationKey.accessFile.optionName, help: ConfigurationKey.accessFile.help)
    var accessFile: String?
    @Option(
        name: ConfigurationKey.accessOpenAnywhere.optionName,
        help: ConfigurationKey.accessOpenAnywhere.help
    )
    var accessOpenAnywhere: String?
    @Option(
        name: ConfigurationKey.tlsCertificate.optionName,
        help: ConfigurationKey.tlsCertificate.help
    )
    var tlsCertificate: String?
    @Option(
        name: ConfigurationKey.tlsKey.optionName,
        help: ConfigurationKey.tlsKey.help
    )
    var tlsKey: String?
    @Option(
        name: ConfigurationKey.tlsClientCA.optionName,
        help: ConfigurationKey.tlsClientCA.help
    )
    var tlsClientCA: String?
    @Option(
        name: ConfigurationKey.tlsClientRequired.optionName,
        help: ConfigurationKey.tlsClientRequired.help
    )
    var tlsClientRequired: String?
    @Option(
        name: ConfigurationKey.tlsHandshakeMsMax.optionName,
        help: ConfigurationKey.tlsHandshakeMsMax.help
    )
    var tlsHandshakeMsMax: String?
    @Option(
        name: ConfigurationKey.grpcPlaintextAnywhere.optionName,
        help: ConfigurationKey.grpcPlaintextAnywhere.help
    )
    var grpcPlaintextAnywhere: String?
    @Option(
        name: ConfigurationKey.grpcPortShared.optionName,
        help: ConfigurationKey.grpcPortShared.help
    )
    var grpcPortShared: String?

    /// The flags that were given.
    var values: [ConfigurationKey: String] {
        let all: [ConfigurationKey: String?] = [
            .grpcHost: grpcHost,
            .grpcPort: grpcPort,
            .adminHost: adminHost,
            .adminPort: adminPort,
            .redisAddress: redisAddress,
            .redisUsername: redisUsername,
            .redisPassword: redisPassword,
            .postgresConninfo: postgresConninfo,
            .postgresConnections: postgresConnections,
            .postgresRole: postgresRole,
            .loops: loops,
            .serverName: serverName,
            .rpcConnectionsMax: rpcConnectionsMax,
            .rpcStreamsMax: rpcStreamsMax,
            .rpcCallsMax: rpcCallsMax,
            .rpcMessageBytesMax: rpcMessageBytesMax,
            .rpcDeadlineDefaultMs: rpcDeadlineDefaultMs,
            .rpcDeadlineMaxMs: rpcDeadlineMaxMs,
            .batchRequestsMax: batchRequestsMax,
            .gatePendingMs: gatePendingMs,
            .gateWarmMax: gateWarmMax,
            .expiryIntervalMs: expiryIntervalMs,
            .expiryBatchMax: expiryBatchMax,
            .sealIntervalMs: sealIntervalMs,
            .routeViewMs: routeViewMs,
            .routePreviewDays: routePreviewDays,
            .driftIntervalMs: driftIntervalMs,
            .driftPositionsMax: driftPositionsMax,
            .driftWalkMax: driftWalkMax,
            .routingIntervalMs: routingIntervalMs,
            .routingHorizonDays: routingHorizonDays,
            .fulfilmentAttemptsMax: fulfilmentAttemptsMax,
            .fulfilmentIntervalMs: fulfilmentIntervalMs,
            .driftWalkIdleMax: driftWalkIdleMax,
            .shutdownGraceMs: shutdownGraceMs,
            .logLevel: logLevel,
            .logFormat: logFormat,
            .accessFile: accessFile,
            .accessOpenAnywhere: accessOpenAnywhere,
            .tlsCertificate: tlsCertificate,
            .tlsKey: tlsKey,
            .tlsClientCA: tlsClientCA,
            .tlsClientRequired: tlsClientRequired,
            .tlsHandshakeMsMax: tlsHandshakeMsMax,
            .grpcPlaintextAnywhere: grpcPlaintextAnywhere,
            .grpcPortShared: grpcPortShared,
        ]
        var given = all.compactMapValues { $0 }
        for limit in limits { given[limit.key] = limit.value }
        return given
    }
}

/// The value of `--limit`.
struct LimitArgument: ExpressibleByArgument {
    let key: ConfigurationKey
    let value: String

    init?(argument: String) {
        guard let mark = argument.firstIndex(of: "="),
            let key = ConfigurationKey(rawValue: String(argument[..<mark])),
            TransportLimits.has(key)
        else { return nil }
        self.key = key
        value = String(argument[argument.index(after: mark)...])
    }
}
