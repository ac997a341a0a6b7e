// Reads Postgres and Redis past the servers and past the bad wires, for the verdict.

internal import Base
internal import Loop
internal import NIOCore
internal import Postgres
internal import Redis

/// The stores, as the judge reads them.
final class JudgeBooks: Sendable {
    private let postgres: PostgresClient
    private let loop: Loop

    /// Connects in the background; a Postgres that is down is waited for.
    init(postgres conninfo: String, loop: Loop) throws {
        var configuration = PostgresConfiguration(conninfo: conninfo)
        configuration.connections = 1
        configuration.writers = 0
        configuration.statementTimeoutMs = 60_000
        configuration.replyTimeoutMs = 70_000
        configuration.queueTimeoutMs = 30_000
        configuration.applicationName = "holdfast-load judge"
        postgres = PostgresClient(configuration: configuration)
        self.loop = loop
        try postgres.start()
    }

    func close() async { await postgres.shutdown(graceMs: 100) }

    /// The number of the last batch.
    func lastBatch() async throws -> Int64 { try await ask(JudgeSQL.begin, [])[0].int8(0) }

    /// Live holds of batches after `batch` that are over within so many milliseconds.
    func due(withinMs: Int64, after batch: Int64) async throws -> Int64 {
        try await ask(JudgeSQL.due, [.int8(withinMs), .int8(batch)])[0].int8(0)
    }

    /// The positions of a node, by their ids.
    func positions(of node: String) async throws -> [JudgedPosition] {
        try await ask(JudgeSQL.positions, [.text(node)])
            .map { row in
                JudgedPosition(
                    id: row.int8(0),
                    sku: row.text(1),
                    version: row.int8(2),
                    onHand: row.int8(3),
                    free: row.int8(4),
                )
            }
    }

    /// What is known of a round.
    func evidence(node: String, after batch: Int64) async throws -> JudgeEvidence {
        var evidence = JudgeEvidence()
        for row in try await ask(JudgeSQL.reservations, [.int8(batch)]) {
            evidence.reservations.append(
                JudgedReservation(
                    id: row.uuid(0).description,
                    key: row.text(1),
                    createdAt: row.timestamptz(2).microseconds,
                    expiresAt: row.timestamptz(3).microseconds,
                    lines: zip(row.texts(4), row.int8s(5)).map { JudgeLine(sku: $0, quantity: $1) },
                    versions: row.int8s(6),
                    kinds: row.int2s(7).map { Int($0) },
                    times: row.timestamptzs(8).map(\.microseconds),
                    isOrdered: row.optionalUUID(9) != nil,
                )
            )
        }
        for row in try await ask(JudgeSQL.ledger, [.text(node)]) {
            evidence.ledger[row.text(0), default: []]
                .append(
                    JudgedVersion(
                        version: row.int8(1),
                        freeAfter: row.int8(2),
                        at: row.timestamptz(3).microseconds,
                    )
                )
        }
        evidence.positions = try await positions(of: node)
        evidence.findings = try await ask(JudgeSQL.findings, [.text(node), .int8(batch)])
            .map { ($0.text(0), $0.text(1)) }
        return evidence
    }

    /// What Redis shows of positions, and how many holds are pending in all.
    ///
    /// A position that is not loaded has no view.
    func views(
        of positions: [JudgedPosition],
        redis path: String,
    ) async throws -> (views: [Int64: JudgedView], pending: Int64) {
        let epoch = try await ask(BenchSQL.epoch, [])[0].int8(0)
        var commands = [RedisCommand("HLEN", "{h0}:\(epoch):q")]
        for position in positions {
            commands.append(
                RedisCommand("HMGET", "{h0}:\(epoch):p\(position.id)", "w", "f", "x", "h")
            )
        }
        let replies = try await send(commands, to: path)
        guard case .integer(let pending) = replies[0] else {
            throw JudgeFailure("Redis says \(replies[0])")
        }
        var views: [Int64: JudgedView] = [:]
        for (position, reply) in zip(positions, replies.dropFirst()) {
            guard case .array(let fields) = reply, fields.count == 4,
                let version = fields[0].text.flatMap({ Int64($0) }),
                let free = fields[1].text.flatMap({ Int64($0) })
            else { continue }
            views[position.id] = JudgedView(
                version: version,
                free: free,
                beyond: (fields[2].text ?? "").split(separator: ",").compactMap { Int64($0) },
                pending: fields[3].text.flatMap { Int64($0) } ?? 0,
            )
        }
        return (views, pending)
    }

