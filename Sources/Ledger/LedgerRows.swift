// Ledger rows for the healer.

package import Domain
package import Postgres
package import Promising

/// The ledger as the healer reads it.
package struct LedgerRows: LedgerRowsPort {
    private let postgres: PostgresClient
    /// The limit in rows_beyond.sql.
    private static let rowsMax = 10_000

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    package func rows(
        beyond versions: [PositionID: Int64]
    ) async throws(Failure) -> (rows: [ViewRow], isAll: Bool) {
        if versions.isEmpty { return ([], true) }
        let positions = versions.sorted { $0.key < $1.key }
        do throws(PostgresError) {
            let rows = try await postgres.execute(
                SQL.rowsBeyond,
                [.int8s(positions.map(\.key)), .int8s(positions.map(\.value))],
            )
            let replayed = rows.map { row in
                ViewRow(
                    position: row.int8(0),
                    version: row.int8(1),
                    delta: row.int8(2),
                    free: row.int8(3),
                    isFresh: false,
                    channelSafety: row.optionalText(4)
                        .map {
                            ChannelSafety(channel: $0, quantity: row.int8(5))
                        },
                )
            }
            return (replayed, rows.count < Self.rowsMax)
        } catch {
            throw error.failure
        }
    }
}
