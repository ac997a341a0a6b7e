// `holdfast-load bench` against a real server: good runs get a good verdict, and books that somebody
// has tampered with get a bad one. How fast the machine is decides nothing here.

import Foundation
import LoadKit
import TestServers
import Testing

extension Heavy {
    @Suite struct BenchTests {
        private func options(
            _ deployment: Deployment,
            _ scenario: BenchScenario,
            run: String,
        ) -> BenchOptions {
            var options = BenchOptions(scenario: scenario, run: run)
            options.port = deployment.server.grpcPort
            options.connections = 2
            options.streams = 8
            options.warmupSeconds = 0.2
            options.seconds = 1
            options.postgres = deployment.conninfo
            options.redis = "unix:\(deployment.redis.socketPath)"
            return options
        }

        @Test func `every scenario of its own runs, and its books are good`() async throws {
            let deployment = try Deployment()
            for scenario in [BenchScenario.rpc, .flash, .soldout, .mixed, .stream, .basket] {
                let options = options(deployment, scenario, run: scenario.rawValue)
                let report = try await Bench.run(options)
                #expect(report.faults == [], "\(scenario): \(report.failures)")
                #expect(report.offered == report.accepted + report.refused + report.errors)
                #expect(report.latency.count > 0)
                // Redis lies behind a socket of its own: on a busy machine it was not found now and
                // then, which the report says.
                #expect(Set(report.cpu.missing).isSubset(of: ["redis"]), "\(scenario)")
                if scenario == .soldout {
                    #expect(report.refusals["SOLD_OUT"] == report.refused)
                    #expect(report.accepted == 0 && report.refused > 0)
                } else {
                    #expect(report.accepted > 0)
                }
                if let books = report.books {
                    #expect(books.found == books.acknowledged && books.found > 0)
                }
            }
            // The auditor asks for each of 20,000 positions with two processes: its view is left out,
            // the run's own judge has read it.
            try expectSound(deployment, atLeast: 10)
        }

        @Test func `no connection is lost, however many are made at once`() async throws {
            let deployment = try Deployment()
            for run in 0..<3 {
                var options = options(deployment, .rpc, run: "many\(run)")
                options.connections = 64
                options.streams = 1
                let report = try await Bench.run(options)
                #expect(report.faults == [], "\(report.failures)")
            }
        }

        @Test func `an open loop offers what it was told`() async throws {
            let deployment = try Deployment()
            var options = options(deployment, .flash, run: "open")
            options.rate = 200
            let report = try await Bench.run(options)
            #expect(report.faults == [])
            #expect(abs(report.offered - 200) <= 1)
            options.run = "counted"
            options.rate = nil
            options.count = 50
            #expect(try await Bench.run(options).offered == 50)
        }

        @Test(arguments: [
            (
                "DELETE FROM reservations WHERE key IN (SELECT key FROM reservations LIMIT 1)",
                "acknowledged reservations are not in Postgres"
            ),
            ("UPDATE positions SET held = held + 1", "differ from the sum of their ledger"),
            ("UPDATE positions SET on_hand = on_hand + 5", "units were received"),
        ])
        func `falsified books get a bad verdict`(_ statement: String, _ words: String) async throws
        {
            let deployment = try Deployment()
            let report = try await Bench.run(
                options(deployment, .flash, run: "bad"),
                say: { text in
                    guard text == "reading the books" else { return }
                    #expect(throws: Never.self) { try deployment.sql(statement) }
                },
            )
            #expect(!report.isGood)
            #expect(report.faults.contains { $0.contains(words) }, "\(report.faults)")
        }

        @Test func `a view in Redis that somebody has written to is drift`() async throws {
            let deployment = try Deployment()
            let report = try await Bench.run(
                options(deployment, .flash, run: "drift"),
                say: { text in
                    guard text == "reading the books" else { return }
                    #expect(throws: Never.self) {
                        let id = try deployment.number("SELECT id FROM positions")
                        let key = "{h0}:\(try deployment.epoch()):p\(id)"
                        try deployment.redisCommand("HINCRBY", key, "f", "7")
                    }
                },
            )
            #expect(report.faults == ["drift at 1 of 1 viewed positions"])
        }

        @Test func `a run that cannot be judged is not begun`() async throws {
            let deployment = try Deployment()
            var options = options(deployment, .flash, run: "blind")
            options.postgres = nil
            await #expect(throws: BenchFailure.self) { try await Bench.run(options) }
            #expect(try deployment.number("SELECT count(*) FROM positions") == 0)
        }

        @Test func `the command ends with 64 for flags that make no sense`() throws {
            for flags in [
                ["none"], ["flash", "--server", "192.0.2.1:50051"], ["flash", "--seconds", "601"],
            ] {
                let ended = try Binary.run([Binary.path(of: "holdfast-load"), "bench"] + flags)
                #expect(ended.status == 64, "\(flags)")
            }
        }
    }
}