    /// What each view must show as free at its own version, by the ledger.
    func expected(_ views: [Int64: JudgedView]) async throws -> [Int64: Int64] {
        let ids = views.keys.sorted()
        let beyond = ids.flatMap { id in (views[id]?.beyond ?? []).map { (id, $0) } }
        let rows = try await ask(
            BenchSQL.views,
            [
                .int8s(ids), .int8s(ids.compactMap { views[$0]?.version }),
                .int8s(beyond.map(\.0)), .int8s(beyond.map(\.1)),
            ],
        )
        var expected: [Int64: Int64] = [:]
        for row in rows { expected[row.int8(0)] = row.int8(1) }
        return expected
    }

    /// Whether the Redis at `path` is the one that the open epoch was opened on, and has it still.
    ///
    /// One that does not answer is not.
    func isOpen(redis path: String) async throws -> Bool {
        let open = try await ask(JudgeSQL.epoch, [])[0]
        let commands = [RedisCommand("INFO", "replication"), RedisCommand("GET", "{h0}:e")]
        guard let replies = try? await send(commands, to: path) else { return false }
        return Self.isOpen(replies[0], replies[1], epoch: open.int8(0), replid: open.text(1))
    }

    private static func isOpen(
        _ info: RedisReply,
        _ epochKey: RedisReply,
        epoch: Int64,
        replid: String,
    ) -> Bool {
        epochKey.text == "\(epoch)" && !replid.isEmpty
            && info.text?.contains("master_replid:\(replid)") == true
    }

    /// Reservations of batches after `batch` that are committed, and at this moment neither in the view
    /// of a position that is loaded nor pending; nil when a store is away, or the gate is closed.
    ///
    /// Postgres is asked first, and then the view as it is at one instant: between commit and end a hold
    /// is pending, and rows only ever come to a view.
    func uncovered(
        of positions: [Int64],
        after batch: Int64,
        redis path: String,
    ) async -> (seen: [UncoveredHold], uncovered: [UncoveredHold])? {
        guard let open = try? await postgres.execute(JudgeSQL.epoch, []),
            let before = try? await versions(positions, open[0].int8(0), path),
            let rows = try? await postgres.execute(
                JudgeSQL.committed,
                [
                    .int8s(before.keys.sorted()),
                    .int8s(before.keys.sorted().compactMap { before[$0] }), .int8(batch),
                ],
            ),
            let after = try? await postgres.execute(JudgeSQL.epoch, []),
            // Otherwise some may have been admitted by another Redis, which has its view of them.
            after[0].int8(0) == open[0].int8(0)
        else { return nil }
        let seenAt = judgeNow()
        var holds: [(id: ID, hold: UncoveredHold)] = []
        for row in rows {
            let hold = UncoveredHold(
                key: row.text(1),
                position: row.int8(2),
                version: row.int8(3),
                seenAt: seenAt,
                missedAt: 0,
            )
            holds.append((row.uuid(0), hold))
        }
        if holds.isEmpty { return ([], []) }
        let (epoch, replid) = (open[0].int8(0), open[0].text(1))
        guard let missed = try? await missed(holds, epoch, replid, path) else { return nil }
        return (holds.map(\.hold), missed)
    }

    /// The versions of the views that are loaded.
    private func versions(
        _ positions: [Int64],
        _ epoch: Int64,
        _ path: String,
    ) async throws -> [Int64: Int64] {
        let commands = positions.map { RedisCommand("HGET", "{h0}:\(epoch):p\($0)", "w") }
        var versions: [Int64: Int64] = [:]
        for (position, reply) in zip(positions, try await send(commands, to: path)) {
            versions[position] = reply.text.flatMap { Int64($0) }
        }
        return versions
    }

