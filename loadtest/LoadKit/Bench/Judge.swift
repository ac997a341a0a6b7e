// Reads what Postgres and Redis say of a run, past the server.

internal import Base
internal import Loop
internal import NIOCore
internal import Postgres
internal import Redis

/// Connections to both stores, for the verdict.
final class Judge: Sendable {
    /// Ids asked for at once.
    private static let idsMax = 20_000
    /// Positions asked for at once.
    private static let positionsMax = 5_000
    /// How often, and how long apart in milliseconds, the view is looked at until it rests.
    private static let looks = 60
    private static let pauseMilliseconds: Int64 = 250

    private let postgres: PostgresClient
    private let redis: NIOLoopBound<RedisConnection>
    private let loop: Loop

    /// Connects; a run that could not be judged in the end is not begun.
    init(postgres conninfo: String, redis address: String, loop: Loop) async throws(BenchFailure) {
        guard let address = RedisAddress(address) else {
            throw BenchFailure(description: "'\(address)' is no address of Redis")
        }
        var configuration = PostgresConfiguration(conninfo: conninfo)
        configuration.connections = 1
        configuration.writers = 0
        // A long run has many rows, and nobody waits for the judge.
        configuration.statementTimeoutMs = 300_000
        configuration.replyTimeoutMs = 310_000
        configuration.applicationName = "holdfast-load"
        postgres = PostgresClient(configuration: configuration)
        self.loop = loop
        redis =
            await loop.start {
                NIOLoopBound(
                    RedisConnection(
                        address: address,
                        loop: loop,
                        configuration: RedisConfiguration(replyTimeoutMs: 10_000),
                    ),
                    eventLoop: loop.eventLoop,
                )
            }
            .value
        do throws(PostgresError) {
            try postgres.start()
        } catch {
            throw BenchFailure(description: "no Postgres to judge by: \(error)")
        }
        do {
            let redis = redis
            try await loop.startThrowing { try await redis.value.connect() }.value
            _ = try await epoch()
        } catch {
            await close()
            throw BenchFailure(description: "no stores to judge by: \(error)")
        }
    }

    func close() async {
        let redis = redis
        await loop.start { await redis.value.close() }.value
        await postgres.shutdown(graceMs: 100)
    }

    /// What the books say of a run.
    func books(
        of names: BenchNames,
        _ acknowledged: Acknowledged,
        received: Int,
    ) async throws(BenchFailure) -> BenchBooks {
        var books = BenchBooks()
        books.acknowledged = acknowledged.ids.count
        books.acknowledgedUnits = acknowledged.units
        books.confirmed = acknowledged.confirmed
        books.released = acknowledged.released
        books.placed = acknowledged.placed
        books.cancelled = acknowledged.cancelled
        books.unknownUnits = acknowledged.unknownUnits
        books.unknownChanges = acknowledged.unknownChanges
        books.received = received
        do {
            // First the view, at rest: until then a late commit may be under way.
            try await readViews(names, &books)
            try await readPositions(names, &books)
            try await readReservations(acknowledged.ids, &books)
        } catch {
            throw BenchFailure(description: "the books cannot be read: \(error)")
        }
        return books
    }

    private func readReservations(
        _ ids: [ID],
        _ books: inout BenchBooks,
    ) async throws(PostgresError) {
        var start = 0
        while start < ids.count {
            let end = min(start + Self.idsMax, ids.count)
            let chunk = Array(ids[start..<end])
            let rows = try await postgres.execute(BenchSQL.acknowledged, [.uuids(chunk)])
            let row = rows[0]
            books.found += Int(row.int8(0))
            books.foundUnits += Int(row.int8(1))
            books.heldUnits += Int(row.int8(2))
            books.confirmedUnits += Int(row.int8(3))
            books.orderedUnits += Int(row.int8(4))
            books.cancelledUnits += Int(row.int8(5))
            books.releasedUnits += Int(row.int8(6))
            books.expiredUnits += Int(row.int8(7))
            start = end
        }
    }

    private func readPositions(
        _ names: BenchNames,
        _ books: inout BenchBooks,
    ) async throws(PostgresError) {
        for row in try await postgres.execute(BenchSQL.positions, [.text(names.node)]) {
            let (onHand, held, allocated) = (row.int8(2), row.int8(3), row.int8(4))
            books.positions += 1
            books.onHand += Int(onHand)
            books.held += Int(held)
            books.allocated += Int(allocated)
            if held + allocated > onHand || held < 0 || allocated < 0 { books.oversold += 1 }
            let ledger = (row.int8(6), row.int8(7), row.int8(8))
            if (onHand, held, allocated) != ledger { books.unlikeLedger += 1 }
        }
    }

