// What `route` and `routed` need besides stock: a network of their own, and carts.

internal import Base
internal import Messages
internal import RPC
internal import SwiftProtobuf

enum BenchNetwork {
    /// The nodes of a run that have its stock.
    static func nodes(_ names: BenchNames, _ scenario: BenchScenario) -> [String] {
        guard scenario.nodes > 0 else { return [names.node] }
        return (0..<scenario.nodes).map { "\(names.node)-\($0 / 10)\($0 % 10)" }
    }

    /// A Route of one unit of each SKU that the marks stand for.
    static func cart(_ names: BenchNames, _ marks: [String]) -> Holdfast_V1_RouteRequest {
        var request = Holdfast_V1_RouteRequest()
        request.lines = marks.map { mark in
            var line = Holdfast_V1_CartLine()
            line.sku = "bench-\(names.run)-\(mark)"
            line.quantity = 1
            return line
        }
        request.destination.country = "GB"
        request.destination.postalCode = "SW1A 1AA"
        request.channel = names.channel
        request.plansMax = 1
        return request
    }

    static func routed(
        _ names: BenchNames,
        key: String,
        _ marks: [String],
        _ holdSeconds: Int64,
    ) -> Holdfast_V1_ReserveAndRouteRequest {
        var request = Holdfast_V1_ReserveAndRouteRequest()
        request.idempotencyKey = key
        request.cart = cart(names, marks)
        request.cart.plansMax = 0
        request.ttl.seconds = holdSeconds
        request.owner = names.owner
        return request
    }

    /// Adds the nodes of a run to the server's network, and waits until the server plans with them.
    static func lay(
        _ names: BenchNames,
        _ scenario: BenchScenario,
        _ client: RPCClient,
    ) async throws {
        // A network counts in one currency; one that has none yet is told which.
        let answer = try await client.unary(
            "/holdfast.v1.NetworkService/GetNetwork",
            try Holdfast_V1_GetNetworkRequest().serializedBytes(),
            timeoutMilliseconds: 30_000,
        )
        let network = try Holdfast_V1_GetNetworkResponse(serializedBytes: answer.message)
        var file = Holdfast_V1_DocumentFile()
        file.name = "bench.json"
        file.text = document(names, scenario, network.currency.isEmpty ? "GBP" : network.currency)
        var request = Holdfast_V1_ImportNetworkRequest()
        request.idempotencyKey = "bench-\(names.run)-network"
        request.files = [file]
        _ = try await client.unary(
            "/holdfast.v1.NetworkService/ImportNetwork",
            try request.serializedBytes(),
            timeoutMilliseconds: 30_000,
        )
        // A server takes up a change within a second.
        try await Task.sleep(for: .milliseconds(1_200))
    }

    /// Two services, and days that take a million orders and units each.
    private static func document(
        _ names: BenchNames,
        _ scenario: BenchScenario,
        _ currency: String,
    ) -> String {
        let nodes = nodes(names, scenario).enumerated()
            .map { place, node in
                """
                {"name": "\(node)", "kind": "DC", "latitude": 51.\(place), "longitude": 0,
                 "country": "GB", "time_zone": "UTC", "shipment_cost_minor": \(100 + place),
                 "calendar": [{"opens": "00:00", "closes": "24:00", "orders": 1000000,
                    "units": 1000000}],
                 "lanes": [{"service": "bench-road", "cutoff": "24:00"},
                    {"service": "bench-express", "cutoff": "24:00"}]}
                """
            }
        return """
            {"currency": "\(currency)",
             "services": [
               {"name": "bench-road", "carrier": "bench", "rates": [
                 {"to": "GB", "base_minor": 300, "unit_minor": 5, "transit_days": 2}]},
               {"name": "bench-express", "carrier": "bench", "rates": [
                 {"to": "GB", "base_minor": 700, "unit_minor": 5, "transit_days": 1}]}],
             "nodes": [\(nodes.joined(separator: ",\n"))]}
            """
    }
}
