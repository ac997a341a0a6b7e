// Rows 20 to 25 of the list of features: plans, reservations that hold them, explanations, what if.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct `Rows 20 to 25, routing` {
        private static let deployment = Result { try Deployment(servers: 2) }

        /// Puts nodes, each with a name of its own: a slot that is open keeps its capacity whatever is put.
        private func fresh(_ nodes: [TestNode]) async throws -> (Deployment, Caller) {
            let deployment = try Self.deployment.get()
            let caller = try await Caller(deployment.servers[0])
            try await caller.putNetwork(nodes)
            return (deployment, caller)
        }

        @Test func `a cart goes from the cheapest node that has all of it`() async throws {
            let (_, caller) = try await fresh([
                TestNode(name: "NEAR-1"), TestNode(name: "FAR-1", cost: 900),
            ])
            try await caller.receive([Units("R1", 5, at: "NEAR-1"), Units("R1", 9, at: "FAR-1")])
            try await caller.receive([Units("R2", 5, at: "NEAR-1"), Units("R2", 9, at: "FAR-1")])
            let small = try await caller.route(Holdfast_V1_RouteRequest([("R1", 2), ("R2", 1)]))
            #expect(nodes(small.plan) == ["NEAR-1": 3])
            #expect(small.basis.isOptimal && small.basis.gap == 0)
            #expect(small.plan.amounts.costMinor == 100 + 300 + 3 * 5)
            #expect(small.plan.score == small.plan.parts.reduce(0) { $0 + $1.points })
            #expect(small.runnerUps.first.map(nodes) == ["FAR-1": 3])
            #expect(small.basis.ruleSet.name == "standard")
            let large = try await caller.route(Holdfast_V1_RouteRequest([("R1", 7)]))
            #expect(nodes(large.plan) == ["FAR-1": 7])
            let split = try await caller.route(Holdfast_V1_RouteRequest([("R1", 12)]))
            #expect(nodes(split.plan).values.reduce(0, +) == 12)
            #expect(split.plan.shipments.count == 2)
        }

        @Test func `what cannot be routed is refused with the reason, and explained`()
            async throws
        {
            let (_, caller) = try await fresh([
                TestNode(name: "NEAR-2", orders: 1), TestNode(name: "FAR-2", cost: 900, orders: 0),
            ])
            try await caller.receive([Units("N1", 5, at: "NEAR-2"), Units("N1", 9, at: "FAR-2")])
            let soldOut = try await refusal {
                try await caller.route(Holdfast_V1_RouteRequest([("N1", 15)]))
            }
            #expect(soldOut?.code == .failedPrecondition)
            #expect(soldOut?.reason == "SOLD_OUT")
            #expect(soldOut?.fields == ["lines[0].quantity"])
            let unknown = try await refusal {
                try await caller.route(Holdfast_V1_RouteRequest([("NEVER", 1)]))
            }
            #expect(unknown?.reason == "SKU_UNKNOWN")
            var abroad = Holdfast_V1_RouteRequest([("N1", 1)])
            abroad.destination.country = "FR"
            abroad.destination.postalCode = ""
            let network = try await refusal { try await caller.route(abroad) }
            #expect(network?.reason == "NO_ROUTE")
            var early = Holdfast_V1_RouteRequest([("N1", 1)])
            early.arriveBy = "2020-01-01"
            #expect(try await refusal { try await caller.route(early) }?.reason == "NO_ROUTE")
            let full = try await refusal {
                try await caller.route(Holdfast_V1_RouteRequest([("N1", 8)]))
            }
            #expect(full?.reason == "CAPACITY_FULL")
            let explained = try await caller.explain(try #require(full?.decision))
            #expect(explained.decision.noPlan == "CAPACITY")
            #expect(explained.isSame)
            let held = try await refusal { try await caller.reserveAndRoute([("N1", 8)]) }
            #expect(held?.reason == "CAPACITY_FULL")
            #expect(held?.fields == ["cart.lines"])
            let why = try await caller.explain(try #require(held?.decision))
            #expect(why.decision.noPlan == "CAPACITY" && why.isSame && !why.decision.isReserved)
            let malformed = try await refusal {
                try await caller.route(Holdfast_V1_RouteRequest([("@orders/2026-11-30/0", 1)]))
            }
            #expect(malformed?.code == .invalidArgument)
        }

        @Test func `reserving takes goods and capacity together, and shows them apart`()
            async throws
        {
            let (deployment, caller) = try await fresh([
                TestNode(name: "NEAR-3", orders: 2, units: 7), TestNode(name: "FAR-3", cost: 900),
            ])
            try await caller.receive([Units("G1", 50, at: "NEAR-3"), Units("G1", 50, at: "FAR-3")])
            let first = try await caller.reserveAndRoute([("G1", 3)])
            #expect(nodes(first.plan) == ["NEAR-3": 3])
            #expect(first.reservation.lines.map(\.node) == ["NEAR-3"])
            #expect(first.reservation.capacity.map(\.what) == ["orders", "units"])
            #expect(first.reservation.capacity.map(\.quantity) == [1, 3])
            #expect(first.reservation.decisionID == first.reservation.id)
            let read = try await caller.reservation(first.reservation.id)
            #expect(read == first.reservation)
            // Seven units a day: four are left today, so five go tomorrow or from elsewhere.
            let second = try await caller.reserveAndRoute([("G1", 5)])
            let slot = second.plan.shipments[0]
            #expect(
                slot.node == "FAR-3" || slot.slotDay != first.plan.shipments[0].slotDay,
                "\(slot)"
            )
            let explained = try await caller.explain(first.reservation.id)
            #expect(explained.isSame && explained.decision.isReserved)
            _ = try await caller.release(first.reservation.id)
            #expect(try await caller.position("G1", at: "NEAR-3").reserved <= 5)
            try expectSound(deployment)
        }

        @Test func `what was routed is confirmed as a whole, and handed over with its route`()
            async throws
        {
            let (deployment, caller) = try await fresh([TestNode(name: "NEAR-4", orders: 9)])
            try await caller.receive([Units("W1", 50, at: "NEAR-4")])
            let held = try await caller.reserveAndRoute([("W1", 3)])
            let id = held.reservation.id
            let units = [Units("W1", 1, at: "NEAR-4")]
            for outcome in [
                try await refusal { try await caller.change(id, units) },
                try await refusal { try await caller.confirm(id, units) },
            ] {
                #expect(outcome?.code == .failedPrecondition)
                #expect(outcome?.reason == "ROUTED")
            }
            let other = try await caller.handOver(id, to: "customer-9")
            #expect(other.decisionID == id)
            #expect(other.capacity.map(\.held) == [1])
            #expect(try await caller.explain(other.id).decision.id == id)
            #expect(
                try await refusal { try await caller.change(other.id, units) }?.reason == "ROUTED"
            )
            #expect(try await caller.confirm(other.id).state == .confirmed)
            try expectSound(deployment)
        }

        @Test func `a retry is answered alike whatever became of it, by every server`()
            async throws
        {
            let (deployment, caller) = try await fresh([
                TestNode(name: "NEAR-5", orders: 4), TestNode(name: "FAR-5", cost: 900),
            ])
            try await caller.receive([Units("A1", 5, at: "NEAR-5"), Units("A1", 9, at: "FAR-5")])
            let request = routed([("A1", 5)], key: "routed once")
            let path = Path.reservation("ReserveAndRoute")
            let first = try await caller.bytes(path, request)
            let other = try await Caller(deployment.servers[1])
            func isSame(_ after: String) async throws {
                // By now another plan would win, or none.
                #expect(try await caller.bytes(path, request) == first, "after \(after)")
                #expect(try await other.bytes(path, request) == first, "after \(after), elsewhere")
            }
            try await isSame("nothing")
            try deployment.redisCommand("FLUSHALL")
            try await isSame("FLUSHALL")
            _ = try await caller.reserveAndRoute([("A1", 9)])
            try await isSame("the last units went")
            let id = try Holdfast_V1_RoutedReservation(serializedBytes: first).reservation.id
            _ = try await caller.release(id)
            try await isSame("release")
            try await caller.setStatus("NEAR-5", .closed)
            try await isSame("its node was closed")
            var changed = request
            changed.cart.lines[0].quantity = 4
            let reused = try await refusal { try await caller.bytes(path, changed) }
            #expect(reused?.reason == "KEY_REUSED")
            let plain = Holdfast_V1_ReserveRequest(
                [Units("A1", 1, at: "FAR-5")],
                key: "routed once"
            )
            let mixed = try await refusal {
                try await caller.bytes(Path.reservation("Reserve"), plain)
            }
            #expect(mixed?.reason == "KEY_REUSED")
            try expectSound(deployment)
        }

        @Test func `an explanation stays true when rules and network have changed`() async throws {
            let (_, caller) = try await fresh([
                TestNode(name: "NEAR-6", orders: 50),
                TestNode(name: "FAR-6", cost: 900, orders: 50),
            ])
            try await caller.receive([Units("E1", 50, at: "NEAR-6"), Units("E1", 50, at: "FAR-6")])
            let cheap =
                #"{"name": "%", "rules": [], "goals": {"cost": 100, "balance": 3}}"#
            try await caller.putRules(
                cheap.replacing("%", with: "web"),
                name: "web",
                channel: "web",
            )
            let cart = Holdfast_V1_RouteRequest([("E1", 3)], channel: "web")
            let before = try await caller.route(cart)
            let held = try await caller.reserveAndRoute([("E1", 3)], channel: "web")
            #expect(before.basis.ruleSet.name == "web")
            #expect(nodes(before.plan) == ["NEAR-6": 3])
            try await caller.putRules(
                #"""
                {"name": "web", "rules": [{"rule": "NOT_FROM", "nodes": ["NEAR-6"]}],
                 "goals": {"cost": 100}}
                """#,
                name: "web",
                channel: "web",
            )
            try await caller.putNetwork([
                TestNode(name: "FAR-6", cost: 10), TestNode(name: "NEW-6"),
            ])
            let after = try await caller.route(cart)
            #expect(nodes(after.plan) == ["FAR-6": 3])
            for id in [before.decisionID, held.reservation.id] {
                let explained = try await caller.explain(id)
                #expect(explained.isSame)
                #expect(nodes(explained.decision.plan) == ["NEAR-6": 3])
                #expect(explained.plans.first?.score == explained.decision.plan.score)
                #expect(explained.decision.basis.ruleSet.version == 1)
                #expect(explained.nodes.map(\.node) == ["FAR-6", "NEAR-6"])
                let far = try #require(explained.nodes.first)
                #expect(far.hasBestPlan)
                let lost = far.lostBy.reduce(0) { $0 + $1.points }
                #expect(far.bestPlan.score - explained.decision.plan.score == lost)
            }
        }

        /// What `holdfast route simulate` says of rules that forbid a node: the sums and the differences.
        private func simulated(
            _ server: ServerProcess,
            without node: String,
            _ arguments: [String],
        ) throws -> (summary: [String: Any], differences: [[String: Any]]) {
            let rules = FileManager.default.temporaryDirectory
                .appendingPathComponent("hf-rules-\(UUID().uuidString).json")
            defer { try? FileManager.default.removeItem(at: rules) }
            let document =
                #"{"name":"not","rules":[{"rule":"NOT_FROM","nodes":["\#(node)"]}],"goals":{"cost":1}}"#
            try Data(document.utf8).write(to: rules)
            let ended = try Binary.run(
                [Binary.path, "route", "simulate", "--rules", rules.path, "--json"] + arguments
                    + ["--server", "127.0.0.1:\(server.grpcPort)"]
            )
            #expect(ended.status == 0, "\(ended.errors)")
            let answer = try #require(
                JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
            )
            return (
                try #require(answer["summary"] as? [String: Any]),
                answer["differences"] as? [[String: Any]] ?? []
            )
        }

        @Test func `what if plays the decisions that are named, and carts of a file`() async throws
        {
            let (deployment, caller) = try await fresh([
                TestNode(name: "NEAR-8"), TestNode(name: "FAR-8", cost: 900),
            ])
            try await caller.receive([Units("C1", 9, at: "NEAR-8"), Units("C1", 9, at: "FAR-8")])
            let ids = [
                try await caller.route(Holdfast_V1_RouteRequest([("C1", 2)])).decisionID,
                try await caller.reserveAndRoute([("C1", 3)]).reservation.id,
            ]
            let (named, changes) = try simulated(
                deployment.servers[0],
                without: "NEAR-8",
                ids.flatMap { ["--decisions", $0] },
            )
            #expect(named["decisions"] as? Int == 2 && named["changed"] as? Int == 2)
            #expect(Set(changes.compactMap { $0["decision_id"] as? String }) == Set(ids))

            let orders = FileManager.default.temporaryDirectory
                .appendingPathComponent("hf-orders-\(UUID().uuidString).csv")
            defer { try? FileManager.default.removeItem(at: orders) }
            let rows =
                "order,sku,quantity,country,postal_code\nA,C1,2,GB,SW1A 1AA\nB,C1,99,GB,SW1A 1AA\n"
            try Data(rows.utf8).write(to: orders)
            let (carts, _) = try simulated(
                deployment.servers[0],
                without: "NEAR-8",
                ["--orders", orders.path],
            )
            #expect(carts["decisions"] as? Int == 2 && carts["changed"] as? Int == 1)
            let (before, after) = (carts["before"], carts["after"])
            #expect((before as? [String: Any])?["unplanned"] as? Int == 1)
            #expect((after as? [String: Any])?["cost_minor"] as? Int == 900 + 300 + 2 * 5)
        }

        @Test func `what if changes nothing, and tells what would change`() async throws {
            let (deployment, caller) = try await fresh([
                TestNode(name: "NEAR-7"), TestNode(name: "FAR-7", cost: 900),
            ])
            try await caller.receive([
                Units("S1", 900, at: "NEAR-7"), Units("S1", 900, at: "FAR-7"),
            ])
            for _ in 0..<40 {
                _ = try await caller.route(Holdfast_V1_RouteRequest([("S1", 2)], channel: "sim"))
            }
            // Workers that write by themselves are done by then.
            try await Task.sleep(for: .seconds(2))
            let state = try deployment.state()
            let page = FileManager.default.temporaryDirectory
                .appendingPathComponent("hf-page-\(UUID().uuidString).html").path
            defer { try? FileManager.default.removeItem(atPath: page) }
            let (summary, _) = try simulated(
                deployment.servers[0],
                without: "NEAR-7",
                ["--last", "30", "--channel", "sim", "--html", page],
            )
            #expect(try deployment.state() == state)
            #expect(summary["decisions"] as? Int == 30)
            #expect(summary["changed"] as? Int == 30)
            let before = summary["before"] as? [String: Any]
            let after = summary["after"] as? [String: Any]
            #expect(before?["cost_minor"] as? Int == 30 * 410)
            #expect(after?["cost_minor"] as? Int == 30 * 1_210)
            let byNode = summary["nodes"] as? [[String: Any]] ?? []
            #expect(byNode.map { $0["node"] as? String } == ["FAR-7", "NEAR-7"])
            #expect(byNode.map { $0["shipments_after"] as? Int } == [30, 0])
            let html = try String(contentsOfFile: page, encoding: .utf8)
            #expect(html.contains("<svg") && html.contains("NEAR-7") && !html.contains("<script"))
        }
    }
}
