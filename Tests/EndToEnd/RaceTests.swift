// Many callers want the same thing at once: there is one winner for every unit, and one answer for
// every key.

import Messages
import RPC
import Testing

extension Heavy {
    @Suite struct RaceTests {
        @Test func `64 callers racing for the last 100 units sell all of them and not one more`()
            async throws
        {
            let deployment = try Shared.races.get()
            let callers = try await deployment.callers(8)
            try await callers[0].receive([Units("LAST", 100)])
            let load = Load(callers)
            let record = try await load.run(tasks: 64, attempts: 320, seed: 1) { _ in
                [Units("LAST", 1)]
            }
            #expect(record.attempts == 64 * 320)
            #expect(record.unanswered == 0)
            #expect(record.acknowledged.count == 100)
            #expect(try deployment.missing(record) == 0)
            let position = try await callers[0].position("LAST")
            #expect(position.reserved == 100)
            #expect(position.available == 0)
            #expect(try Auditor(deployment: deployment).findings(atLeast: 100) == [])
        }

        @Test func `units that are given back in the middle of a race are sold again, once`()
            async throws
        {
            let deployment = try Shared.races.get()
            let callers = try await deployment.callers(6)
            try await callers[0].receive([Units("AGAIN", 60), Units("AGAIN-2", 60)])
            let load = Load(callers, resolvePercent: 60)
            let record = try await load.run(tasks: 24, attempts: 40, seed: 2) { random in
                let first = Units("AGAIN", Int64.random(in: 1...3, using: &random))
                let second = Units("AGAIN-2", Int64.random(in: 1...3, using: &random))
                return Bool.random(using: &random) ? [first, second] : [second, first]
            }
            #expect(record.unanswered == 0)
            #expect(record.resolved > 20)
            #expect(try deployment.missing(record) == 0)
            #expect(try Auditor(deployment: deployment).findings(atLeast: 20) == [])
        }

        @Test func `one key 1,000 times from 32 callers takes stock once, with one answer`()
            async throws
        {
            let deployment = try Shared.races.get()
            let callers = try await deployment.callers(4)
            try await callers[0].receive([Units("ONCE", 50)])
            let request = Holdfast_V1_ReserveRequest([Units("ONCE", 3)], key: "the only key")
            let answers = try await withThrowingTaskGroup(of: Set<[UInt8]>.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        var answers: Set<[UInt8]> = []
                        for _ in 0..<(task < 8 ? 32 : 31) {
                            answers.insert(
                                try await callers[task % 4]
                                    .bytes(Path.reservation("Reserve"), request)
                            )
                        }
                        return answers
                    }
                }
                return try await group.reduce(into: Set<[UInt8]>()) { $0.formUnion($1) }
            }
            #expect(answers.count == 1)
            let position = try await callers[0].position("ONCE")
            #expect(position.reserved == 3)
            #expect(position.available == 47)
        }

        @Test func `the same order placed at once by many callers is one order`() async throws {
            let deployment = try Shared.races.get()
            let callers = try await deployment.callers(4)
            try await callers[0].receive([Units("ORDER", 40)])
            let request = placing("ORDER", 2, key: "order key", externalID: "W-1")
            let answers = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for task in 0..<100 {
                    group.addTask {
                        try await callers[task % 4].bytes(Path.order("PlaceOrder"), request)
                    }
                }
                return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
            let position = try await callers[0].position("ORDER")
            #expect(position.allocated == 2)
            #expect(position.available == 38)
        }

        @Test func `an external id that many callers want goes to one of them`() async throws {
            let deployment = try Shared.races.get()
            let callers = try await deployment.callers(4)
            try await callers[0].receive([Units("EXTERNAL", 400)])
            let outcomes = try await withThrowingTaskGroup(of: Status?.self) { group in
                for task in 0..<40 {
                    group.addTask {
                        let request = placing(
                            "EXTERNAL",
                            2,
                            key: "external \(task)",
                            externalID: "W-2",
                        )
                        return try await refusal {
                            let order: Holdfast_V1_Order = try await callers[task % 4]
                                .patiently(Path.order("PlaceOrder"), request)
                            return order
                        }
                    }
                }
                return try await group.reduce(into: [Status?]()) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == nil } == 1)
            let refused = outcomes.compactMap { $0 }
            #expect(refused.allSatisfy { $0.code == .alreadyExists })
            #expect(refused.allSatisfy { $0.reason == "EXTERNAL_ID_TAKEN" })
            let position = try await callers[0].position("EXTERNAL")
            #expect(position.allocated == 2)
            #expect(position.available == 398)
        }
    }
}

/// An order of one line, reserved in the same call.
func placing(
    _ sku: String,
    _ quantity: Int64,
    key: String,
    externalID: String,
) -> Holdfast_V1_PlaceOrderRequest {
    var line = Holdfast_V1_PlaceOrderLine()
    line.sku = sku
    line.node = "N1"
    line.quantity = quantity
    line.unitPriceMinor = 255
    var request = Holdfast_V1_PlaceOrderRequest()
    request.idempotencyKey = key
    request.channel = "web"
    request.externalID = externalID
    request.currency = "GBP"
    request.lines = [line]
    return request
}

/// Tests that keep the machine busy: one after the other.
@Suite(.serialized) enum Heavy {}
