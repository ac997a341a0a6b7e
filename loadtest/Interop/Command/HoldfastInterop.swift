// The command line of the interoperability partner: gRPC's public test service, and its client.

internal import ArgumentParser

@main
struct HoldfastInterop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast-interop",
        abstract: "Serves gRPC's interoperability tests, or plays their client.",
        discussion: """
            EXAMPLES
              holdfast-interop server --port 10000
              holdfast-interop client --port 10000 --test-case large_unary
              holdfast-interop client --host 192.0.2.7 --port 10000 --all
            """,
        subcommands: [ServerCommand.self, ClientCommand.self],
    )
}

/// What both sides hold to.
enum InteropLimits {
    /// The largest message, in bytes: four times what clients of other languages take by default.
    static let messageBytesMax = 16_777_216
}
