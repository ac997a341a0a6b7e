// `holdfast migrate`: brings the database to what this version needs.

internal import ArgumentParser
internal import Foundation
internal import Logging

/// Brings the database up to date.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings the database to what this version needs.",
        discussion: """
            Safe to run again, and while servers of the version before are running. Each \
            migration is one transaction.

            The login owns what it makes. Servers take on another role, which can add to the \
            ledger and cannot change it; the role is made when it is missing, for which the login \
            needs CREATEROLE once. A server whose own login is a member of that role cannot get \
            more by itself.

            EXAMPLES
              holdfast migrate --postgres 'host=/run/postgresql dbname=holdfast' --dry-run
              HOLDFAST_POSTGRES=postgresql://app@db/holdfast holdfast migrate
            """,
    )

    @Option(
        name: ConfigurationKey.postgresConninfo.optionName,
        help: ConfigurationKey.postgresConninfo.help,
    )
    var postgres: String?
    @Option(
        name: ConfigurationKey.postgresRole.optionName,
        help: ConfigurationKey.postgresRole.help,
    )
    var role: String?
    @Option(help: "JSON file with settings; or HOLDFAST_CONFIG.")
    var config: String?
    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = try await Settings(
            flags: [.postgresConninfo: postgres, .postgresRole: role].compactMapValues { $0 },
            environment: environment,
            file: config ?? environment["HOLDFAST_CONFIG"],
        )
        try settings.demand([.postgresConninfo])
        let conninfo = settings.values[.postgresConninfo]?.text ?? ""
        let logger = Logger(label: "migrate") { _ in LineLogHandler(level: .info, format: .text) }
        let summary = try await SchemaMigration.run(
            conninfo,
            role: settings.values[.postgresRole]?.text ?? "",
            dryRun: dryRun,
            logger: logger,
        )
        if json {
            Terminal.writeLine(JSONText.encoded(summary))
            return
        }
        let verb = dryRun ? "would apply" : "applied"
        for name in summary.applied { Terminal.writeLine("\(verb) \(name)") }
        let had = "\(counted(summary.already, "migration")) applied before"
        Terminal.writeLine(summary.applied.isEmpty ? "nothing to do, \(had)" : had)
    }
}
