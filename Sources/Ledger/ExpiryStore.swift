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
            let row =
                try await
                postgres.execute(
                    SQL.expireDue,
                    [.int2(shard), .int4(Int32(clamping: limit))],
                )[0]
            return ExpirySweep(
                isBusy: row.bool(0),
                found: Int(row.int4(1)),
                lagMs: row.int8(2),
                settlement: Settlement(
                    epoch: row.optionalInt8(3) ?? 0,
                    rows: row.viewRows(from: 4, isFresh: true),
                ),
            )
        } catch {
            throw error.failure
        }
    }
}
