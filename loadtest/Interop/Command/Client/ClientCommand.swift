// `holdfast-interop client`: plays one case, or all, against a server of any make.

internal import ArgumentParser
internal import Loop
internal import NIOCore
internal import NIOPosix
internal import RPC

struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "Plays cases of the interoperability tests against a server.",
        discussion: """
            Prints a line for each case. Ends with 0 when every case passed, with 1 when one did not, \
            and with 64 when the flags are wrong. The flags have the names of gRPC's own test \
            clients besides, such as --server_host.

            CASES
            \(InteropCase.allCases.map { "  \($0.rawValue)" }.joined(separator: "\n"))

            EXAMPLES
              holdfast-interop client --port 10000 --test-case empty_unary
              holdfast-interop client --port 10000 --all --pause-ms 1
              holdfast-interop client --server_host=127.0.0.1 --server_port=10000 \\
                --test_case=ping_pong
            """,
    )

    @Option(
        name: [.customLong("host"), .customLong("server_host")],
        help: "The server's address or name.",
    )
    var host = "127.0.0.1"

    @Option(name: [.customLong("port"), .customLong("server_port")], help: "The server's port.")
    var port: Int

    @Option(
        name: [.customLong("test-case"), .customLong("test_case")],
        help: ArgumentHelp("The case to play; may be said more than once.", valueName: "name"),
    )
    var testCases: [InteropCase] = []

    @Flag(help: "Plays every case.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "How long slow_consumer waits before each of its 2,000 messages.",
            valueName: "milliseconds",
        )
    )
    var pauseMs: Int64 = 20

    @Option(
        help: ArgumentHelp("The deadline of a call that is to succeed.", valueName: "seconds")
    )
    var timeout: Int64 = 120

    func validate() throws {
        guard (1...65_535).contains(port) else {
            throw ValidationError("--port takes 1 to 65535")
        }
        guard testCases.isEmpty == all else {
            throw ValidationError("say either --test-case NAME or --all")
        }
        guard (0...10_000).contains(pauseMs) else {
            throw ValidationError("--pause-ms takes 0 to 10000")
        }
        guard (1...86_400).contains(timeout) else {
            throw ValidationError("--timeout takes 1 to 86400")
        }
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = Loop(group.next())
        var failures = 0
        for testCase in all ? InteropCase.allCases : testCases {
            do throws(CaseFailure) {
                try await play(testCase, loop)
                printLine("\(testCase.rawValue): passed")
            } catch {
                failures += 1
                printLine("\(testCase.rawValue): FAILED: \(error.text)")
            }
        }
        try await group.shutdownGracefully()
        if failures > 0 { throw ExitCode(1) }
    }

    /// Plays a case on a connection of its own.
    private func play(_ testCase: InteropCase, _ loop: Loop) async throws(CaseFailure) {
        var configuration = RPCClientConfiguration()
        configuration.messageBytesMax = InteropLimits.messageBytesMax
        let client: RPCClient
        do throws(Status) {
            client = try await RPCClient.connect(
                host: host,
                port: port,
                loop: loop,
                configuration: configuration,
            )
        } catch {
            throw CaseFailure("\(host):\(port): \(error)")
        }
        let peer = InteropPeer(
            client: client,
            timeoutMilliseconds: timeout * 1_000,
            pauseMilliseconds: pauseMs,
        )
        do throws(CaseFailure) {
            try await testCase.play(peer)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }
}

extension InteropCase: ExpressibleByArgument {}
