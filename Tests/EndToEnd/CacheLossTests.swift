// The cache goes away, or lies, while callers reserve: nobody is promised what is not there, nothing
// that was promised is lost, and the service goes on by itself.

import Messages
import RPC
import TestServers
import Testing

/// Something that happens to Redis.
enum CacheFault: String, CaseIterable, CustomTestStringConvertible {
    case flushAll = "FLUSHALL"
    case scriptFlush = "SCRIPT FLUSH"
    case kill = "a kill -9 and restart"
    case restart = "an orderly restart"
    case dropPositions = "the loss of single positions"

    var testDescription: String { rawValue }

    func happen(to deployment: Deployment) throws {
        switch self {
        case .flushAll: try deployment.redisCommand("FLUSHALL")
        case .scriptFlush: try deployment.redisCommand("SCRIPT", "FLUSH")
        case .kill:
            deployment.redis.kill()
            try deployment.redis.start()
        case .restart: try deployment.redis.restart()
        case .dropPositions:
            let pattern = "{h0}:\(try deployment.epoch()):p*"
            for key in try deployment.redisCommand("KEYS", pattern).split(separator: "\n") {
                try deployment.redisCommand("DEL", String(key))
            }
        }
    }

    /// How often it may make a server open a new epoch.
    var epochs: ClosedRange<Int> { self == .dropPositions ? 0...0 : 1...1 }
}

extension Heavy {
    @Suite struct CacheLossTests {
        private static let one = Result { try Deployment() }
        private static let two = Result { try Deployment(servers: 2) }

        @Test(arguments: CacheFault.allCases, [1, 2])
        func `nothing is oversold or lost by`(fault: CacheFault, servers: Int) async throws {
            let deployment = try (servers == 1 ? Self.one : Self.two).get()
            let callers = try await deployment.callers(6)
            let name = "\(fault)-\(servers)"
            let skus = (0..<3).map { "\(name)-\($0)" }
            try await callers[0].receive(skus.map { Units($0, 150) })
            let epoch = try deployment.epoch()
            let seed = UInt64(name.utf8.reduce(0) { $0 &* 31 &+ Int($1) } & 0xffff)
            let load = Load(callers, resolvePercent: 20)
            async let running = load.run(tasks: 16, attempts: 40, seed: seed) { random in
                let count = Int.random(in: 1...3, using: &random)
                return skus.shuffled(using: &random).prefix(count)
                    .map { Units($0, Int64.random(in: 1...2, using: &random)) }
            }
            for number in 1...2 {
                try await load.reaches(number * 180)
                try fault.happen(to: deployment)
            }
            let record = try await running
            #expect(record.unanswered == 0, "the service does not resume")
            #expect(record.acknowledged.count > 60)
            #expect(record.refused > 60, "it was never sold out")
            #expect(try deployment.missing(record) == 0)
            let moved = try deployment.epoch() - epoch
            #expect((2 * fault.epochs.lowerBound...2 * fault.epochs.upperBound).contains(moved))
            let auditor = Auditor(deployment: deployment)
            #expect(try auditor.findings(atLeast: 60) == [])
            #expect(try auditor.drift(viewed: skus.count) == [])
        }

        @Test func `servers that start at once on an empty database all serve`() async throws {
            let deployment = try Deployment(servers: 0, isMigrated: false)
            let migrations = try (0..<4)
                .map { _ in
                    try Program([Binary.path, "migrate", "--postgres", deployment.conninfo])
                }
            for migration in migrations {
                #expect(try migration.wait() == 0, "\(migration.errors)")
            }
            let servers = (0..<3).map { deployment.makeServer(number: $0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for server in servers { group.addTask { @concurrent in try server.start() } }
                try await group.waitForAll()
            }
            var callers: [Caller] = []
            for server in servers { callers.append(try await Caller(server)) }
            try await callers[0].receive([Units("START", 90)])
            let record = try await Load(callers)
                .run(tasks: 12, attempts: 10, seed: 5) { _ in
                    [Units("START", 1)]
                }
            #expect(record.acknowledged.count == 90)
            #expect(try deployment.epoch() == 1)
            #expect(try Auditor(deployment: deployment).findings(atLeast: 90) == [])
        }
    }
}
