// Stock that is watched: the state first, then every change, whoever made it; the latest figures and
// not all of them for a caller who reads slowly; and nothing is left when the caller goes.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import TestServers
import Testing

@Suite(.serialized) struct WatchTests {
    private static let deployment = Result { try Deployment(servers: 2) }

    @Test func `the first answer has every item, later ones what has changed`() async throws {
        let deployment = try Self.deployment.get()
        let caller = try await Caller(deployment.server)
        let other = try await Caller(deployment.servers[1])
        try await caller.receive([Units("W-A", 5), Units("W-B", 7), Units("W-B", 2, at: "N2")])
        let watch = try await WatchCall(caller, ["W-A", "W-B", "W-NONE", "W-A"])
        let first = try #require(try await watch.next())
        #expect(first.map(\.index) == [0, 1, 2, 3])
        #expect(first.map(\.availability.available) == [5, 9, 0, 5])
        #expect(first.map(\.availability.nodes.count) == [1, 2, 0, 1])
        #expect(first.map(\.availability.sku) == ["W-A", "W-B", "W-NONE", "W-A"])

        var startedAt = ContinuousClock.now
        var slowest = Duration.zero
        func next() async throws -> [Int32: Int64]? {
            let figures = try await watch.figures()
            slowest = max(slowest, .now - startedAt)
            return figures
        }
        startedAt = .now
        let held = try await caller.reserve([Units("W-A", 2)])
        #expect(try await next() == [0: 3, 3: 3])
        startedAt = .now
        _ = try await caller.release(held.id)
        #expect(try await next() == [0: 5, 3: 5])
        startedAt = .now
        try await caller.receive([Units("W-NONE", 4)])
        #expect(try await next() == [2: 4])
        // Another server shares nothing with the one that is asked but the truth.
        startedAt = .now
        _ = try await other.reserve([Units("W-B", 2, at: "N2")])
        #expect(try await next() == [1: 7])
        // A second is what is promised; the rest is for a machine that does other things as well.
        #expect(slowest < .seconds(5))
        print("the slowest change was told after \(slowest)")
        await watch.stream.cancel()
    }

    @Test func `nothing is sent while nothing changes`() async throws {
        let caller = try await Caller(try Self.deployment.get().server)
        try await caller.receive([Units("STILL", 5), Units("OTHER", 5)])
        let watch = try await WatchCall(caller, ["STILL"])
        #expect(try await watch.figures() == [0: 5])
        _ = try await caller.reserve([Units("OTHER", 1)])
        try await Task.sleep(for: .milliseconds(1_500))
        try await caller.adjust("STILL", 1)
        #expect(try await watch.figures() == [0: 6])
        await watch.stream.cancel()
    }

    @Test func `a slow reader gets the latest figures, not every one between`() async throws {
        let caller = try await Caller(try Self.deployment.get().server)
        let skus = (0..<500).map { "COALESCE-\($0)-" + String(repeating: "x", count: 40) }
        try await caller.receive(skus.map { Units($0, 1) })
        let watch = try await WatchCall(caller, skus)
        let changes = 12
        for _ in 0..<changes {
            try await caller.receive(skus.map { Units($0, 1) })
            try await Task.sleep(for: .milliseconds(300))
        }
        var answers = 0
        var figures: [Int32: Int64] = [:]
        while !(figures.count == 500 && figures.values.allSatisfy({ $0 == Int64(changes + 1) })) {
            let next = try #require(try await watch.figures())
            answers += 1
            figures.merge(next) { $1 }
        }
        #expect(answers < changes / 2)
        // What came last was the end of it.
        try await caller.receive([Units(skus[7], 1)])
        #expect(try await watch.figures() == [7: Int64(changes + 2)])
        await watch.stream.cancel()
    }

    @Test func `a channel is told of its own figures`() async throws {
        let guarded = try GuardedDeployment()
        let ops = try await guarded.caller("ops")
        try await ops.receive([Units("CHANNEL", 10)])
        try await ops.setSafety("CHANNEL", 4, channel: "web")
        try await ops.setSafety("CHANNEL", 1, channel: "app")
        let watch = try await WatchCall(try await guarded.caller("web"), ["CHANNEL"])
        let first = try #require(try await watch.next()?.first?.availability)
        #expect(first.available == 6)
        #expect(first.nodes.first?.position.channelSafety.map(\.channel) == ["web"])
        let foreign = try await WatchCall(
            try await guarded.caller("web"),
            ["CHANNEL"],
            channel: "app",
        )
        let denied = try await refusal { try await foreign.next() }
        #expect(denied?.code == .permissionDenied)
        let nobody = try await WatchCall(try await guarded.caller("none"), ["CHANNEL"])
        #expect(try await refusal { try await nobody.next() }?.code == .unauthenticated)
        await watch.stream.cancel()
    }

    @Test func `what cannot be watched is refused`() async throws {
        let caller = try await Caller(try Self.deployment.get().server)
        let none = try await WatchCall(caller, [])
        #expect(try await refusal { try await none.next() }?.fields == ["items"])
        let wrong = try await WatchCall(caller, ["GOOD", ""])
        #expect(try await refusal { try await wrong.next() }?.fields == ["items[1].sku"])
        let many = try await WatchCall(caller, (0..<501).map { "M\($0)" })
        #expect(try await refusal { try await many.next() }?.code == .invalidArgument)
    }

