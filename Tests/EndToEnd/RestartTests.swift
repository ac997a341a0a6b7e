// Two servers on one port, restarted in turn under load: no call may be lost, and hardly one may even
// have to be made again, because a server that goes away says so before it does.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct RestartTests {
        private static let graceMs = 3_000
        private static let settings = [
            "--grpc-port-shared": "true", "--shutdown-grace-ms": "\(graceMs)",
        ]
        /// A server that did not see its end coming takes the whole grace; more is a hang.
        private static let stopSecondsMax = Double(graceMs) / 1_000 + 10
        private static let connections = 10

        /// A deployment whose port has two servers.
        private struct Pair {
            let deployment: Deployment
            let second: ServerProcess
            var servers: [ServerProcess] { [deployment.server, second] }

            init() throws {
                deployment = try Deployment(settings: settings)
                second = deployment.makeServer(
                    number: 1,
                    grpcPort: deployment.server.grpcPort,
                    settings: settings,
                )
                try second.start()
            }

            /// Callers of the port, with stock to reserve.
            func callers(_ sku: String) async throws -> [Caller] {
                var callers: [Caller] = []
                for _ in 0..<connections {
                    callers.append(try await Caller(deployment.server))
                }
                try await callers[0].receive([Units(sku, 1_000_000)])
                return callers
            }
        }

        @Test func `servers restarted in turn lose no call`() async throws {
            let pair = try Pair()
            let load = SteadyLoad(try await pair.callers("TURN"), sku: "TURN")
            async let running = load.run("turn")
            try await load.goesOn(by: 200)
            for _ in 0..<3 {
                for server in pair.servers {
                    Self.expectStop(server)
                    // All of the load is on the other one now.
                    try await load.goesOn(by: 100)
                    try server.start()
                    try await load.goesOn(by: 50)
                }
            }
            load.end()
            let record = try await running
            #expect(record.faults == [])
            // Each stop moves all connections. What is told in time makes no attempt fail; a few
            // may meet the listener in the instant of its end.
            #expect(record.unavailable <= 2, "\(record.unavailable) attempts were cut off")
            try Self.expectKept(record, pair)
        }

        @Test func `a stream that never ends holds a restart up no longer than the grace`()
            async throws
        {
            let pair = try Pair()
            let callers = try await pair.callers("LONG")
            let load = SteadyLoad(callers, sku: "LONG")
            async let running = load.run("long")
            var streams: [ClientStream] = []
            for caller in callers {
                let stream = caller.client.stream(
                    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
                )
                var request = Grpc_Reflection_V1_ServerReflectionRequest()
                request.listServices = "*"
                try await stream.send(try request.serializedBytes())
                #expect(try await stream.next() != nil)
                streams.append(stream)
            }
            try await load.goesOn(by: 100)
            for server in pair.servers {
                Self.expectStop(server)
                try server.start()
                try await load.goesOn(by: 100)
            }
            for stream in streams {
                let end = await #expect(throws: Status.self) { _ = try await stream.next() }
                #expect(end?.code == .unavailable)
            }
            load.end()
            let record = try await running
            #expect(record.faults == [])
            #expect(record.unavailable <= 2, "\(record.unavailable) attempts were cut off")
            try Self.expectKept(record, pair)
        }

        @Test func `a server that is killed costs attempts, and no call`() async throws {
            let pair = try Pair()
            let load = SteadyLoad(try await pair.callers("KILL"), sku: "KILL")
            async let running = load.run("kill")
            try await load.goesOn(by: 200)
            for server in pair.servers {
                server.kill()
                try server.start()
                try await load.goesOn(by: 100)
            }
            load.end()
            let record = try await running
            #expect(record.faults == [])
            // The measure of the other tests counts: without a word of warning attempts are cut off.
            #expect(record.unavailable > 2)
            try Self.expectKept(record, pair)
        }

        @Test(.enabled(if: Client.interpreter != nil))
        func `a foreign client that retries UNAVAILABLE loses no call`() async throws {
            let pair = try Pair()
            _ = try await pair.callers("FOREIGN")
            let program = try Program([
                Client.interpreter ?? "",
                "\(Binary.project)/Tests/EndToEnd/Python/restart_client.py",
                "\(Binary.project)/Protocols", "127.0.0.1:\(pair.deployment.server.grpcPort)",
                "FOREIGN", "8",
            ])
            func answered() -> Int { program.output.split(separator: "\n").count }
            func goesOn(by count: Int) throws {
                let goal = answered() + count
                try waitUntil(seconds: 60, "answers of the foreign client") {
                    answered() >= goal || !program.isRunning
                }
            }
            try goesOn(by: 100)
            for _ in 0..<2 {
                for server in pair.servers {
                    Self.expectStop(server)
                    try goesOn(by: 50)
                    try server.start()
                    try goesOn(by: 50)
                }
            }
            program.send(SIGTERM)
            #expect(try program.wait() == 0, "\(program.errors)")
            let ids = program.output.split(separator: "\n").map(String.init)
            #expect(ids.count >= 300)
            var record = Record()
            for id in ids { record.acknowledged[id] = 1 }
            #expect(try pair.deployment.missing(record) == 0)
            try expectSound(pair.deployment, atLeast: 300)
        }

        // MARK: Judging

        /// Stops a server in order, and holds it to its bound.
        private static func expectStop(
            _ server: ServerProcess,
            at location: SourceLocation = #_sourceLocation,
        ) {
            let start = ContinuousClock.now
            let status = server.stop()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(status == 0, "\(server.errors.suffix(2_000))", sourceLocation: location)
            #expect(seconds < stopSecondsMax, sourceLocation: location)
        }

        /// What was acknowledged is in the books, and nothing else is.
        private static func expectKept(_ record: SteadyRecord, _ pair: Pair) throws {
            try expectSound(pair.deployment, atLeast: 200)
            #expect(pair.second.isRunning)
            let states = [(1, record.held), (3, record.confirmed), (4, record.released)]
            for (state, ids) in states {
                var acknowledged = Record()
                for id in ids { acknowledged.acknowledged[id] = 1 }
                #expect(try pair.deployment.missing(acknowledged) == 0)
                let count = try pair.deployment.number(
                    "SELECT count(*) FROM reservations WHERE state = \(state)"
                )
                #expect(count == ids.count, "reservations in state \(state)")
            }
        }
    }
}
