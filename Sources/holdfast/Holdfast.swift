// The command line of Holdfast: which commands there are, and with which status each way of ending
// ends. Nothing below decides about the process.

internal import ArgumentParser
internal import Foundation

/// The command line.
@main
struct Holdfast: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast",
        abstract: "Promises stock, and keeps what it promised.",
        discussion: """
            Commands that speak to a server find it with --server or HOLDFAST_SERVER \
            (127.0.0.1:50051 if neither is given). --json prints one JSON object with the names \
            of the .proto files; errors then go to standard error as one JSON object, too. A server \
            with an access file wants a token: --token-file, HOLDFAST_TOKEN_FILE or HOLDFAST_TOKEN.

            They call over TLS with --tls, or with --tls-ca FILE where the server's certificate is \
            signed by an authority of your own; HOLDFAST_TLS_CA says the same for all of them.

            EXIT STATUS
            \(CommandStatus.table)

            EXAMPLES
              holdfast migrate --postgres 'host=/run/postgresql dbname=holdfast'
              holdfast serve --postgres 'host=/run/postgresql dbname=holdfast' \\
                --redis 127.0.0.1:6379
              holdfast stock receive 85123A@LDN-DC=120
              holdfast reserve 85123A@LDN-DC=2 --ttl 15m --owner cart-7
              holdfast stock show 85123A --server orders.example.org:443 --tls-ca ca.pem \\
                --tls-certificate shop.pem --tls-key shop.key
            """,
        version: holdfastVersion,
        subcommands: [
            Serve.self, Migrate.self, ShowConfiguration.self, Stock.self, Reserve.self,
            ReservationCommand.self, OrderCommand.self, ShipmentGroup.self, Work.self,
            Exceptions.self, CountCommand.self, NodeCommand.self, RulesCommand.self,
            RouteCommand.self, LedgerCommand.self, Drift.self, Access.self,
        ],
    )

    /// Runs the command that the arguments name, and ends the process with its status.
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let isJSON = arguments.prefix { $0 != "--" }.contains("--json")
            endProcess(tell(error, isJSON: isJSON))
        }
    }

    /// Says what went wrong, and returns the status to end with.
    private static func tell(_ error: any Error, isJSON: Bool) -> Int32 {
        let failure: CommandError
        switch error {
        case let error as CommandError: failure = error
        case let error as AccessFileError: failure = CommandError(error)
        case let error as SettingsError:
            failure = CommandError(.invalid, settings: error)
        default:
            let message = fullMessage(for: error)
            if exitCode(for: error) == .success {
                Terminal.write(message.hasSuffix("\n") ? message : message + "\n")
                return CommandStatus.done.rawValue
            }
            let isUsage = exitCode(for: error) == .validationFailure
            if isUsage, !isJSON {
                Terminal.note(message + "\n")
                return CommandStatus.invalid.rawValue
            }
            failure = CommandError(isUsage ? .invalid : .failed, self.message(for: error))
        }
        Terminal.note(isJSON ? failure.json : failure.text)
        return failure.exit.rawValue
    }
}

extension CommandStatus {
    /// The statuses with their meanings, for the help text.
    static var table: String {
        allCases.map { "  \($0.rawValue)  \($0.meaning)" }.joined(separator: "\n")
    }
}

extension CommandError {
    /// Tells what is wrong with the settings.
    init(_ exit: CommandStatus, settings error: SettingsError) {
        self.init(exit, "the settings are wrong")
        violations = error.problems.map { Violation(field: "setting", description: $0) }
    }
}
