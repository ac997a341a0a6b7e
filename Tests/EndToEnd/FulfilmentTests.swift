// Fulfilment as nodes and people see it: the commands, the worker that finds other nodes, races, and a
// server that is killed between holding a new place and giving up the old one.

import Foundation
import Messages
import RPC
import TestServers
import Testing

@Suite(.serialized) struct FulfilmentTests {
    /// A deployment with stock, and the command line.
    struct Stage {
        let deployment: Deployment

        init(servers: Int = 1, settings: [String: String] = [:]) throws {
            deployment = try Deployment(servers: servers, settings: settings)
        }

        func run(_ arguments: String...) throws -> Ended { try run(arguments) }

        func run(_ arguments: [String]) throws -> Ended {
            try Binary.run(
                [Binary.path] + arguments
                    + ["--server", "127.0.0.1:\(deployment.server.grpcPort)"]
            )
        }

        func json(_ arguments: String...) throws -> [String: Any] {
            let ended = try run(arguments + ["--json"])
            guard ended.status == 0 else {
                throw HarnessFailure(description: "\(arguments): \(ended.errors)")
            }
            let object = try JSONSerialization.jsonObject(with: Data(ended.output.utf8))
            return object as? [String: Any] ?? [:]
        }

        /// Places an order; its id.
        func order(_ number: String, _ lines: String...) throws -> String {
            let ended = try run(
                ["order", "place"] + lines + [
                    "--channel", "web", "--external-id", number, "--currency", "GBP", "--json",
                ]
            )
            let object = try JSONSerialization.jsonObject(with: Data(ended.output.utf8))
            guard let id = (object as? [String: Any])?["id"] as? String else {
                throw HarnessFailure(description: ended.errors)
            }
            return id
        }

        func shipments(_ order: String) throws -> [[String: Any]] {
            try json("shipment", "list", order)["shipments"] as? [[String: Any]] ?? []
        }

        func exceptions(_ order: String) throws -> [[String: Any]] {
            try json("exceptions", "list", "--order", order)["exceptions"] as? [[String: Any]] ?? []
        }

        /// Waits until nothing of an order waits for another place.
        func settled(_ order: String) throws {
            try waitUntil(seconds: 20, "the re-route") {
                (try? deployment.number(
                    "SELECT count(*) FROM reroutes WHERE state = 1 AND order_key = '\(order)'"
                )) == 0
            }
        }

        func caller() async throws -> Caller { try await Caller(deployment.server) }
    }

    @Test func `a node works with the commands, and what it gives up goes elsewhere`() throws {
        let stage = try Stage()
        let stock = ["F1@N1=10", "F2@N1=10", "F1@N2=9", "F2@N3=9"]
        let stocked = try stage.run(["stock", "receive"] + stock)
        #expect(stocked.status == 0, "\(stocked.errors)")
        let order = try stage.order("F-1", "F1@N1=3:1.00", "F2@N1=2:1.00")
        let first = try #require(stage.shipments(order).first?["id"] as? String)
        #expect(try stage.run("work", "N1").output.contains(first))
        #expect(try stage.run("shipment", "pick", first).status == 3, "not accepted yet")
        #expect(try stage.run("shipment", "accept", first).output.contains("ACCEPTED"))
        #expect(try stage.run("shipment", "accept", first).status == 3)
        #expect(try stage.run("shipment", "accept", order).status == 4, "an order is no shipment")
        #expect(try stage.run("shipment", "accept", "nonsense").status == 2)

        // One of F1 is broken: it comes from N2. One of F2 is not there: from N3.
        let rejected = try stage.run("shipment", "reject", first, "1=1", "--reason", "DAMAGED")
        #expect(rejected.status == 0, "\(rejected.errors)")
        let picked = try stage.run("shipment", "pick", first, "1=2", "2=1")
        #expect(picked.output.contains("INCOMPLETE"), "\(picked)")
        try stage.settled(order)
        let shipments = try stage.shipments(order)
        #expect(Set(shipments.compactMap { $0["node"] as? String }) == ["N1", "N2", "N3"])
        #expect(try stage.run("shipment", "pack", first).output.contains("PACKED"))
        let shipped = try stage.run(
            "shipment",
            "ship",
            first,
            "--carrier",
            "DPD",
            "--tracking",
            "T-77"
        )
        #expect(shipped.output.contains("T-77"), "\(shipped)")
        #expect(try stage.run("shipment", "deliver", first).output.contains("DELIVERED"))
        #expect(!(try stage.run("work", "N1").output.contains(first)))
        for shipment in shipments.dropFirst() {
            let id = try #require(shipment["id"] as? String)
            for step in ["accept", "pick", "pack", "ship"] {
                #expect(try stage.run("shipment", step, id).status == 0)
            }
        }
        let shown = try stage.run("order", "show", order).output
        #expect(shown.contains("SHIPPED") && shown.contains("SHORT_PICKED"))
        #expect(shown.contains("REROUTED") && shown.contains("system:reroute"))
        let positions = try stage.json("stock", "show", "F2")["positions"] as? [[String: Any]]
        let control = positions?.first { $0["node"] as? String == "N1" }?["quality_control"]
        #expect("\(control ?? "")" == "1", "\(positions ?? [])")
        let open = try stage.exceptions(order)
        #expect(open.compactMap { $0["code"] as? String } == ["STOCK_SHORT_PICK"])
        let exception = try #require(open.first?["id"] as? String)
        #expect(try stage.run("exceptions", "retry", exception).status == 3, "that is for people")
        let resolved = try stage.run("exceptions", "resolve", exception, "--note", "counted")
        #expect(resolved.output.contains("RESOLVED"), "\(resolved)")
        #expect(try stage.run("exceptions", "resolve", exception, "--note", "x").status == 3)
        #expect(try stage.exceptions(order).isEmpty)
        try expectSound(stage.deployment, viewed: 4)
    }

