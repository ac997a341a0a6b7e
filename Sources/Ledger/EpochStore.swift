// The table of epochs and the lock that orders a reopening against the batches in flight.

internal import Domain
package import Logging
package import Postgres
package import Promising

/// The authority over epochs, in Postgres.
package struct EpochStore: EpochAuthority {
    private let postgres: PostgresClient
    private let logger: Logger

    /// How long batches in flight may keep a reopening waiting before their sessions are ended.
    private let patienceMs: Int64 = 500
    /// How often a doubtful reply of Redis makes the epoch go up once more.
    private let attemptsMax = 5

    package init(postgres: PostgresClient, logger: Logger) {
        self.postgres = postgres
        self.logger = logger
    }

    package func currentEpoch() async throws(Failure) -> EpochRecord {
        do throws(PostgresError) {
            let rows = try await postgres.execute(SQL.currentEpoch, [.int2(shard)])
            return EpochRecord(epoch: rows[0].int8(0), replid: rows[0].text(1))
        } catch {
            throw error.failure
        }
    }

    package func reopen(
        closed: Int64,
        by server: String,
        steps: some EpochSteps,
    ) async throws(Failure) -> Reopening {
        let outcome: Result<Reopening, Failure>
        do {
            outcome = try await postgres.withSession { session in
                await self.reopen(session, closed: closed, by: server, steps: steps)
            }
        } catch let error as PostgresError {
            throw error.failure
        } catch {
            throw .broken("\(error)")
        }
        return try outcome.get()
    }

    /// Everything that happens under the exclusive lock, which ends with the session.
    private func reopen(
        _ session: PostgresSession,
        closed: Int64,
        by server: String,
        steps: some EpochSteps,
    ) async -> Result<Reopening, Failure> {
        let patience = Task {
            try? await Task.sleep(for: .milliseconds(patienceMs))
            if Task.isCancelled { return }
            await endBlockers(of: session.backendPID)
        }
        defer { patience.cancel() }
        do throws(PostgresError) {
            _ = try await session.execute(SQL.lockShard, [.int4(Int32(shard))])
            patience.cancel()
            let rows = try await session.execute(SQL.currentEpoch, [.int2(shard)])
            let known = EpochRecord(epoch: rows[0].int8(0), replid: rows[0].text(1))
            if known.epoch != closed {
                return .success(Reopening(record: known, isOwn: false))
            }
            return try await bump(session, known, by: server, steps: steps)
        } catch {
            return .failure(error.failure)
        }
    }

    private func bump(
        _ session: PostgresSession,
        _ known: EpochRecord,
        by server: String,
        steps: some EpochSteps,
    ) async throws(PostgresError) -> Result<Reopening, Failure> {
        var record = known
        do throws(Failure) {
            if try await steps.probe(record) {
                return .success(Reopening(record: record, isOwn: false))
            }
        } catch {
            return .failure(error)
        }
        for _ in 0..<attemptsMax {
            let replid: String
            do throws(Failure) {
                replid = try await steps.replid()
            } catch {
                return .failure(error)
            }
            let rows = try await session.execute(
                SQL.bumpEpoch,
                [.int2(shard), .int8(record.epoch), .text(replid), .text(server)],
            )
            guard let row = rows.first else {
                return .failure(.unavailable(what: "epoch", retryAfterMs: 50))
            }
            record = EpochRecord(epoch: row.int8(0), replid: replid)
            if await steps.open(record) {
                return .success(Reopening(record: record, isOwn: true))
            }
            logger.warning(
                "a doubtful reply while opening the gate",
                metadata: ["epoch": "\(record.epoch)"],
            )
        }
        return .failure(.unavailable(what: "redis", retryAfterMs: 200))
    }

    private func endBlockers(of pid: Int32) async {
        // On a connection of its own: those of the pool may be waiting for the same lock.
        do {
            let ended = try await postgres.withSession { session in
                try await session.execute(SQL.endBlockers, [.int4(pid)]).count
            }
            if ended > 0 {
                logger.warning(
                    "ended sessions that kept the gate closed",
                    metadata: ["count": "\(ended)"],
                )
            }
        } catch {
            logger.warning("cannot end blocking sessions", metadata: ["error": "\(error)"])
        }
    }
}
