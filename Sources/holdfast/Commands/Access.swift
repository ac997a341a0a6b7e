// `holdfast access`: who may call a server. Works on the access file alone; servers notice by themselves.

internal import API
internal import ArgumentParser
internal import Base
internal import Foundation
internal import RPC

/// The commands about callers and their tokens.
struct Access: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access",
        abstract: "Makes, lists, revokes and checks what callers show to a server.",
        discussion: """
            These commands change the access file and speak to no server. A server that was \
            started with --access-file takes the new file within 10 seconds, or at once on SIGHUP.

            ROLES (they add up)
              caller    reserves, and reads
              channel   captures the orders of its own channel, and sees no other channel
              support   reads
              operator  keeps stock, ships, cancels and releases
              admin     everything

            EXAMPLES
              holdfast access token shop --roles caller,channel --channel web \\
                --file access.json
              holdfast access list --file access.json
              holdfast access revoke shop --token 1f0c9a3e --file access.json
              HOLDFAST_ACCESS_FILE=access.json holdfast access check
            """,
        subcommands: [
            AccessMakeToken.self, AccessList.self, AccessRevoke.self, AccessCheck.self,
        ],
    )
}

/// Which access file, and how to print.
struct AccessOptions: ParsableArguments {
    @Option(help: "The access file. (default: HOLDFAST_ACCESS_FILE)")
    var file: String?
    @Flag(help: "Print one JSON object.")
    var json = false

    /// The file to work on.
    func accessFile(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> AccessFile {
        guard let path = file ?? environment[ConfigurationKey.accessFile.variable] else {
            throw CommandError(
                .invalid,
                "no access file was named",
                hint: "--file FILE or \(ConfigurationKey.accessFile.variable) names one",
            )
        }
        return AccessFile(path: path)
    }
}

/// Roles as one argument, separated by commas.
struct RolesArgument: ExpressibleByArgument, Equatable {
    var roles: Roles = []

    init?(argument: String) {
        for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let role = Role(rawValue: String(name)) else { return nil }
            roles.formUnion(role.alone)
        }
    }

    static var allValueStrings: [String] { Role.allCases.map(\.rawValue) }
}

extension Roles {
    /// For people and for `--roles`.
    var text: String { list.map(\.rawValue).joined(separator: ",") }
}

extension AccessOptions {
    /// The file to change; what this process writes from now on is its owner's alone.
    func writableFile() throws -> AccessFile {
        _ = umask(0o077)
        return try accessFile()
    }
}

extension CommandError {
    /// Tells what is wrong with an access file.
    init(_ error: AccessFileError) {
        self.init(.invalid, "\(error.path) cannot be used")
        violations = error.problems.map { problem in
            Violation(
                field: problem.field.isEmpty ? "the file" : problem.field,
                description: problem.description,
            )
        }
    }
}

/// Says what is wrong with an access file.
struct AccessCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Checks the access file, and names each problem.",
        discussion: """
            Ends with status 0 when a server would take the file, with 2 when it would not.

            EXAMPLES
              holdfast access check --file access.json
              holdfast access check --file access.json --json
            """,
    )

    @OptionGroup var options: AccessOptions

    func run() async throws {
        struct Summary: Encodable {
            var callers: Int
            var tokens: Int
            var certificates: Int
        }
        let callers = try options.accessFile().callers()
        let summary = Summary(
            callers: callers.count,
            tokens: callers.reduce(0) { $0 + $1.tokens.count },
            certificates: callers.reduce(0) { $0 + $1.certificates.count },
        )
        if options.json {
            Terminal.writeLine(JSONText.encoded(summary))
            return
        }
        Terminal.writeLine(
            "good: \(counted(summary.callers, "caller")), \(counted(summary.tokens, "token")), "
                + counted(summary.certificates, "certificate name")
        )
    }
}
