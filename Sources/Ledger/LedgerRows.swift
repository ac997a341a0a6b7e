// Ledger rows for the healer.

package import Domain
package import Postgres
package import Promising

/// The ledger as the healer reads it.
package struct LedgerRows: LedgerRowsPort {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    package func rows(
        beyond versions: [PositionID: Int64]
    ) async throws(Failure) -> [ViewRow] {
        if versions.isEmpty { return [] }
        let positions = versions.sorted { $0.key < $1.key }
        do throws(PostgresError) {
            let rows = try await postgres.execute(
                SQL.rowsBeyond,
                [.int8s(positions.map(\.key)), .int8s(positions.map(\.value))],
            )
            return rows.map { row in
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
        } catch {
            throw error.failure
        }
    }
}