    @Test func `units without a node wait for people, who can try again`() async throws {
        let stage = try Stage()
        #expect(try stage.run("stock", "receive", "G1@N1=5").status == 0)
        let order = try stage.order("G-1", "G1@N1=2:1.00")
        let shipment = try #require(stage.shipments(order).first?["id"] as? String)
        #expect(try stage.run("shipment", "reject", shipment, "--reason", "FLOOD").status == 0)
        try stage.settled(order)
        let open = try #require(stage.exceptions(order).first)
        #expect(open["code"] as? String == "ROUTE_EXHAUSTED")
        #expect(open["queue"] as? String == "routing")
        let id = try #require(open["id"] as? String)
        #expect(try stage.run("order", "show", order).output.contains("BACKORDERED"))
        let page = try await Page(stage.deployment.server, "/metrics")
        #expect(page.metric("holdfast_exceptions_open", "routing") == 1)
        #expect(page.metric("holdfast_exceptions_open", "stock") == 0)
        #expect(page.metric("holdfast_backordered_units_total") == 2)
        // Stock of the node that gave it up is no place for it.
        #expect(try stage.run("stock", "receive", "G1@N1=50").status == 0)
        let refused = try stage.run("exceptions", "retry", id)
        #expect(refused.status == 3, "\(refused)")
        #expect(try stage.run("stock", "receive", "G1@N2=2").status == 0)
        let found = try stage.run("exceptions", "retry", id)
        #expect(found.status == 0 && found.output.contains("RESOLVED"), "\(found)")
        #expect(try stage.shipments(order).last?["node"] as? String == "N2")
        #expect(try stage.run("exceptions", "show", id).output.contains("RETRIED"))

        // Somebody asks for another node, and there is none; the customer gives up.
        #expect(try stage.run("shipment", "reroute", order, "--note", "strike").status == 0)
        try stage.settled(order)
        #expect(try stage.exceptions(order).count == 1)
        #expect(try stage.run("order", "cancel", order).status == 0)
        #expect(try stage.exceptions(order).isEmpty, "nothing is left to see to")
        try expectSound(stage.deployment, viewed: 2)
    }