    // MARK: The view

    /// A position as Redis shows it.
    private struct View {
        var position: Int64
        var version: Int64
        var free: Int64
        var beyond: [Int64]
        var pending: Int64
    }

    private func readViews(_ names: BenchNames, _ books: inout BenchBooks) async throws {
        var look = 0
        while true {
            look += 1
            let epoch = try await epoch()
            let rows = try await postgres.execute(BenchSQL.positions, [.text(names.node)])
            let versions = rows.map { ($0.int8(0), $0.int8(1)) }
            let views = try await views(of: versions.map(\.0), epoch)
            let current = Dictionary(uniqueKeysWithValues: versions)
            books.viewed = views.count
            books.restless = views.count { view in
                view.version != current[view.position] || !view.beyond.isEmpty || view.pending != 0
            }
            books.pending = try await pending(epoch)
            let isAtRest = books.restless == 0 && books.pending == 0
            if isAtRest || look == Self.looks {
                books.drifting = try await drifting(views)
                return
            }
            try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
        }
    }

    private func epoch() async throws(PostgresError) -> Int64 {
        try await postgres.execute(BenchSQL.epoch, []).first?.int8(0) ?? 0
    }

    private func pending(_ epoch: Int64) async throws -> Int {
        let replies = try await send([RedisCommand("HLEN", "{h0}:\(epoch):q")])
        guard case .integer(let count) = replies[0] else { return 0 }
        return Int(count)
    }

    /// The positions that Redis has; it need not have them all.
    private func views(of positions: [Int64], _ epoch: Int64) async throws -> [View] {
        var views: [View] = []
        var start = 0
        while start < positions.count {
            let chunk = positions[start..<min(start + Self.positionsMax, positions.count)]
            let replies = try await send(
                chunk.map { RedisCommand("HMGET", "{h0}:\(epoch):p\($0)", "w", "f", "x", "h") }
            )
            for (position, reply) in zip(chunk, replies) {
                guard case .array(let fields) = reply, fields.count == 4,
                    let version = fields[0].text.flatMap({ Int64($0) }),
                    let free = fields[1].text.flatMap({ Int64($0) })
                else { continue }
                let beyond = (fields[2].text ?? "").split(separator: ",").compactMap { Int64($0) }
                let pending = fields[3].text.flatMap { Int64($0) } ?? 0
                views.append(
                    View(
                        position: position,
                        version: version,
                        free: free,
                        beyond: beyond,
                        pending: pending,
                    )
                )
            }
            start += chunk.count
        }
        return views
    }

    /// How many views show another figure than the ledger at their version.
    private func drifting(_ views: [View]) async throws(PostgresError) -> Int {
        var count = 0
        var start = 0
        while start < views.count {
            let chunk = views[start..<min(start + Self.positionsMax, views.count)]
            let beyond = chunk.flatMap { view in view.beyond.map { (view.position, $0) } }
            let rows = try await postgres.execute(
                BenchSQL.views,
                [
                    .int8s(chunk.map(\.position)), .int8s(chunk.map(\.version)),
                    .int8s(beyond.map(\.0)), .int8s(beyond.map(\.1)),
                ],
            )
            var expected: [Int64: Int64] = [:]
            for row in rows { expected[row.int8(0)] = row.int8(1) }
            count += chunk.count { expected[$0.position] != $0.free }
            start += chunk.count
        }
        return count
    }

    /// Sends commands together; the replies in their order.
    private func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        let redis = redis
        return
            try await loop.startThrowing {
                var replies: [RedisReply] = []
                for command in commands { replies.append(try await redis.value.send(command)) }
                return replies
            }
            .value
    }
}

/// The statements of the judge.
enum BenchSQL {
    static let epoch = statement("bench_epoch", PackageResources.bench_epoch_sql, [])
    static let positions = statement(
        "bench_positions",
        PackageResources.bench_positions_sql,
        [OID.text],
    )
    static let acknowledged = statement(
        "bench_acknowledged",
        PackageResources.bench_acknowledged_sql,
        [OID.uuids],
    )
    static let views = statement(
        "bench_views",
        PackageResources.bench_views_sql,
        [OID.int8s, OID.int8s, OID.int8s, OID.int8s],
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
