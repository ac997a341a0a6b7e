// What a trial is held on: two servers, a Redis with a replica and a Postgres, all real processes of
// its own, with a bad wire between each server and each store. Everything here blocks its thread, so
// it runs on queues of its own: one for each thing that can be hit, so that faults of different things
// overlap and those of one thing do not.

internal import Foundation
internal import NIOCore
internal import Synchronization
internal import TestServers

/// The processes of a trial.
final class JudgeStage: Sendable {
    /// How long a pending hold may live: short, so that a round need not wait for long.
    static let pendingMs = 1_000
    /// The size of the file system of Postgres where it is to be filled, in megabytes.
    static let diskMegabytes = 220
    private static let startSeconds = 60

    private let options: JudgeOptions
    private let postgres: PostgresServer
    private let redis: [RedisServer]
    private let wires: [JudgeWires]
    private let folder: String
    /// As administrator sees it, past the wires.
    let conninfo: String
    let ports: [Int]
    /// Which Redis leads.
    private let primary = Mutex(0)
    private let programs = Mutex<[Program?]>([nil, nil])
    private let serverQueues = [DispatchQueue(label: "server 0"), DispatchQueue(label: "server 1")]
    private let redisQueue = DispatchQueue(label: "redis")
    private let postgresQueue = DispatchQueue(label: "postgres")

