// Where `holdfast migrate` meets the ledger's migrations.

internal import Ledger
internal import Logging
internal import Postgres

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
        role: String,
        dryRun: Bool,
        logger: Logger,
    ) async throws -> MigrationSummary {
        let postgres = PostgresClient(
            configuration: PostgresConfiguration(
                conninfo: conninfo,
                connections: 1,
                writers: 0,
                applicationName: "holdfast migrate",
            )
        )
        let outcome: Result<MigrationReport, MigrationError>
        do {
            try postgres.start()
        } catch {
            throw CommandError(.failed, "\(error)")
        }
        let migrator = Migrator(postgres: postgres, logger: logger)
        do throws(MigrationError) {
            outcome = .success(
                dryRun ? try await migrator.plan() : try await migrator.run(servingAs: role)
            )
        } catch {
            outcome = .failure(error)
        }
        await postgres.shutdown()
        switch outcome {
        case .success(let report):
            return MigrationSummary(applied: report.applied, already: report.already)
        case .failure(let error):
            throw CommandError(.failed, "\(error)")
        }
    }
}
