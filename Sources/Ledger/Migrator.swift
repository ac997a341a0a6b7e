// Brings a database to the schema that this binary knows. Forward only: a migration that was applied
// is never changed (its checksum is kept), and a database that is newer than the binary is refused.
// Safe with several servers starting at once: the lock of the migrator lets one pass at a time.

internal import Crypto
package import Logging
package import Postgres

/// Why the schema cannot be brought up to date.
package enum MigrationError: Error, Hashable, Sendable {
    /// The database cannot be reached, or refused a migration.
    case postgres(PostgresError, migration: String?)
    /// The database has a migration that this binary does not know: it belongs to a newer one.
    case databaseIsNewer(migration: String)
    /// The text of an applied migration is not the one that this binary has.
    case changed(migration: String)
    /// The role that servers have cannot be made, or cannot be given what it needs.
    case role(String, PostgresError)
}

extension MigrationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .postgres(let error, nil): "\(error)"
        case .postgres(let error, let migration?): "migration \(migration) failed: \(error)"
        case .databaseIsNewer(let migration):
            "the database is newer than this binary: it has migration \(migration)"
        case .changed(let migration):
            "migration \(migration) was applied with another text than this binary has"
        case .role(let role, let error):
            "the role \(role), which servers have, cannot be set up: \(error)"
        }
    }
}

/// What a run did.
package struct MigrationReport: Hashable, Sendable {
    /// Applied now, in order.
    package var applied: [String]
    /// Applied before.
    package var already: Int
}

/// Applies migrations.
package struct Migrator: Sendable {
    private let postgres: PostgresClient
    private let logger: Logger

    package init(postgres: PostgresClient, logger: Logger) {
        self.postgres = postgres
        self.logger = logger
    }

    /// Applies what is missing, each migration in a transaction of its own, and gives `role` what a
    /// server needs; the role is made if it is not there.
    package func run(servingAs role: String) async throws(MigrationError) -> MigrationReport {
        try await locked { session async throws(MigrationError) in
            try await self.asking { () async throws(PostgresError) in
                try await session.simple(MigrationStatements.createTable)
            }
            let (pending, already) = try await self.read(session)
            for migration in pending { try await self.apply(migration, session) }
            do throws(PostgresError) {
                _ = try await session.execute(MigrationStatements.grantServing, [.text(role)])
            } catch {
                throw .role(role, error)
            }
            return MigrationReport(applied: pending.map(\.name), already: already)
        }
    }

    /// Names what `run` would apply; changes nothing.
    package func plan() async throws(MigrationError) -> MigrationReport {
        try await locked { session async throws(MigrationError) in
            let (pending, already) = try await self.read(session)
            return MigrationReport(applied: pending.map(\.name), already: already)
        }
    }

    // MARK: Private

    /// Under the lock of the migrator, which ends with the session.
    private func locked(
        _ body: (PostgresSession) async throws(MigrationError) -> MigrationReport
    ) async throws(MigrationError) -> MigrationReport {
        do {
            return try await postgres.withSession { session in
                _ = try await session.execute(MigrationStatements.lock)
                return try await body(session)
            }
        } catch let error as MigrationError {
            throw error
        } catch let error as PostgresError {
            throw .postgres(error, migration: nil)
        } catch {
            throw .postgres(PostgresError(.connectionLost, "\(error)"), migration: nil)
        }
    }

    /// What is to be applied, and how many were.
    private func read(
        _ session: PostgresSession
    ) async throws(MigrationError) -> (pending: [Migration], already: Int) {
        let applied = try await asking { () async throws(PostgresError) in
            guard try await session.execute(MigrationStatements.hasTable)[0].bool(0) else {
                return [(name: String, checksum: String)]()
            }
            return try await session.execute(MigrationStatements.applied)
                .map { (name: $0.text(0), checksum: $0.text(1)) }
        }
        return (try pending(after: applied), applied.count)
    }

    private func asking<Value>(
        _ body: () async throws(PostgresError) -> Value
    ) async throws(MigrationError) -> Value {
        do throws(PostgresError) {
            return try await body()
        } catch {
            throw .postgres(error, migration: nil)
        }
    }

    private func pending(
        after applied: [(name: String, checksum: String)]
    ) throws(MigrationError) -> [Migration] {
        let known = Migration.all
        for (index, row) in applied.enumerated() {
            guard index < known.count, known[index].name == row.name else {
                throw .databaseIsNewer(migration: row.name)
            }
            guard known[index].checksum == row.checksum else {
                throw .changed(migration: row.name)
            }
        }
        return Array(known.dropFirst(applied.count))
    }

    private func apply(
        _ migration: Migration,
        _ session: PostgresSession,
    ) async throws(MigrationError) {
        logger.info("applying a migration", metadata: ["migration": "\(migration.name)"])
        do throws(PostgresError) {
            try await session.simple("BEGIN")
            try await session.simple(migration.text)
            _ = try await session.execute(
                MigrationStatements.record,
                [.text(migration.name), .text(migration.checksum)],
            )
            try await session.simple("COMMIT")
        } catch {
            throw .postgres(error, migration: migration.name)
        }
    }
}

