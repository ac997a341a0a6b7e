// Row 10 of the list of features: all lines of a cart or none, whatever happens.

import Foundation
import Messages
import RPC
import Testing

/// Carts of several lines over few positions; a SKU may stand in one twice.
private func cart(_ skus: [String]) -> @Sendable (inout SeededRandom) -> [Units] {
    { random in
        (0..<Int.random(in: 1...5, using: &random))
            .map { _ in
                Units(
                    skus[Int.random(in: 0..<skus.count, using: &random)],
                    Int64.random(in: 1...3, using: &random),
                    at: Bool.random(using: &random) ? "N1" : "N2",
                )
            }
    }
}

extension Heavy {
    @Suite struct `Row 10, carts` {
        /// `ops/check` asks for many times as many carts.
        private static let scale =
            ProcessInfo.processInfo.environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1
        private static let killed = Result { try Deployment(settings: ["--loops": "2"]) }

        /// Units that the lines of the reservations have, which must be what was acknowledged.
        private func unitsInDatabase(_ deployment: Deployment, _ record: Record) throws -> Int64 {
            let ids = record.acknowledged.keys.joined(separator: ",")
            return Int64(
                try deployment.number(
                    """
                    SELECT coalesce(sum(u.quantity), 0) FROM reservations r,
                        unnest(r.quantities) u (quantity) WHERE r.key = ANY ('{\(ids)}'::uuid[])
                    """
                )
            )
        }

        @Test func `thousands of carts over few positions never take effect in part`() async throws
        {
            let deployment = try Shared.races.get()
            let callers = try await deployment.callers(8)
            let skus = (0..<4).map { "CART-\($0)" }
            for node in ["N1", "N2"] {
                try await callers[0].receive(skus.map { Units($0, 150, at: node) })
            }
            let load = Load(callers, resolvePercent: 50)
            let record = try await load.run(
                tasks: 32,
                attempts: 100 * Self.scale,
                seed: 10,
                cart: cart(skus)
            )
            #expect(record.attempts == 3_200 * Self.scale)
            #expect(record.unanswered == 0)
            #expect(record.acknowledged.count > 100)
            #expect(record.refused > 100)
            #expect(try deployment.missing(record) == 0)
            #expect(try unitsInDatabase(deployment, record) == record.units)
            try expectSound(deployment, atLeast: 100, viewed: 8)
        }

        @Test func `a server that is killed in the middle leaves only whole carts`() async throws {
            let deployment = try Self.killed.get()
            let callers = try await deployment.callers(6)
            let skus = (0..<4).map { "KILL-\($0)" }
            for node in ["N1", "N2"] {
                try await callers[0].receive(skus.map { Units($0, 400, at: node) })
            }
            let load = Load(callers, resolvePercent: 30)
            async let running = load.run(tasks: 24, attempts: 50, seed: 11, cart: cart(skus))
            for number in 1...4 {
                try await load.reaches(number * 200)
                deployment.server.kill()
                try deployment.server.start()
            }
            let record = try await running
            #expect(record.unanswered == 0)
            #expect(record.acknowledged.count > 200)
            #expect(try deployment.missing(record) == 0)
            #expect(try unitsInDatabase(deployment, record) == record.units)
            #expect(try deployment.epoch() == 1, "a server's end costs no epoch")
            try expectSound(deployment, atLeast: 200, viewed: 8)
        }

        @Test func `one line that cannot be had keeps all others free`() async throws {
            let deployment = try Shared.races.get()
            let caller = try await Caller(deployment.server)
            try await caller.receive([
                Units("ALL", 10), Units("NONE", 3), Units("ALL", 5, at: "N2"),
            ])
            let status = try await refusal {
                try await caller.reserve([
                    Units("ALL", 2), Units("ALL", 2, at: "N2"), Units("NONE", 2), Units("NONE", 2),
                ])
            }
            #expect(status?.code == .failedPrecondition)
            #expect(status?.reason == "SOLD_OUT")
            #expect(status?.fields.first?.hasPrefix("lines[") == true)
            #expect(try await caller.position("ALL").available == 10)
            #expect(try await caller.position("ALL", at: "N2").available == 5)
            #expect(try await caller.position("NONE").available == 3)
            let held = try await caller.reserve([
                Units("NONE", 1), Units("ALL", 1), Units("NONE", 2),
            ])
            #expect(held.lines.map(\.quantity).sorted() == [1, 3])
        }
    }
}
