// Which positions are in use, and the figures of positions by the page, for loading the view ahead of
// requests. Its rows are read off the loops, which serve meanwhile.

package import Domain
package import Postgres
package import Promising

/// The authority as the view is loaded from it.
package struct WarmStore: WarmPort {
    private let postgres: PostgresClient
    /// Batches that are looked through for positions in use.
    private static let batchesMax: Int64 = 300

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    @concurrent
    package func hotPositions(limit: Int) async throws(Failure) -> [PositionID] {
        try await rows(SQL.hotPositions, [.int8(Self.batchesMax), .int4(Int32(clamping: limit))])
            .map { $0.int8(0) }
    }

    @concurrent
    package func positions(_ ids: [PositionID]) async throws(Failure) -> [LoadedPosition] {
        try await rows(SQL.loadPositions, [.int8s(ids)]).map { $0.loadedPosition() }
    }

    @concurrent
    package func positions(
        after id: PositionID,
        limit: Int,
    ) async throws(Failure) -> [LoadedPosition] {
        try await rows(
            SQL.positionsAfter,
            [.int2(shard), .int8(id), .int4(Int32(clamping: limit))],
        )
        .map { $0.loadedPosition() }
    }

    private func rows(
        _ statement: Statement,
        _ parameters: [PostgresValue],
    ) async throws(Failure) -> PostgresResult {
        do throws(PostgresError) {
            return try await postgres.execute(statement, parameters)
        } catch {
            throw error.failure
        }
    }
}
