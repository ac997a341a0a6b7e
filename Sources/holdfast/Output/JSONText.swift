// JSON for scripts: the names of the .proto files, numbers as numbers, zeros written out, members in
// alphabetical order. One object per command, always.

internal import Base
internal import Foundation
internal import SwiftProtobuf

/// Makes JSON text.
enum JSONText {
    /// Encodes a value of ours, names in snake_case.
    static func encoded(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            invariantBroken("a value of ours cannot be JSON: \(error)")
        }
    }

    /// Encodes an answer of the server.
    ///
    /// The standard mapping leaves zeros out, and a script that asks for `available` of a sold-out
    /// position would get null; they are put back here.
    ///
    /// - Parameter key: the idempotency key that the request was made with, if it had one.
    static func encoded(
        _ message: some Message,
        key: String? = nil,
    ) throws -> String {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        options.alwaysPrintInt64sAsNumbers = true
        let bytes: [UInt8] = try message.jsonUTF8Bytes(options: options)
        guard
            var object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        else { throw CommandError(.failed, "the answer is no JSON object") }
        restoreZeros(in: &object, of: type(of: message).protoMessageName)
        if let key { object["idempotency_key"] = key }
        let data = try JSONSerialization.data(
            withJSONObject: object,
            options: [.sortedKeys, .withoutEscapingSlashes],
        )
        return String(decoding: data, as: UTF8.self)
    }

    // MARK: Zeros

    /// The numbers of a message that a script may ask for although they are zero.
    private static let numbers: [String: [String]] = [
        "Position": [
            "on_hand", "reserved", "allocated", "safety", "damaged", "quality_control",
            "in_transit", "available", "version",
        ],
        "Availability": ["available", "available_by"],
        "NodeAvailability": ["available", "incoming"],
        "WatchedAvailability": ["index"],
        "ReservationLine": ["quantity", "held", "confirmed"],
        "Order": ["total_minor"],
        "StockCount": ["counted", "expected", "difference", "applied", "short_units"],
        "ShortHold": ["quantity", "short"],
        "CountEvent": ["applied", "version"],
        "LedgerHead": ["seal", "batch", "unsealed_rows"],
        "OrderLine": ["unit_price_minor", "ordered", "allocated", "shipped", "cancelled"],
        "LedgerEntry": [
            "version", "step", "on_hand_delta", "reserved_delta", "allocated_delta",
            "safety_delta", "damaged_delta", "quality_control_delta", "in_transit_delta",
            "available_after",
        ],
        "PositionDrift": [
            "view_free", "view_version", "free", "version", "lag_versions", "lag_ms", "in_flight",
            "in_flight_ms", "drift",
        ],
        "DriftFinding": ["units", "since_version", "since_batch", "clean_version"],
        "DriftEvent": ["units", "version", "clean_version"],
        "ListDriftResponse": ["audited", "total", "drifting"],
        "CapacityLine": ["slot_window", "quantity", "held", "confirmed"],
        "CartLine": ["quantity", "weight_grams"],
        "RoutePoint": ["latitude_e6", "longitude_e6"],
        "RouteBasis": ["bound", "gap", "network_version"],
        "RoutePlan": ["score"],
        "PlannedShipment": ["slot_window"],
        "ShippedLine": ["line", "quantity"],
        "RouteAmounts": [
            "cost_minor", "handling_minor", "carriage_minor", "distance_km", "shipments",
            "promise_days", "load_permille", "priority", "scarce_units",
        ],
        "ScorePart": ["amount", "weight", "points"],
        "RouteExplanation": ["scarce_below", "shipments_max", "explored"],
        "RouteOffer": ["slot_window"],
        "SimulateRoutesResponse": ["done", "total"],
        "SimulationSummary": ["decisions", "changed"],
        "SimulationSums": [
            "planned", "unplanned", "cost_minor", "shipments", "splits", "promise_days",
            "distance_km", "score",
        ],
        "NodeComparison": [
            "shipments_before", "shipments_after", "units_before", "units_after",
            "cost_minor_before", "cost_minor_after",
        ],
        "PromiseCount": ["days", "before", "after"],
        "ExplainDriftResponse": ["ledger_free", "beyond_delta", "pending_units"],
    ]

    /// The lists of a message, with the message that each holds.
    private static let lists: [String: [String: String]] = [
        "StockAnswer": ["positions": "Position"],
        "TransferAnswer": ["positions": "Position"],
        "ListPositionsResponse": ["positions": "Position"],
        "ListLedgerResponse": ["entries": "LedgerEntry"],
        "ListOrdersResponse": ["orders": "Order"],
        "GetAvailabilityResponse": ["items": "Availability"],
        "WatchAvailabilityResponse": ["items": "WatchedAvailability"],
        "Availability": ["nodes": "NodeAvailability"],
        "Reservation": ["lines": "ReservationLine", "capacity": "CapacityLine"],
        "RouteRequest": ["lines": "CartLine"],
        "RouteResponse": ["runner_ups": "RoutePlan"],
        "RoutePlan": ["shipments": "PlannedShipment", "parts": "ScorePart"],
        "PlannedShipment": ["lines": "ShippedLine"],
        "RouteExplanation": [
            "weights": "ScorePart", "plans": "RoutePlan", "nodes": "NodeExplanation",
        ],
        "NodeExplanation": ["offers": "RouteOffer", "lost_by": "ScorePart"],
        "RouteOffer": ["per_unit": "RouteAmounts"],
        "RouteDecision": ["lines": "CartLine"],
        "ListDecisionsResponse": ["decisions": "RouteDecision"],
        "SimulateRoutesResponse": ["differences": "RouteDifference"],
        "SimulationSummary": ["nodes": "NodeComparison", "promises": "PromiseCount"],
        "Order": ["lines": "OrderLine"],
        "StockCount": ["short_holds": "ShortHold", "history": "CountEvent"],
        "ListCountsResponse": ["counts": "StockCount"],
        "PositionDrift": ["findings": "DriftFinding"],
        "ListDriftResponse": ["positions": "PositionDrift"],
        "ExplainDriftResponse": ["entries": "LedgerEntry", "events": "DriftEvent"],
    ]

    /// The messages within a message.
    private static let members: [String: [String: String]] = [
        "WatchedAvailability": ["availability": "Availability"],
        "RoutedReservation": [
            "reservation": "Reservation", "plan": "RoutePlan", "basis": "RouteBasis",
        ],
        "RouteResponse": ["plan": "RoutePlan", "basis": "RouteBasis"],
        "RoutePlan": ["amounts": "RouteAmounts"],
        "PlannedShipment": ["amounts": "RouteAmounts"],
        "RouteExplanation": ["decision": "RouteDecision", "question": "RouteRequest"],
        "NodeExplanation": ["best_plan": "RoutePlan"],
        "RouteOffer": ["per_shipment": "RouteAmounts"],
        "RouteDecision": [
            "plan": "RoutePlan", "basis": "RouteBasis", "destination": "RouteDestination",
        ],
        "RouteDestination": ["point": "RoutePoint"],
        "RouteDifference": ["before": "RoutePlan", "after": "RoutePlan"],
        "SimulateRoutesResponse": ["summary": "SimulationSummary"],
        "SimulationSummary": ["before": "SimulationSums", "after": "SimulationSums"],
        "NodeAvailability": ["position": "Position"],
        "StockCount": ["position": "Position"],
        "DriftFinding": ["entry": "LedgerEntry"],
        "ExplainDriftResponse": ["position": "PositionDrift"],
        "RepairDriftResponse": ["before": "PositionDrift", "after": "PositionDrift"],
    ]

    private static func restoreZeros(in object: inout [String: Any], of fullName: String) {
        let name = fullName.split(separator: ".").last.map(String.init) ?? fullName
        for number in numbers[name] ?? [] where object[number] == nil { object[number] = 0 }
        for (member, element) in members[name] ?? [:] {
            guard var inner = object[member] as? [String: Any] else { continue }
            restoreZeros(in: &inner, of: element)
            object[member] = inner
        }
        for (list, element) in lists[name] ?? [:] {
            let old = object[list] as? [[String: Any]] ?? []
            object[list] = old.map { old in
                var new = old
                restoreZeros(in: &new, of: element)
                return new
            }
        }
    }
}
