// Orders that were routed: their shipments are those of the decision, what a node gives up goes by the
// router, with the capacity that it needs, and a node that is closed loses its open work.

import Foundation
import Messages
import RPC
import TestServers
import Testing

@Suite(.serialized) struct RoutedFulfilmentTests {
    @Test func `a routed order moves with its capacity, and a closed node loses its work`()
        async throws
    {
        let deployment = try Deployment()
        func run(_ arguments: String...) throws -> Ended {
            let server = ["--server", "127.0.0.1:\(deployment.server.grpcPort)"]
            return try Binary.run([Binary.path] + arguments + server)
        }
        func taken(_ node: String) throws -> String {
            try deployment.sql(
                "SELECT coalesce(sum(allocated) FILTER (WHERE sku LIKE '@orders/%'), 0), "
                    + "coalesce(sum(allocated) FILTER (WHERE sku LIKE '@units/%'), 0) "
                    + "FROM positions WHERE node = '\(node)'"
            )
        }
        let imported = try run("node", "import", "\(Binary.project)/ops/demo/network.json")
        #expect(imported.status == 0, "\(imported.errors)")
        // A change counts everywhere within a second.
        try await Task.sleep(for: .milliseconds(1_100))
        let caller = try await Caller(deployment.server)
        let nodes = ["LDN-DC", "MAN-STORE", "RTD-DC", "BER-3PL"]
        try await caller.receive(nodes.map { Units("W1", 9, at: $0) })

        var request = routed([("W1", 3)], key: "cart", channel: "web")
        request.cart.destination.postalCode = "M1 1AA"
        let held: Holdfast_V1_RoutedReservation =
            try await caller.patiently(Path.reservation("ReserveAndRoute"), request)
        let plan = try #require(held.plan.shipments.first)

        let order = try await place(held.reservation, caller)
        let first = try #require(try await shipments(order.id, caller).first)
        #expect(first.node == plan.node && first.service == plan.service)
        #expect(first.slotDay == plan.slotDay && first.promiseDay == held.plan.arrives)
        #expect(first.status == .scheduled && first.lines.map(\.open) == [3])
        if !first.capacity.isEmpty { #expect(try taken(first.node) == "1|3") }

        let rejected = try run("shipment", "reject", first.id, "--reason", "NO_STAFF")
        #expect(rejected.status == 0, "\(rejected.errors)")
        let second = try #require(try await moved(order.id, 2, deployment, caller))
        #expect(second.node != first.node && !second.service.isEmpty)
        #expect(!second.promiseDay.isEmpty)
        #expect(try taken(first.node) == "0|0")
        if !second.capacity.isEmpty { #expect(try taken(second.node) == "1|3") }

        let closed = try run("node", "close", second.node)
        #expect(closed.status == 0, "\(closed.errors)")
        let third = try #require(try await moved(order.id, 3, deployment, caller))
        #expect(![first.node, second.node].contains(third.node))
        #expect(try taken(second.node) == "0|0")
        let shown = try run("order", "show", order.id).output
        #expect(shown.contains("WITHDRAWN") && shown.contains("REROUTED"))
        try expectSound(deployment)
    }

    /// Places an order of all that a reservation holds.
    private func place(
        _ held: Holdfast_V1_Reservation,
        _ caller: Caller,
    ) async throws -> Holdfast_V1_Order {
        var request = Holdfast_V1_PlaceOrderRequest()
        request.idempotencyKey = "order"
        request.channel = "web"
        request.externalID = "W-1"
        request.currency = "GBP"
        request.reservationID = held.id
        request.lines = held.lines.map { held in
            var line = Holdfast_V1_PlaceOrderLine()
            line.sku = held.sku
            line.node = held.node
            line.quantity = held.quantity
            return line
        }
        return try await caller.call(Path.order("PlaceOrder"), request)
    }

    private func shipments(
        _ order: String,
        _ caller: Caller,
    ) async throws -> [Holdfast_V1_Shipment] {
        var request = Holdfast_V1_ListShipmentsRequest()
        request.orderID = order
        let answer: Holdfast_V1_ListShipmentsResponse =
            try await caller.call("/holdfast.v1.FulfilmentService/ListShipments", request)
        return answer.shipments
    }

    /// Waits for an order's shipment of that number, and until nothing of it waits for another place.
    private func moved(
        _ order: String,
        _ number: Int,
        _ deployment: Deployment,
        _ caller: Caller,
    ) async throws -> Holdfast_V1_Shipment? {
        try waitUntil(seconds: 20, "shipment \(number)") {
            (try? deployment.number(
                "SELECT count(*) FROM shipments WHERE order_key = '\(order)'"
            )) == number
                && (try? deployment.number("SELECT count(*) FROM reroutes WHERE state = 1")) == 0
        }
        return try await shipments(order, caller).last
    }
}
