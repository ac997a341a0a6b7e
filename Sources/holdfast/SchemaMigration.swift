// Where `holdfast migrate` meets the ledger's migrations.

internal import Logging

/// What became of the migrations.
struct MigrationSummary: Encodable, Equatable, Sendable {
    /// Names of those applied now (or to be applied, in a dry run), in order.
    var applied: [String]
    /// How many the database had before.
    var already: Int
}

/// Brings a database to what this version needs.
enum SchemaMigration {
    /// Applies what is missing, or only names it in a dry run.
    ///
    /// - Throws: `CommandError`.
    static func run(
        _ conninfo: String,
        dryRun: Bool,
        logger: Logger,
    ) async throws -> MigrationSummary {
        throw CommandError(.failed, "this build has no migrations")
    }
}
