// The bad wires of one server: to each Redis that it knows of, and to Postgres. A server that is given
// the addresses of both Redis finds the one that leads by itself; one that has a single address is led
// there, as a proxy or a name would do it.

internal import NIOCore

/// The wires of one server.
struct JudgeWires: Sendable {
    /// To each Redis in its order, or a single one to the Redis that leads.
    let redis: [FaultProxy]
    let postgres: FaultProxy
    private let folder: String

    /// Lays the wires, which end in a folder of the server's own.
    ///
    /// - Parameters:
    ///   - redis: the sockets of both Redis, the one that leads first.
    ///   - findsPrimary: whether the server knows both.
    init(
        folder: String,
        redis: [String],
        findsPrimary: Bool,
        postgresFolder: String,
        on eventLoop: any EventLoop,
    ) async throws {
        var wires: [FaultProxy] = []
        for (place, target) in redis.prefix(findsPrimary ? redis.count : 1).enumerated() {
            let path = "\(folder)/redis\(place)"
            wires.append(try await FaultProxy.start(path: path, target: target, on: eventLoop))
        }
        self.redis = wires
        self.folder = folder
        postgres = try await FaultProxy.start(
            path: "\(folder)/.s.PGSQL.5432",
            target: "\(postgresFolder)/.s.PGSQL.5432",
            on: eventLoop,
        )
    }

    /// Whether the server knows both Redis.
    var findsPrimary: Bool { redis.count > 1 }

    /// What the server is told with `--redis`.
    var redisAddresses: String {
        redis.indices.map { "unix:\(folder)/redis\($0)" }.joined(separator: ",")
    }

    func troubleRedis(_ trouble: FaultProxy.Trouble) {
        for wire in redis { wire.set(trouble) }
    }

    /// The server cannot reach the Redis `old` any more, or is led from there to `target`.
    func part(from old: Int, to target: String) {
        if findsPrimary { redis[old].set(.refused) } else { redis[0].lead(to: target) }
    }

    func close() async {
        for wire in redis + [postgres] { await wire.close() }
    }
}
