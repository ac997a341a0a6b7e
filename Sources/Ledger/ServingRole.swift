// Whether this process could rewrite what is written once.

package import Postgres
package import Promising

/// What the database lets this process do.
package struct ServingRole: Hashable, Sendable {
    /// The role that it has, and the login that it came with.
    package var role: String
    package var login: String
    /// Tables of ledger and audit trail that it could rewrite; empty for a server as it should be.
    package var rewritableTables: [String]

    /// Asks the database.
    package static func current(_ postgres: PostgresClient) async throws(Failure) -> ServingRole {
        do throws(PostgresError) {
            let row = try await postgres.execute(Self.statement, [])[0]
            return ServingRole(
                role: row.text(1),
                login: row.text(2),
                rewritableTables: row.texts(0),
            )
        } catch {
            throw error.failure
        }
    }

    private static let statement = Statement(
        "rewritable_tables",
        file: PackageResources.rewritable_tables_sql,
        []
    )
}
