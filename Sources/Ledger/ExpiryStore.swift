// The sweep of expired holds, as one statement.

package import Postgres
package import Promising

/// Expiry, decided by the clock of Postgres.
package struct ExpiryStore: ExpiryPort {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    package func expireDue(limit: Int) async throws(Failure) -> ExpirySweep {
        do throws(PostgresError) {
            let row = try await postgres.execute(
                SQL.expireDue,
                [.int2(shard), .int4(Int32(clamping: limit))],
            )[0]
            return ExpirySweep(
                isBusy: row.bool(0),
                found: Int(row.int4(1)),
                settlement: Settlement(
                    epoch: row.optionalInt8(2) ?? 0,
                    rows: row.viewRows(from: 3, isFresh: true),
                ),
            )
        } catch {
            throw error.failure
        }
    }
}
