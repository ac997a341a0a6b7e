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

    // A token as an argument would show in the list of processes; it comes in a file or a variable.
    @Option(
        help: ArgumentHelp(
            "Holds the token to call with. (default: HOLDFAST_TOKEN, or HOLDFAST_TOKEN_FILE)",
            valueName: "file",
        )
    )
    var tokenFile: String?
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

extension CallOptions {
    /// The token to call with, or nil.
    func token(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> String? {
        if tokenFile == nil, let token = environment["HOLDFAST_TOKEN"] {
            return try Self.checked(token, "HOLDFAST_TOKEN")
        }
        guard let file = tokenFile ?? environment["HOLDFAST_TOKEN_FILE"] else { return nil }
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw CommandError(
                .invalid,
                "cannot read the token in \(file): \((error as NSError).localizedDescription)",
            )
        }
        return try Self.checked(text, file)
    }

    /// The token without what surrounds it; it is never shown, not even a wrong one.
    private static func checked(_ text: String, _ source: String) throws -> String {
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw CommandError(.invalid, "\(source) does not hold one token")
        }
        return token
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