    /// Those that are neither in a view nor pending; nil when the epoch is not open there.
    private func missed(
        _ holds: [(id: ID, hold: UncoveredHold)],
        _ epoch: Int64,
        _ replid: String,
        _ path: String,
    ) async throws -> [UncoveredHold]? {
        var commands = [
            RedisCommand("MULTI"), RedisCommand("INFO", "replication"),
            RedisCommand("GET", "{h0}:e"),
        ]
        for (id, hold) in holds {
            commands.append(RedisCommand("HMGET", "{h0}:\(epoch):p\(hold.position)", "w", "x"))
            var pending = RedisCommand("HEXISTS", "{h0}:\(epoch):q")
            pending.append((0..<16).map { id[byte: $0] })
            commands.append(pending)
        }
        commands.append(RedisCommand("EXEC"))
        let replies = try await send(commands, to: path)
        guard case .array(let answers)? = replies.last, answers.count == 2 + 2 * holds.count,
            Self.isOpen(answers[0], answers[1], epoch: epoch, replid: replid)
        else { return nil }
        let missedAt = judgeNow()
        var missed: [UncoveredHold] = []
        for (index, (_, hold)) in holds.enumerated() {
            guard case .array(let view) = answers[2 + 2 * index], view.count == 2,
                let version = view[0].text.flatMap({ Int64($0) }),
                case .integer(let pending) = answers[3 + 2 * index]
            else { continue }
            let beyond = (view[1].text ?? "").split(separator: ",").compactMap { Int64($0) }
            if pending == 1 || hold.version <= version || beyond.contains(hold.version) { continue }
            var hold = hold
            hold.missedAt = missedAt
            missed.append(hold)
        }
        return missed
    }

    // MARK: Asking

    /// Asks again while Postgres comes back: connections of before a fault may still be around.
    private func ask(
        _ statement: Statement,
        _ parameters: [PostgresValue],
    ) async throws -> PostgresResult {
        for _ in 0..<20 {
            do throws(PostgresError) {
                return try await postgres.execute(statement, parameters)
            } catch {
                if !error.isRetryable && !error.outcomeUnknown { throw error }
                try await Task.sleep(for: .milliseconds(250))
            }
        }
        return try await postgres.execute(statement, parameters)
    }

    private func send(_ commands: [RedisCommand], to path: String) async throws -> [RedisReply] {
        let loop = loop
        return
            try await loop.startThrowing {
                let redis = RedisConnection(address: .unix(path), loop: loop)
                try await redis.connect()
                var replies: [RedisReply] = []
                for command in commands { replies.append(try await redis.send(command)) }
                await redis.close()
                return replies
            }
            .value
    }
}

/// The statements of a trial's judge.
enum JudgeSQL {
    static let begin = statement("judge_begin", PackageResources.judge_begin_sql, [])
    static let epoch = statement("judge_epoch", PackageResources.judge_epoch_sql, [])
    static let committed = statement(
        "judge_committed",
        PackageResources.judge_committed_sql,
        [OID.int8s, OID.int8s, OID.int8],
    )
    static let due = statement(
        "judge_due",
        PackageResources.judge_due_sql,
        [OID.int8, OID.int8],
    )
    static let positions = statement(
        "judge_positions",
        PackageResources.judge_positions_sql,
        [OID.text],
    )
    static let reservations = statement(
        "judge_reservations",
        PackageResources.judge_reservations_sql,
        [OID.int8],
    )
    static let ledger = statement("judge_ledger", PackageResources.judge_ledger_sql, [OID.text])
    static let findings = statement(
        "judge_findings",
        PackageResources.judge_findings_sql,
        [OID.text, OID.int8],
    )

    private static func statement(_ name: String, _ file: [UInt8], _ types: [UInt32]) -> Statement {
        Statement(
            name: name,
            sql: String(decoding: file, as: UTF8.self),
            parameterTypes: types,
            mayTakeLong: true,
        )
    }
}
