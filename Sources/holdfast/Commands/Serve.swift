// `holdfast serve`: the server, from its settings to its last answer.

internal import ArgumentParser
internal import Base
internal import Foundation
internal import Logging
internal import UnixSignals

/// Runs the server until it is told to stop.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the server.",
        discussion: """
            Every setting can be a flag, a variable of the environment or a member of a JSON \
            file, in that order; `holdfast configuration` lists them all. SIGINT or SIGTERM lets \
            running calls finish; a second one ends the process at once with status 130. SIGHUP \
            reads the files of access and of certificates again, which happens by itself within \
            seconds, too.

            EXAMPLES
              holdfast serve --postgres 'host=/run/postgresql dbname=holdfast' \\
                --redis 127.0.0.1:6379
              holdfast serve --postgres 'host=/run/postgresql dbname=holdfast' \\
                --redis redis-a:6379,redis-b:6379
              HOLDFAST_GRPC_PORT=0 holdfast serve --config /etc/holdfast.json
              holdfast serve --config /etc/holdfast.json --access-file access.json
              holdfast serve --config /etc/holdfast.json --grpc-host 0.0.0.0 \\
                --tls-certificate server.pem --tls-key server.key
              holdfast serve --config /etc/holdfast.json --log-level debug --log-format json
            """,
    )

    @OptionGroup(title: "Settings") var flags: SettingFlags

    func run() async throws {
        let configuration = try ServeConfiguration(try await flags.settings())
        let logger = Logger(label: "holdfast") { _ in
            LineLogHandler(
                level: Logger.Level(rawValue: configuration.logLevel) ?? .info,
                format: configuration.logFormat,
            )
        }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        logger.info(
            "starting",
            metadata: [
                "version": "\(holdfastVersion)", "server": "\(configuration.serverName)",
                "loops": "\(configuration.loops)", "redis": "\(configuration.redisAddress)",
                "postgres": "\(redactedConninfo(configuration.postgresConninfo))",
            ],
        )
        if configuration.isPlaintextForOthers {
            logger.warning("calls come without encryption from other machines, as the settings say")
        }
        #if DEBUG
        try Self.leaveOutStep(logger)
        #endif
        let server: RunningServer
        do {
            server = try await ServerAssembly.start(configuration, logger: logger)
        } catch {
            throw StartFailure.explained(error)
        }
        let admin = AdminPlane(
            host: configuration.adminHost,
            port: configuration.adminPort,
            sources: AdminSources(
                ready: { await server.readiness() },
                metrics: { await server.metricsText() },
            ),
            logger: logger,
        )
        do {
            let adminPort = try await admin.start()
            Terminal.writeLine("listening on \(configuration.grpcHost):\(server.grpcPort)")
            Terminal.writeLine("health and metrics on \(configuration.adminHost):\(adminPort)")
        } catch {
            await server.shutdown()
            throw StartFailure.explained(error)
        }
        StartPages.giveBack()
        await Self.untilSignal(signals, logger) { await server.reload() }
        await server.shutdown()
        await admin.stop()
        logger.info("stopped")
    }

    #if DEBUG
    /// Leaves out the step of the protocol that the environment names.
    private static func leaveOutStep(_ logger: Logger) throws {
        guard let variable = SettingNames.breakVariable,
            let name = ProcessInfo.processInfo.environment[variable]
        else { return }
        guard ProtocolStep.leaveOut(name) else {
            let names = ProtocolStep.allCases.map(\.name).joined(separator: ", ")
            throw CommandError(.failed, "\(variable) is \(name), which is no step: \(names)")
        }
        logger.critical("a step of the protocol is left out", metadata: ["step": "\(name)"])
    }
    #endif

    /// Waits for the first signal to end; from then on the next one ends the process at once.
    private static func untilSignal(
        _ signals: UnixSignalsSequence,
        _ logger: Logger,
        reload: @escaping @Sendable () async -> Void,
    ) async {
        let (first, firstCame) = AsyncStream.makeStream(of: UnixSignal.self)
        Task.detached {
            var count = 0
            for await signal in signals {
                if signal == .sighup {
                    await reload()
                    continue
                }
                count += 1
                if count > 1 { endProcess(130) }
                firstCame.yield(signal)
            }
        }
        for await signal in first {
            logger.notice("stopping", metadata: ["signal": "\(signal)"])
            return
        }
    }
}
