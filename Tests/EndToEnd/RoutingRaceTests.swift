// Many callers want the last units and the last slots at once: nothing is sold or promised twice, and
// nobody is refused while there was a way.

import Messages
import RPC
import SwiftProtobuf
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct RoutingRaceTests {
        private static let deployment = Result {
            try Deployment(servers: 2, settings: ["--loops": "2"])
        }

        private struct Tally {
            var held = 0
            var reasons: [String: Int] = [:]
        }

        /// Each of 64 callers asks for one unit until it is told for good.
        private func race(_ callers: [Caller], sku: String, attempts: Int) async throws -> Tally {
            try await withThrowingTaskGroup(of: Tally.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        var tally = Tally()
                        let caller = callers[task % callers.count]
                        for attempt in 0..<attempts {
                            let request = routed([(sku, 1)], key: "\(sku) \(task) \(attempt)")
                            let refused = try await refusal {
                                let _: Holdfast_V1_RoutedReservation =
                                    try await caller.patiently(
                                        Path.reservation("ReserveAndRoute"),
                                        request,
                                    )
                            }
                            if let refused {
                                tally.reasons[refused.reason ?? "\(refused)", default: 0] += 1
                            } else {
                                tally.held += 1
                            }
                        }
                        return tally
                    }
                }
                return try await group.reduce(into: Tally()) { sum, tally in
                    sum.held += tally.held
                    sum.reasons.merge(tally.reasons) { $0 + $1 }
                }
            }
        }

        private func callers(_ deployment: Deployment) async throws -> [Caller] {
            var callers: [Caller] = []
            for server in deployment.servers {
                for _ in 0..<4 { callers.append(try await Caller(server)) }
            }
            return callers
        }

        @Test func `64 callers for the last units of five nodes get all of them`() async throws {
            let deployment = try Self.deployment.get()
            let callers = try await callers(deployment)
            let nodes = (1...5).map { TestNode(name: "U\($0)", cost: 100 * $0) }
            try await callers[0].putNetwork(nodes)
            try await callers[0].receive(nodes.map { Units("LAST", 13, at: $0.name) })
            let tally = try await race(callers, sku: "LAST", attempts: 3)
            #expect(tally.held == 65)
            #expect(tally.reasons == ["SOLD_OUT": 64 * 3 - 65])
            #expect(
                try deployment.number("SELECT sum(free) FROM positions WHERE sku = 'LAST'") == 0
            )
            try expectSound(deployment, atLeast: 65)
        }

        @Test func `64 callers for the last slots fill all of them and no more`() async throws {
            let deployment = try Self.deployment.get()
            let callers = try await callers(deployment)
            let nodes = [
                TestNode(name: "C1", orders: 2), TestNode(name: "C2", cost: 200, orders: 1),
                TestNode(name: "C3", cost: 300, orders: 1, units: 1),
            ]
            try await callers[0].putNetwork(nodes)
            try await callers[0].receive(nodes.map { Units("SLOT", 900, at: $0.name) })
            let capacity = try deployment.number(
                """
                SELECT sum(on_hand - safety) FROM positions WHERE sku LIKE '@orders/%'
                AND node IN ('C1', 'C2', 'C3')
                """
            )
            let tally = try await race(callers, sku: "SLOT", attempts: 3)
            #expect(tally.held == capacity)
            #expect(tally.reasons == ["CAPACITY_FULL": 64 * 3 - capacity])
            let over = try deployment.number(
                "SELECT count(*) FROM positions WHERE sku LIKE '@%' AND held > on_hand - safety"
            )
            #expect(over == 0)
            try expectSound(deployment, atLeast: capacity)
        }

        @Test func `one key from many callers at two servers takes one plan`() async throws {
            let deployment = try Self.deployment.get()
            let callers = try await callers(deployment)
            let nodes = (1...3).map { TestNode(name: "K\($0)", cost: 100 * $0, orders: 40) }
            try await callers[0].putNetwork(nodes)
            try await callers[0].receive(nodes.map { Units("KEYED", 4, at: $0.name) })
            let request = routed([("KEYED", 4)], key: "the only routed key")
            let answers = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for task in 0..<96 {
                    group.addTask {
                        let caller = callers[task % callers.count]
                        while true {
                            do {
                                return try await caller.bytes(
                                    Path.reservation("ReserveAndRoute"),
                                    request
                                )
                            } catch let status as Status where status.isTemporary {
                                try await Task.sleep(for: .milliseconds(25))
                            }
                        }
                    }
                }
                return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
            #expect(
                try deployment.number("SELECT sum(held) FROM positions WHERE sku = 'KEYED'") == 4
            )
            try expectSound(deployment)
        }

        @Test func `hasty carts are held once or not at all, and their keys tell`() async throws {
            let deployment = try Self.deployment.get()
            let callers = try await callers(deployment)
            let nodes = (1...3).map { TestNode(name: "H\($0)", cost: 100 * $0, orders: 9_000) }
            try await callers[0].putNetwork(nodes)
            try await callers[0].receive(nodes.map { Units("HASTY", 400, at: $0.name) })
            let count = 600
            // Answers by number; nil: the time was over.
            let first = try await withThrowingTaskGroup(of: [(Int, [UInt8]?)].self) { group in
                for task in 0..<24 {
                    group.addTask {
                        var answers: [(Int, [UInt8]?)] = []
                        for number in stride(from: task, to: count, by: 24) {
                            let caller = callers[number % callers.count]
                            let answer = try? await caller.bytes(
                                Path.reservation("ReserveAndRoute"),
                                routed([("HASTY", 1)], key: "hasty \(number)"),
                                timeoutMs: Int64(number % 40 + 1),
                            )
                            answers.append((number, answer))
                        }
                        return answers
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let late = first.filter { $0.1 == nil }
            #expect(
                late.count > count / 20 && late.count < count,
                "\(late.count) of \(count) were late"
            )
            // What was begun is over by then.
            try await Task.sleep(for: .seconds(1))
            let held = try deployment.number("SELECT sum(held) FROM positions WHERE sku = 'HASTY'")
            #expect(held >= count - late.count)
            var without = 0
            for (number, _) in late {
                var request = Holdfast_V1_GetReservationRequest()
                request.idempotencyKey = "hasty \(number)"
                let missing = try await refusal {
                    let _: Holdfast_V1_Reservation =
                        try await callers[0].patiently(Path.reservation("GetReservation"), request)
                }
                if missing?.code == .notFound { without += 1 }
            }
            #expect(held == count - without)
            for (number, answer) in first {
                let again: Holdfast_V1_RoutedReservation = try await callers[0]
                    .patiently(
                        Path.reservation("ReserveAndRoute"),
                        routed([("HASTY", 1)], key: "hasty \(number)"),
                    )
                if let answer { #expect(try again.serializedBytes() == answer) }
            }
            #expect(
                try deployment.number("SELECT sum(held) FROM positions WHERE sku = 'HASTY'")
                    == count
            )
            try expectSound(deployment, atLeast: count)
        }

        @Test func `a server that dies in the middle leaves every cart held once or not at all`()
            async throws
        {
            let deployment = try Self.deployment.get()
            let survivor = try await Caller(deployment.servers[0])
            let nodes = (1...3).map { TestNode(name: "D\($0)", cost: 100 * $0, orders: 900) }
            try await survivor.putNetwork(nodes)
            try await survivor.receive(nodes.map { Units("DIE", 100, at: $0.name) })
            let dying = deployment.servers[1]
            let caller = try await Caller(dying)
            let tasks = (0..<120)
                .map { number in
                    Task {
                        try? await caller.bytes(
                            Path.reservation("ReserveAndRoute"),
                            routed([("DIE", 1)], key: "dying \(number)"),
                        )
                    }
                }
            try await Task.sleep(for: .milliseconds(25))
            dying.kill()
            var first: [[UInt8]?] = []
            for task in tasks { first.append(await task.value) }
            for (number, answer) in first.enumerated() {
                let again: Holdfast_V1_RoutedReservation = try await survivor.patiently(
                    Path.reservation("ReserveAndRoute"),
                    routed([("DIE", 1)], key: "dying \(number)"),
                )
                if let answer { #expect(try again.serializedBytes() == answer) }
            }
            try dying.start()
            #expect(
                try deployment.number("SELECT sum(held) FROM positions WHERE sku = 'DIE'") == 120
            )
            try expectSound(deployment, atLeast: 120)
        }
    }
}
