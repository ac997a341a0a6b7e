// The naive peer and a whole comparison on real servers, for a second or so each. They say that the
// figures are made of something, never how large they are.

import Foundation
import LoadKit
import TestServers
import Testing

extension Heavy {
    /// One at a time: the peer's database has one name.
    @Suite(
        .serialized,
        .enabled("the packages of the naive peer are installed") {
            let programs = PeerPrograms()
            _ = try await programs.build()
            return programs.find(.naive) != nil
        }
    ) struct ComparisonTests {
        private static func options(_ scenario: CompareScenario) -> CompareOptions {
            var options = CompareOptions(scenario: scenario)
            options.rounds = 1
            options.seconds = 1
            options.warmupSeconds = 0.2
            options.clientsTried = [1, 4]
            options.trySeconds = 0.3
            // The tests' Postgres never meets a power cut.
            options.mustBeDurable = false
            return options
        }

        private static func peer(
            _ postgres: String,
            _ options: CompareOptions,
        ) throws -> NaivePeer {
            NaivePeer(
                program: try #require(PeerPrograms().find(.naive)),
                postgres: postgres,
                options: options,
            )
        }

        @Test func `the naive peer reserves, and its books agree`() async throws {
            let postgres = try PostgresServer.shared()
            let conninfo = try postgres.createDatabase()
            defer { try? postgres.dropDatabase(conninfo) }
            var peer = try Self.peer(conninfo, Self.options(.flash))
            try await peer.setUp()
            try await peer.findClients { _ in }
            #expect([1, 4].contains(peer.clients))
            let turn = try await peer.turn()
            #expect(turn.faults.isEmpty, "\(turn.faults)")
            #expect(turn.acceptedPerSecond > 0)
            #expect(turn.refusedPerSecond == 0)
            let p50 = try #require(turn.latencyMicroseconds["p50"])
            let p99 = try #require(turn.latencyMicroseconds["p99"])
            #expect(0 < p50 && p50 <= p99)
            let postgresMicroseconds = try #require(turn.servingMicroseconds)
            #expect(postgresMicroseconds > 0)
            try await peer.tearDown()
            let left = try postgres.sql(
                "SELECT count(*) FROM pg_database WHERE datname = 'naive_peer'"
            )
            #expect(left == "0")
        }

        @Test func `the naive peer finds nothing where all is sold`() async throws {
            let conninfo = try PostgresServer.shared().createDatabase()
            var peer = try Self.peer(conninfo, Self.options(.soldout))
            try await peer.setUp()
            try await peer.findClients { _ in }
            let turn = try await peer.turn()
            #expect(turn.faults.isEmpty, "\(turn.faults)")
            #expect(turn.acceptedPerSecond == 0)
            #expect(turn.refusedPerSecond > 0)
            try await peer.tearDown()
        }

        @Test func `the naive peer refuses a Postgres that may forget`() async throws {
            let postgres = try PostgresServer.shared()
            let conninfo = try postgres.createDatabase()
            try #require(try postgres.sql("SHOW fsync") == "off")
            var options = Self.options(.flash)
            options.mustBeDurable = true
            var peer = try Self.peer(conninfo, options)
            try await peer.setUp()
            let failure = await #expect(throws: CompareFailure.self) {
                try await peer.findClients { _ in }
            }
            #expect(failure?.description.contains("fsync is off") == true)
            try await peer.tearDown()
        }

        @Test func `both sides take their turns, and the ratio is theirs`() async throws {
            let deployment = try Deployment()
            var bench = BenchOptions(scenario: .flash, run: "compare")
            bench.port = deployment.server.grpcPort
            bench.connections = 2
            bench.streams = 16
            bench.postgres = deployment.conninfo
            bench.redis = "unix:\(deployment.redis.socketPath)"
            let report = try await Compare.run(Self.options(.flash), bench: bench)
            #expect(report.faults.isEmpty, "\(report.faults)")
            #expect(report.ours.turns.count == 1)
            let rival = try #require(report.rival)
            #expect(rival.clients != nil)
            let ratio = try #require(report.ratio)
            let ours = report.ours.turns[0].acceptedPerSecond
            #expect(ratio.median == ours / rival.turns[0].acceptedPerSecond)
        }
    }
}