    @Test func `more items than a server can ask for are refused, until others go`() async throws {
        let caller = try await Caller(try Self.deployment.get().server)
        var watches: [WatchCall] = []
        for part in 0..<40 {
            let watch = try await WatchCall(caller, (0..<500).map { "FULL-\(part)-\($0)" })
            watches.append(watch)
        }
        for watch in watches { #expect(try await watch.figures()?.count == 500) }
        let more = try await WatchCall(caller, ["FULL-40"])
        #expect(try await refusal { try await more.next() }?.code == .resourceExhausted)
        // What is watched already costs nothing more.
        let same = try await WatchCall(caller, ["FULL-0-0"])
        #expect(try await same.figures() == [0: 0])
        for watch in watches + [same] { await watch.stream.cancel() }
        let again = try await WatchCall(caller, ["FULL-40"])
        #expect(try await again.figures() == [0: 0])
        await again.stream.cancel()
    }
}

extension Heavy {
    @Suite(.serialized) struct `Watches that end` {
        /// How many questions of the kind that a watch asks were begun within the last second.
        private func isAsking(_ deployment: Deployment) throws -> Bool {
            try deployment.number(
                """
                SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND pid <> pg_backend_pid() AND query LIKE '%WITH ORDINALITY AS i(sku, node, n)%'
                    AND query_start > clock_timestamp() - interval '1 second'
                """
            ) > 0
        }

        private func callsInFlight(_ deployment: Deployment) async throws -> Double? {
            try await Page(deployment.server, "/metrics").metric("holdfast_rpc_calls_in_flight")
        }

        @Test func `nothing is left of a watch when its caller goes`() async throws {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("LEAVE", 5)])
            // One goes by its own will, one with its connection, one by its deadline.
            let watch = try await WatchCall(caller, ["LEAVE", "LEAVE"])
            let lost = try await Caller(deployment.server)
            let torn = try await WatchCall(lost, ["LEAVE"])
            let brief = try caller.stream(Path.inventory("WatchAvailability"), timeoutMs: 1_500)
            var request = Holdfast_V1_WatchAvailabilityRequest()
            request.items = [.with { $0.sku = "LEAVE" }]
            try await brief.send(try request.serializedBytes())
            await brief.finish()
            #expect(try await watch.figures() == [0: 5, 1: 5])
            #expect(try await torn.figures() == [0: 5])
            #expect(try await brief.next() != nil)
            #expect(try await callsInFlight(deployment) == 3)
            // A connection shows its latest question only, and others use it too.
            var isAsked = try isAsking(deployment)
            for _ in 0..<100 where !isAsked {
                try await Task.sleep(for: .milliseconds(20))
                isAsked = try isAsking(deployment)
            }
            #expect(isAsked)
            await watch.stream.cancel()
            await lost.client.close()
            #expect(try await refusal { try await brief.next() }?.code == .deadlineExceeded)
            for _ in 0..<400 {
                if try await callsInFlight(deployment) == 0 { break }
                try await Task.sleep(for: .milliseconds(25))
            }
            #expect(try await callsInFlight(deployment) == 0)
            try await Task.sleep(for: .milliseconds(2_000))
            #expect(try !isAsking(deployment))
            // And the next one begins afresh.
            try await caller.adjust("LEAVE", 1)
            let next = try await WatchCall(caller, ["LEAVE"])
            #expect(try await next.figures() == [0: 6])
            await next.stream.cancel()
        }

        @Test func `a server that stops ends its watches at once and in order`() async throws {
            let deployment = try Deployment(settings: ["--shutdown-grace-ms": "60000"])
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("STOPS", 5)])
            let watch = try await WatchCall(caller, ["STOPS"])
            #expect(try await watch.figures() == [0: 5])
            deployment.server.send(SIGTERM)
            let end = try await refusal { try await watch.next() }
            #expect(end?.code == .unavailable)
            #expect(end?.message == "the server is shutting down")
            // Long before its time to wait for calls is over.
            #expect(try deployment.server.wait(seconds: 30) == 0)
        }

        @Test func `a watch goes on when Postgres comes back, and ends when it does not`()
            async throws
        {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("AWAY", 5)])
            let watch = try await WatchCall(caller, ["AWAY"])
            #expect(try await watch.figures() == [0: 5])
            let database = try deployment.sql("SELECT current_database()")
            func allow(_ isAllowed: Bool) throws {
                let change = "ALTER DATABASE \"\(database)\" ALLOW_CONNECTIONS \(isAllowed)"
                _ = try deployment.postgres.sql(change)
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                _ = try deployment.postgres.sql("\(end) WHERE datname = '\(database)'")
            }
            try allow(false)
            try await Task.sleep(for: .milliseconds(1_000))
            try allow(true)
            try await Task.sleep(for: .milliseconds(500))
            let adjusted: Holdfast_V1_StockAnswer = try await caller.patiently(
                Path.inventory("Receive"),
                Holdfast_V1_ReceiveRequest.with { request in
                    request.idempotencyKey = "back"
                    request.lines = [
                        .with { line in
                            line.sku = "AWAY"
                            line.node = "N1"
                            line.quantity = 1
                        }
                    ]
                },
            )
            #expect(adjusted.positions.first?.available == 6)
            #expect(try await watch.figures() == [0: 6])
            try allow(false)
            #expect(try await refusal { try await watch.next() }?.code == .unavailable)
            try allow(true)
        }
    }
}
