// `holdfast-interop server`: the test service with health and reflection, until it is told to stop.

internal import ArgumentParser
internal import Logging
internal import Loop
internal import NIOCore
internal import NIOPosix
internal import RPC
internal import UnixSignals

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Serves grpc.testing.TestService, with health and reflection.",
        discussion: """
            Prints `listening on HOST:PORT` once it serves; SIGINT or SIGTERM lets running calls \
            finish and ends it with 0. A server that cannot listen ends with 1, wrong flags with 64.

            EXAMPLES
              holdfast-interop server --port 10000
              holdfast-interop server --host 0.0.0.0 --port 0
            """,
    )

    /// How long running calls may take once the server was told to stop, in milliseconds.
    private static let graceMilliseconds: Int64 = 5_000
    /// Tests sleep as they like: what brings no deadline gets a day.
    private static let deadlineMilliseconds: Int64 = 86_400_000

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 lets the system choose.")
    var port: Int

    @Option(help: "Event loops, one thread each.")
    var loops = 2

    func validate() throws {
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port takes 0 to 65535")
        }
        guard (1...64).contains(loops) else { throw ValidationError("--loops takes 1 to 64") }
    }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        var configuration = RPCServerConfiguration(host: host, port: port)
        configuration.messageBytesMax = InteropLimits.messageBytesMax
        configuration.deadlineDefaultMilliseconds = Self.deadlineMilliseconds
        configuration.deadlineMillisecondsMax = Self.deadlineMilliseconds
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let service = TestService()
        var logger = Logger(label: "holdfast-interop") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let server = RPCServer(
            configuration: configuration,
            loops: group.makeIterator().map { Loop($0) },
            registry: { _ in
                var registry = ServiceRegistry()
                service.register(on: &registry)
                return registry
            },
            descriptors: try DescriptorIndex(descriptorSet: PackageResources.interop_binpb),
            logger: logger,
        )
        let bound = try await server.start()
        printLine("listening on \(host):\(bound)")
        for await _ in signals { break }
        await server.shutdown(graceMilliseconds: Self.graceMilliseconds)
        try await group.shutdownGracefully()
    }
}
