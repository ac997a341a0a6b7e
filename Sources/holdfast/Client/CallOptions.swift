// The options of every command that speaks to a server.

internal import ArgumentParser
internal import Base
internal import Foundation

/// Which server to ask, how long to wait, and how to print the answer.
struct CallOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server. (default: HOLDFAST_SERVER, or 127.0.0.1:50051)",
            valueName: "host:port",
        )
    )
    var server: AddressArgument?

    @Option(
        help: ArgumentHelp(
            "How long to wait for each answer. (default: HOLDFAST_TIMEOUT, or 10)",
            valueName: "seconds",
        )
    )
    var timeout: Double?

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    @OptionGroup(title: "TLS") var tls: TLSOptions

    /// The server to ask.
    func address(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> AddressArgument {
        if let server { return server }
        let text = environment["HOLDFAST_SERVER"] ?? "127.0.0.1:50051"
        guard let address = AddressArgument(argument: text) else {
            throw CommandError(.invalid, "HOLDFAST_SERVER is \"\(text)\", expected HOST:PORT")
        }
        return address
    }

    /// How long to wait for each answer, in milliseconds.
    func timeoutMs(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Int64 {
        var seconds = timeout ?? 10
        if timeout == nil, let text = environment["HOLDFAST_TIMEOUT"] {
            guard let number = Double(text) else {
                throw CommandError(.invalid, "HOLDFAST_TIMEOUT is \"\(text)\", expected seconds")
            }
            seconds = number
        }
        guard seconds >= 0.001, seconds <= 3_600 else {
            throw CommandError(.invalid, "the timeout must be 0.001 to 3600 seconds")
        }
        return Int64(seconds * 1_000)
    }
}

/// The idempotency key of a command that changes something.
struct KeyOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Names this attempt: a retry with the same key changes nothing more. (default: new)",
            valueName: "key",
        )
    )
    var key: String?

    /// The key to use, made up when none was given.
    var keyOrNew: String {
        var generator = SystemRandomNumberGenerator()
        return key ?? ID.timeOrdered(now: SystemClock().now(), using: &generator).description
    }
}
