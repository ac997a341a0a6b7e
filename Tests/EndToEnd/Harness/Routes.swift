// Networks, carts and calls of routing, short, with everything that does not matter left out.

import Foundation
import Messages
import RPC

/// A node of a test's network: open around the clock.
struct TestNode {
    var name: String
    var cost = 100
    /// Orders and units of each day; nil: as many as come.
    var orders: Int?
    var units: Int?
    var kind = "DC"
    var longitude = 0.0

    var document: String {
        var window = #""opens": "00:00", "closes": "24:00""#
        if let orders { window += #", "orders": \#(orders)"# }
        if let units { window += #", "units": \#(units)"# }
        return """
            {"name": "\(name)", "kind": "\(kind)", "latitude": 51.5, "longitude": \(longitude),
             "country": "GB", "time_zone": "UTC", "shipment_cost_minor": \(cost),
             "abilities": ["SHIP", "PICK_UP"],
             "calendar": [{\(window)}], "lanes": [{"service": "road", "cutoff": "24:00"}]}
            """
    }
}

/// The document of a network whose one service needs `transitDays`.
func networkDocument(_ nodes: [TestNode], transitDays: Int = 1) -> String {
    """
    {"currency": "GBP",
     "services": [{"name": "road", "carrier": "Northway", "rates": [
        {"to": "GB", "base_minor": 300, "unit_minor": 5, "transit_days": \(transitDays)}]}],
     "places": [{"country": "GB", "postal_prefix": "SW", "latitude": 51.5, "longitude": 0}],
     "nodes": [\(nodes.map(\.document).joined(separator: ", "))]}
    """
}

extension Path {
    static func routing(_ method: String) -> String { "/holdfast.v1.RoutingService/\(method)" }
}

extension Holdfast_V1_RouteRequest {
    /// Units of SKUs, to London.
    init(_ lines: [(String, Int64)], channel: String = "") {
        self.init()
        self.lines = lines.map { sku, quantity in
            var line = Holdfast_V1_CartLine()
            line.sku = sku
            line.quantity = quantity
            return line
        }
        destination.country = "GB"
        destination.postalCode = "SW1A 1AA"
        self.channel = channel
    }
}

extension Caller {
    /// Puts a network, and waits until every server plans on it.
    func putNetwork(_ nodes: [TestNode], transitDays: Int = 1) async throws {
        var file = Holdfast_V1_DocumentFile()
        file.name = "network.json"
        file.text = networkDocument(nodes, transitDays: transitDays)
        var request = Holdfast_V1_ImportNetworkRequest()
        request.idempotencyKey = Caller.newKey("network")
        request.files = [file]
        request.prune = true
        let _: Holdfast_V1_ImportNetworkResponse =
            try await call("/holdfast.v1.NetworkService/ImportNetwork", request)
        try await Task.sleep(for: .milliseconds(1_100))
    }

    func setStatus(_ node: String, _ status: Holdfast_V1_NodeStatus) async throws {
        var request = Holdfast_V1_SetNodeStatusRequest()
        request.idempotencyKey = Caller.newKey("status")
        request.node = node
        request.status = status
        let _: Holdfast_V1_NetworkChanged =
            try await call("/holdfast.v1.NetworkService/SetNodeStatus", request)
        try await Task.sleep(for: .milliseconds(1_100))
    }

    /// Puts the next version of a rule set, and lets a channel use it.
    func putRules(_ document: String, name: String, channel: String) async throws {
        var put = Holdfast_V1_PutRuleSetRequest()
        put.idempotencyKey = Caller.newKey("rules")
        put.file.name = "rules.json"
        put.file.text = document
        let _: Holdfast_V1_PutRuleSetResponse =
            try await call("/holdfast.v1.RuleService/PutRuleSet", put)
        var assign = Holdfast_V1_AssignRuleSetRequest()
        assign.idempotencyKey = Caller.newKey("assign")
        assign.channel = channel
        assign.name = name
        let _: Holdfast_V1_AssignRuleSetResponse =
            try await call("/holdfast.v1.RuleService/AssignRuleSet", assign)
        try await Task.sleep(for: .milliseconds(1_100))
    }

    func route(_ request: Holdfast_V1_RouteRequest) async throws -> Holdfast_V1_RouteResponse {
        try await call(Path.routing("Route"), request)
    }

    func explain(_ id: String) async throws -> Holdfast_V1_RouteExplanation {
        var request = Holdfast_V1_ExplainRouteRequest()
        request.decisionID = id
        return try await call(Path.routing("ExplainRoute"), request)
    }

    func reserveAndRoute(
        _ lines: [(String, Int64)],
        key: String = Caller.newKey("routed"),
        channel: String = "",
    ) async throws -> Holdfast_V1_RoutedReservation {
        try await call(
            Path.reservation("ReserveAndRoute"),
            routed(lines, key: key, channel: channel),
        )
    }
}

extension Status {
    /// The stored decision that explains a refusal.
    var decision: String? {
        for case .errorInfo(_, _, let metadata) in details {
            if let id = metadata["decision_id"] { return id }
        }
        return nil
    }
}

/// A request to route and hold.
func routed(
    _ lines: [(String, Int64)],
    key: String,
    channel: String = "",
) -> Holdfast_V1_ReserveAndRouteRequest {
    var request = Holdfast_V1_ReserveAndRouteRequest()
    request.idempotencyKey = key
    request.cart = Holdfast_V1_RouteRequest(lines, channel: channel)
    request.ttl = .milliseconds(600_000)
    request.owner = "cart"
    return request
}

/// The nodes of a plan with the units of each.
func nodes(_ plan: Holdfast_V1_RoutePlan) -> [String: Int64] {
    Dictionary(
        uniqueKeysWithValues: plan.shipments.map { shipment in
            (shipment.node, shipment.lines.reduce(0) { $0 + $1.quantity })
        }
    )
}

extension Deployment {
    /// Everything that is stored: a digest of every table, and all of Redis.
    func state() throws -> String {
        let tables = try sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        )
        var parts: [String] = []
        for table in tables.split(separator: "\n") {
            let digest = try sql(
                "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text)))"
                    + " FROM \(table) t"
            )
            parts.append("\(table) \(digest)")
        }
        for key in try redisCommand("KEYS", "*").split(separator: "\n").sorted() {
            let digest = try redisCommand("DEBUG", "DIGEST-VALUE", String(key))
            parts.append("\(key) \(digest)")
        }
        return parts.joined(separator: "\n")
    }
}