    /// Starts everything.
    init(_ options: JudgeOptions, on eventLoop: any EventLoop) async throws {
        self.options = options
        let postgres = try await Self.blocking(on: .global()) {
            try PostgresServer.start(
                settings: Self.settings,
                megabytes: options.needsDisk ? Self.diskMegabytes : nil,
            )
        }
        let conninfo = try await Self.blocking(on: .global()) { try postgres.createDatabase() }
        let redis = try await Self.blocking(on: .global()) {
            try (0..<2)
                .map { _ in
                    try RedisServer.start(tcp: true, options: ["--repl-diskless-sync-delay", "0"])
                }
        }
        try await Self.blocking(on: .global()) { try redis[1].follow(redis[0]) }
        let folder = try makePrivateDirectory("hf-judge")
        var wires: [JudgeWires] = []
        for server in 0..<2 {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(server)",
                withIntermediateDirectories: false,
            )
            wires.append(
                try await JudgeWires(
                    folder: "\(folder)/\(server)",
                    redis: redis.map(\.socketPath),
                    findsPrimary: server == 0 || options.mode == .failover,
                    postgresFolder: postgres.socketFolder,
                    on: eventLoop,
                )
            )
        }
        self.postgres = postgres
        self.conninfo = conninfo
        self.redis = redis
        self.folder = folder
        self.wires = wires
        ports = try (0..<2).map { _ in try freePort() }
        try await Self.blocking(on: .global()) {
            let migrate = try Program([options.holdfast, "migrate", "--postgres", conninfo])
            guard try migrate.wait() == 0 else { throw JudgeFailure(migrate.errors) }
        }
        for server in 0..<2 {
            try await Self.blocking(on: serverQueues[server]) { try self.startServer(server) }
        }
    }

    /// What makes small rounds quick; a machine that loses its power is not tried here.
    private static let settings = [
        "max_wal_size": "64MB", "min_wal_size": "32MB", "checkpoint_timeout": "1h",
        "autovacuum_naptime": "5s",
    ]

    /// Ends everything.
    func end() async {
        for server in 0..<2 { programs.withLock { $0[server] = nil } }
        for wires in wires { await wires.close() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Where the Redis that leads listens.
    var redisPath: String { redis[primary.withLock { $0 }].socketPath }

    /// Servers that have ended although nobody ended them, with what they said.
    var ended: [String] {
        programs.withLock { programs in
            programs.compactMap { program in
                guard let program, !program.isRunning else { return nil }
                return Self.essence(of: program.errors)
            }
        }
    }

    /// What a program said when it broke down, without most of its stack.
    private static func essence(of errors: String) -> String {
        let lines = errors.split(separator: "\n")
        let last = lines.lastIndex { $0.contains("Fatal error") } ?? max(0, lines.count - 10)
        let own = lines[last...].filter { $0.contains(" in holdfast at ") }.prefix(12)
        return ([lines[last...].first ?? ""] + own).joined(separator: " | ")
    }

    // MARK: Faults

    /// Lets a fault happen; returns when it is over and what it ended runs again.
    func inject(_ fault: Fault) async throws {
        let server = fault.server
        switch fault.kind {
        case .everythingKill:
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.killServer(0, fault.lastingMs) }
                group.addTask { try await self.killServer(1, fault.lastingMs) }
                group.addTask { try await self.onRedis(.redisKill, fault) }
                group.addTask { try await self.onPostgres(.postgresKill, fault) }
                try await group.waitForAll()
            }
        case .serverKill: try await killServer(server, fault.lastingMs)
        case .serverLateKill:
            wires[server].troubleRedis(.late(requestsMs: 300, repliesMs: 0))
            try await Task.sleep(for: .milliseconds(fault.lastingMs))
            try await killServer(server, 0) { self.wires[server].troubleRedis(.none) }
        case .lateFlush:
            // The way back is long, so that the other server has opened the next epoch before this one
            // hears that it was admitted; and the way there, so that its word is late after that.
            wires[server].troubleRedis(.late(requestsMs: 150, repliesMs: 500))
            for _ in 0..<2 {
                try await Task.sleep(for: .milliseconds(fault.lastingMs / 3))
                try await onRedis(.flushAll, fault)
            }
            try await Task.sleep(for: .milliseconds(fault.lastingMs / 3))
            wires[server].troubleRedis(.none)
        case .serverRestart:
            try await Self.blocking(on: serverQueues[server]) {
                self.program(server)?.end(SIGTERM)
                self.rest(fault.lastingMs)
                try self.startServer(server)
            }
        case .serverPause:
            try await Self.blocking(on: serverQueues[server]) {
                self.program(server)?.send(SIGSTOP)
                self.rest(fault.lastingMs)
                self.program(server)?.send(SIGCONT)
            }
        case .redisDelay, .redisCut, .redisSilence:
            await trouble(wires[server].redis, fault)
        case .postgresDelay, .postgresCut, .postgresSilence, .postgresAnswerCut:
            await trouble([wires[server].postgres], fault)
        case .postgresKill, .postgresPause, .postgresRestart, .postgresImmediate, .diskFull:
            try await onPostgres(fault.kind, fault)
        default: try await onRedis(fault.kind, fault)
        }
    }

    /// `then` is called as soon as it is dead.
    private func killServer(
        _ server: Int,
        _ lastingMs: Int,
        then: @escaping @Sendable () -> Void = {},
    ) async throws {
        try await Self.blocking(on: serverQueues[server]) {
            self.program(server)?.end(SIGKILL)
            then()
            self.rest(lastingMs)
            try self.startServer(server)
        }
    }

    private func trouble(_ wires: [FaultProxy], _ fault: Fault) async {
        let delayMs = Int64(5 + fault.seed % 150)
        let trouble: FaultProxy.Trouble =
            switch fault.kind {
            case .redisDelay, .postgresDelay: .late(requestsMs: delayMs, repliesMs: delayMs)
            case .redisCut, .postgresCut: .cuts(seed: fault.seed)
            case .postgresAnswerCut: .answersLost
            default: .silence(repliesOnly: fault.seed % 2 == 0)
            }
        for wire in wires { wire.set(trouble) }
        try? await Task.sleep(for: .milliseconds(fault.lastingMs))
        for wire in wires { wire.set(.none) }
    }

    private func onPostgres(_ kind: FaultKind, _ fault: Fault) async throws {
        try await Self.blocking(on: postgresQueue) {
            switch kind {
            case .postgresKill: try self.postgres.killAll()
            case .postgresPause: try self.postgres.pause()
            case .postgresRestart: try self.postgres.stop()
            case .diskFull: try self.postgres.fillDisk()
            default: try self.postgres.kill()
            }
            self.rest(fault.lastingMs)
            switch kind {
            case .postgresPause: try self.postgres.resume()
            case .diskFull:
                try self.postgres.freeDisk()
                try self.postgres.startIfEnded()
            default: try self.postgres.start()
            }
        }
    }

    private func onRedis(_ kind: FaultKind, _ fault: Fault) async throws {
        try await Self.blocking(on: redisQueue) {
            let leader = self.primary.withLock { $0 }
            let redis = self.redis[leader]
            switch kind {
            case .flushAll: try redis.ask("FLUSHALL")
            case .scriptFlush: try redis.ask("SCRIPT", "FLUSH")
            case .epochDrop: try redis.ask("DEL", "{h0}:e")
            case .positionDrop: try self.dropPosition(redis, fault)
            case .failover, .splitBrain: try self.failOver(from: leader, fault)
            case .redisPause:
                redis.pause()
                self.rest(fault.lastingMs)
                redis.resume()
            case .redisFull:
                try redis.ask("CONFIG", "SET", "maxmemory", "1mb")
                self.rest(fault.lastingMs)
                try redis.ask("CONFIG", "SET", "maxmemory", "0")
            case .redisStale:
                try redis.snapshot()
                self.rest(fault.lastingMs + 100)
                redis.kill()
                try redis.start(fromSnapshot: true)
            case .redisRestart:
                redis.stop()
                self.rest(fault.lastingMs)
                try redis.start()
            default:
                redis.kill()
                self.rest(fault.lastingMs)
                try redis.start()
            }
        }
    }

    private func dropPosition(_ redis: RedisServer, _ fault: Fault) throws {
        let keys = try redis.ask("KEYS", "{h0}:*:p*").split(separator: "\n").sorted()
        if keys.isEmpty { return }
        try redis.ask("DEL", String(keys[Int(fault.seed % UInt64(keys.count))]))
    }

    /// The replica leads, with what it had some time ago; what led follows it then.
    ///
    /// It was killed before, or goes on as if it led until it is told; a server that knows both finds
    /// out by itself. With `splitBrain` one server is parted from what led, and the other one still
    /// talks to it for a while.
    private func failOver(from old: Int, _ fault: Fault) throws {
        let new = 1 - old
        let target = redis[new].socketPath
        let isKilled = fault.kind == .failover && fault.seed % 3 == 0
        if isKilled { redis[old].kill() }
        try redis[new].follow(nil)
        if fault.kind == .splitBrain { wires[fault.server].part(from: old, to: target) }
        rest(fault.lastingMs)
        for wires in wires where !wires.findsPrimary { wires.redis[0].lead(to: target) }
        primary.withLock { $0 = new }
        if isKilled { try redis[old].start() }
        try redis[old].follow(redis[new])
        for wires in wires where wires.findsPrimary { wires.redis[old].set(.none) }
    }

    // MARK: Servers

    private func program(_ server: Int) -> Program? { programs.withLock { $0[server] } }

    private func startServer(_ server: Int) throws {
        let end = ContinuousClock.now + .seconds(Self.startSeconds)
        var said = ""
        while ContinuousClock.now < end {
            let program = try Program(arguments(server))
            programs.withLock { $0[server] = program }
            try waitUntil(seconds: Self.startSeconds, "a server") {
                program.output.contains("listening on") || !program.isRunning
            }
            if program.isRunning { return }
            // Without Postgres it does not start: whoever runs it starts it again.
            said = program.errors
            rest(50)
        }
        throw JudgeFailure("a server does not start: \(said.suffix(2_000))")
    }

    private func arguments(_ server: Int) -> [String] {
        let folder = "\(folder)/\(server)"
        let name = conninfo.split(separator: "=").last ?? ""
        var arguments = [
            options.holdfast, "serve", "--grpc-port", "\(ports[server])", "--admin-port", "0",
            "--postgres", "host=\(folder) user=postgres dbname=\(name)",
            "--redis", wires[server].redisAddresses, "--server-name", "judged-\(server)",
            "--loops", "1", "--log-level", "warning", "--gate-pending-ms", "\(Self.pendingMs)",
            "--expiry-interval-ms", "100", "--shutdown-grace-ms", "2000",
        ]
        if let step = options.brokenStep {
            arguments = ["/usr/bin/env", "HOLDFAST_BREAK=\(step)"] + arguments
        }
        return arguments
    }

    private func rest(_ milliseconds: Int) {
        Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000)
    }

    /// Runs what blocks on a queue.
    static func blocking<Value: Sendable>(
        on queue: DispatchQueue,
        _ work: @escaping @Sendable () throws -> Value,
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }
}

extension JudgeOptions {
    /// Whether Postgres needs a file system of its own.
    var needsDisk: Bool { kinds.contains(.diskFull) }

    /// The kinds of faults that are possible here.
    var kinds: [FaultKind] { canMount ? mode.kinds : mode.kinds.filter { $0 != .diskFull } }

    /// Only root can make a file system.
    private var canMount: Bool { getuid() == 0 }

    /// What of the mode is not tried on this machine, and why; nil when all of it is.
    package var leftOut: String? {
        if canMount || !mode.kinds.contains(.diskFull) { return nil }
        return "disk-full is left out: a file system of its own for Postgres needs root"
    }
}
