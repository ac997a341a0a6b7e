// Row 12 of the list of features: a retry is answered as the first time, byte for byte, whatever
// happened in between.

import Messages
import RPC
import SwiftProtobuf
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct `Row 12, retries` {
        private static let deployment = Result { try Deployment() }

        @Test func `a reserve is answered alike after all that may happen to it`() async throws {
            let deployment = try Self.deployment.get()
            var caller = try await Caller(deployment.server)
            try await caller.receive([Units("RETRY", 20)])
            let request = Holdfast_V1_ReserveRequest([Units("RETRY", 5)], key: "retried")
            let first = try await caller.bytes(Path.reservation("Reserve"), request)
            let id = try Holdfast_V1_Reservation(serializedBytes: first).id
            func isSame(_ after: String) async throws {
                let again = try await caller.bytes(Path.reservation("Reserve"), request)
                #expect(again == first, "after \(after)")
            }
            try await isSame("nothing")
            _ = try await caller.extend(id, ttlMs: 3_600_000)
            try await isSame("extend")
            _ = try await caller.change(id, [Units("RETRY", 6)])
            try await isSame("change")
            _ = try await caller.confirm(id, [Units("RETRY", 2)])
            try await isSame("a partial confirm")
            _ = try await caller.release(id)
            try await isSame("release")
            try deployment.redisCommand("FLUSHALL")
            try await isSame("FLUSHALL")
            #expect(deployment.server.stop() == 0)
            try deployment.server.start()
            caller = try await Caller(deployment.server)
            try await isSame("a restart")
            deployment.server.kill()
            try deployment.redis.restart()
            try deployment.server.start()
            caller = try await Caller(deployment.server)
            try await isSame("a kill -9 and an empty Redis")
            #expect(try await caller.position("RETRY").allocated == 2)
            #expect(try await caller.position("RETRY").available == 18)
            #expect(try Auditor(deployment: deployment).findings() == [])
        }

        /// Calls of every kind that changes something, with a key.
        private func calls(_ reservation: String) -> [(String, any Message)] {
            var receive = Holdfast_V1_ReceiveRequest()
            receive.idempotencyKey = "keyed receive"
            var line = Holdfast_V1_StockLine()
            line.sku = "KEYED"
            line.node = "N1"
            line.quantity = 3
            receive.lines = [line]
            var safety = Holdfast_V1_SetSafetyStockRequest()
            safety.idempotencyKey = "keyed safety"
            safety.sku = "KEYED"
            safety.node = "N1"
            safety.quantity = 2
            var extend = Holdfast_V1_ExtendRequest()
            extend.id = reservation
            extend.ttl = .milliseconds(900_000)
            extend.idempotencyKey = "keyed extend"
            var change = Holdfast_V1_ChangeRequest()
            change.id = reservation
            change.lines = [Holdfast_V1_Demand(Units("KEYED", 4))]
            change.idempotencyKey = "keyed change"
            var confirm = Holdfast_V1_ConfirmRequest()
            confirm.id = reservation
            confirm.lines = [Holdfast_V1_Demand(Units("KEYED", 1))]
            confirm.idempotencyKey = "keyed confirm"
            var release = Holdfast_V1_ReleaseRequest()
            release.id = reservation
            release.idempotencyKey = "keyed release"
            return [
                (Path.inventory("Receive"), receive), (Path.inventory("SetSafetyStock"), safety),
                (Path.reservation("Extend"), extend), (Path.reservation("Change"), change),
                (Path.reservation("Confirm"), confirm), (Path.reservation("Release"), release),
                (
                    Path.order("PlaceOrder"),
                    placing("KEYED", 2, key: "keyed order", externalID: "K-1")
                ),
            ]
        }

        @Test func `every call with a key takes effect once and is answered alike`() async throws {
            let deployment = try Self.deployment.get()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("KEYED", 20)])
            let id = try await caller.reserve([Units("KEYED", 5)]).id
            var answers: [[UInt8]] = []
            for (path, request) in calls(id) {
                answers.append(try await caller.bytes(path, request))
            }
            let traces = try Auditor(deployment: deployment).traces()
            for round in 0..<2 {
                if round == 1 { try deployment.redisCommand("FLUSHALL") }
                for (index, (path, request)) in calls(id).enumerated() {
                    let again = try await caller.bytes(path, request)
                    #expect(again == answers[index], "\(path), round \(round)")
                }
            }
            #expect(try Auditor(deployment: deployment).traces() == traces)
        }

        @Test func `the same key with another body is refused and changes nothing`() async throws {
            let deployment = try Self.deployment.get()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("BODY", 20), Units("BODY-2", 20)])
            _ = try await caller.reserve([Units("BODY", 5)], key: "one body")
            let before = try Auditor(deployment: deployment).traces()
            let others: [Holdfast_V1_ReserveRequest] = [
                Holdfast_V1_ReserveRequest([Units("BODY", 6)], key: "one body"),
                Holdfast_V1_ReserveRequest([Units("BODY-2", 5)], key: "one body"),
                Holdfast_V1_ReserveRequest([Units("BODY", 5)], key: "one body", ttlMs: 9_000),
                Holdfast_V1_ReserveRequest([Units("BODY", 5)], key: "one body", channel: "web"),
            ]
            for (number, other) in others.enumerated() {
                if number == 2 { try deployment.redisCommand("FLUSHALL") }
                let status = try await refusal {
                    try await caller.bytes(Path.reservation("Reserve"), other)
                }
                #expect(status?.code == .alreadyExists)
                #expect(status?.reason == "KEY_REUSED")
                #expect(status?.fields.first == "idempotency_key")
            }
            #expect(try Auditor(deployment: deployment).traces() == before)
        }
    }
}