/// One file of Migrations/.
struct Migration: Sendable {
    let name: String
    let text: String

    init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// SHA-256 of the text, in hexadecimal digits.
    var checksum: String {
        let digits = Array("0123456789abcdef".utf8)
        var result: [UInt8] = []
        for byte in SHA256.hash(data: Array(text.utf8)) {
            result.append(digits[Int(byte >> 4)])
            result.append(digits[Int(byte & 15)])
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// All of them, in order; a test holds this list against the folder.
    static let all = [
        Migration(
            "V0001_stock_and_reservations",
            PackageResources.V0001_stock_and_reservations_sql
        ),
        Migration("V0002_reserve", PackageResources.V0002_reserve_sql),
        Migration("V0003_resolve", PackageResources.V0003_resolve_sql),
        Migration("V0004_stock_commands", PackageResources.V0004_stock_commands_sql),
        Migration("V0005_orders", PackageResources.V0005_orders_sql),
        Migration("V0006_resolve_whole", PackageResources.V0006_resolve_whole_sql),
        Migration("V0007_commit_first", PackageResources.V0007_commit_first_sql),
        Migration("V0008_cycle_counts", PackageResources.V0008_cycle_counts_sql),
        Migration("V0009_append_only", PackageResources.V0009_append_only_sql),
        Migration("V0010_drift", PackageResources.V0010_drift_sql),
        Migration("V0012_sealed_ledger", PackageResources.V0012_sealed_ledger_sql),
        Migration("V0013_ledger_checks", PackageResources.V0013_ledger_checks_sql),
        Migration("V0014_share_expiry", PackageResources.V0014_share_expiry_sql),
        Migration("V0015_network", PackageResources.V0015_network_sql),
        Migration("V0016_rule_sets", PackageResources.V0016_rule_sets_sql),
        Migration("V0017_route_decisions", PackageResources.V0017_route_decisions_sql),
        Migration("V0018_fulfilment", PackageResources.V0018_fulfilment_sql),
        Migration(
            "V0019_shipments_of_orders",
            PackageResources.V0019_shipments_of_orders_sql
        ),
        Migration("V0020_node_work", PackageResources.V0020_node_work_sql),
        Migration("V0021_reroutes", PackageResources.V0021_reroutes_sql),
        Migration("V0022_repaired_breaks", PackageResources.V0022_repaired_breaks_sql),
        Migration("V0023_channel_write_back", PackageResources.V0023_channel_write_back_sql),
        Migration("V0024_promise_at_risk", PackageResources.V0024_promise_at_risk_sql),
    ]
}

/// The statements of the migrator.
private enum MigrationStatements {
    static let lock = Statement(
        "lock_migrations",
        file: PackageResources.lock_migrations_sql,
        []
    )
    static let createTable = String(
        decoding: PackageResources.create_migrations_sql,
        as: UTF8.self
    )
    static let record = Statement(
        "record_migration",
        file: PackageResources.record_migration_sql,
        [OID.text, OID.text]
    )
    static let hasTable = Statement(
        "has_migrations",
        file: PackageResources.has_migrations_sql,
        []
    )
    static let grantServing = Statement(
        "grant_serving",
        file: PackageResources.grant_serving_sql,
        [OID.text]
    )
    static let applied = Statement(
        "applied_migrations",
        file: PackageResources.applied_migrations_sql,
        []
    )
}