    @Test func `rejects and cancellations at the same time lose no unit`() async throws {
        let stage = try Stage(servers: 2)
        let callers = [
            try await Caller(stage.deployment.servers[0]),
            try await Caller(stage.deployment.servers[1]),
        ]
        for node in ["N1", "N2", "N3", "N4"] {
            try await callers[0].receive([Units("R1", 60, at: node), Units("R2", 60, at: node)])
        }
        for round in 0..<10 {
            let order = try await callers[0]
                .place(
                    [Units("R1", 2), Units("R2", 1, at: "N2"), Units("R1", 3, at: "N2")],
                    external: "R-\(round)"
                )
            let shipments = try await callers[0].shipments(of: order.id)
            #expect(shipments.map(\.node) == ["N1", "N2"])
            // Both nodes reject at once, each twice by two servers, while somebody cancels a unit.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, shipment) in shipments.enumerated() {
                    for caller in callers {
                        group.addTask {
                            try await caller.reject(shipment.id, key: "rj-\(round)-\(index)")
                        }
                    }
                }
                group.addTask {
                    let _: Holdfast_V1_Order = try await callers[1]
                        .cancel(
                            order.id,
                            lines: [(Int32(1 + round % 3), 1)]
                        )
                }
                try await group.waitForAll()
            }
            try stage.settled(order.id)
            let after = try await callers[1].shipments(of: order.id)
            let open = after.reduce(0) { $0 + $1.lines.reduce(0) { $0 + $1.open } }
            #expect(open == 5, "five of six units are to be worked on")
        }
        // A node may have got units before it gave the same SKU up, and never after.
        let flapped = try stage.deployment.number(
            """
            SELECT count(*) FROM shipments s JOIN shipment_lines l ON l.shipment = s.id
            JOIN positions p ON p.id = l.position
            JOIN route_exclusions e ON e.order_key = s.order_key AND e.node = s.node
                AND e.sku = p.sku AND e.at < s.created_at
            """
        )
        #expect(flapped == 0)
        try expectSound(stage.deployment, viewed: 8)
    }

    @Test func `a server killed in the middle of a re-route leaves it to the next`() async throws {
        let stage = try Stage()
        let deployment = stage.deployment
        let caller = try await stage.caller()
        try await caller.receive([Units("K1", 5), Units("K1", 5, at: "N2")])
        let order = try await caller.place([Units("K1", 3)], external: "K-1")
        let shipment = try #require(try await caller.shipments(of: order.id).first)
        // Somebody has the old position locked: the new place can be held, and not swapped in.
        let lock = try Program([
            "psql", deployment.conninfo, "-X", "-q", "-c",
            "BEGIN; SELECT FROM positions WHERE sku = 'K1' AND node = 'N1' FOR UPDATE; "
                + "SELECT 'locked'; SELECT pg_sleep(120)",
        ])
        try waitUntil(seconds: 10, "the lock") {
            (try? deployment.number(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(120)%' "
                    + "AND wait_event = 'PgSleep'"
            )) ?? 0 > 0
        }
        try await caller.reject(shipment.id, key: "rj")
        let held =
            "SELECT count(*) FROM reservations WHERE principal = 'system:reroute' AND state = 1"
        try waitUntil(seconds: 10, "the hold of the new place") {
            (try? deployment.number(held)) == 1
        }
        deployment.server.kill()
        // What it had sent and was not begun must not be carried out after its death.
        try deployment.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                + "WHERE application_name LIKE 'holdfast s0%' AND datname = current_database()"
        )
        lock.send(SIGKILL)
        try deployment.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                + "WHERE query LIKE '%pg_sleep(120)%' AND pid <> pg_backend_pid()"
        )
        #expect(try deployment.number(held) == 1, "it died with the new place held")
        #expect(try deployment.number("SELECT sum(leaving) FROM shipment_lines") == 3)
        try deployment.server.start()
        try stage.settled(order.id)
        let again = try await stage.caller()
        let after = try await again.shipments(of: order.id)
        #expect(after.map(\.node) == ["N1", "N2"])
        #expect(after[1].lines.map(\.open) == [3])
        #expect(
            try deployment.number(
                "SELECT count(*) FROM reservations WHERE principal = 'system:reroute'"
            ) == 1,
            "the hold of the dead server was used, not a second one"
        )
        #expect(try await again.position("K1").available == 5)
        #expect(try await again.position("K1", at: "N2").available == 2)
        try expectSound(deployment, viewed: 2)
    }
}

extension Path {
    fileprivate static func fulfilment(_ method: String) -> String {
        "/holdfast.v1.FulfilmentService/\(method)"
    }
}

extension Caller {
    fileprivate func place(
        _ units: [Units],
        external: String,
    ) async throws -> Holdfast_V1_Order {
        var request = Holdfast_V1_PlaceOrderRequest()
        request.idempotencyKey = "place-\(external)"
        request.channel = "web"
        request.externalID = external
        request.currency = "GBP"
        request.lines = units.map { units in
            var line = Holdfast_V1_PlaceOrderLine()
            line.sku = units.sku
            line.node = units.node
            line.quantity = units.quantity
            return line
        }
        return try await call(Path.order("PlaceOrder"), request)
    }

    fileprivate func cancel(
        _ order: String,
        lines: [(Int32, Int64)],
    ) async throws -> Holdfast_V1_Order {
        var request = Holdfast_V1_CancelOrderRequest()
        request.id = order
        request.idempotencyKey = Caller.newKey("cancel")
        request.lines = lines.map { number, quantity in
            var line = Holdfast_V1_OrderLineQuantity()
            line.number = number
            line.quantity = quantity
            return line
        }
        return try await patiently(Path.order("CancelOrder"), request)
    }

    fileprivate func shipments(of order: String) async throws -> [Holdfast_V1_Shipment] {
        var request = Holdfast_V1_ListShipmentsRequest()
        request.orderID = order
        let answer: Holdfast_V1_ListShipmentsResponse =
            try await call(Path.fulfilment("ListShipments"), request)
        return answer.shipments
    }

    @discardableResult
    fileprivate func reject(_ shipment: String, key: String) async throws -> Holdfast_V1_Shipment {
        var request = Holdfast_V1_RejectShipmentRequest()
        request.id = shipment
        request.idempotencyKey = key
        request.reason = "NO_STAFF"
        return try await patiently(Path.fulfilment("RejectShipment"), request)
    }
}
