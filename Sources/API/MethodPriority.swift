// What goes first when more arrives than can be served: what ends work before what begins some, and
// both before what only looks. One table; a test holds it against the methods that are served.

package import RPC

/// The priority of each method.
package enum MethodPriority {
    /// Of the method at `path`, `/package.Service/Method`.
    package static func of(_ path: String) -> CallPriority {
        priorities[path] ?? .normal
    }

    /// Methods that the table names.
    package static var paths: Set<String> { Set(priorities.keys) }

    private static let priorities: [String: CallPriority] = {
        var priorities: [String: CallPriority] = [:]
        for (priority, services) in table {
            for (service, methods) in services {
                for method in methods { priorities["/\(service)/\(method)"] = priority }
            }
        }
        return priorities
    }()

    private static let table: [CallPriority: [String: [String]]] = [
        .high: [
            "holdfast.v1.ReservationService": ["Confirm", "Release", "Extend", "Transfer"],
            "holdfast.v1.OrderService": ["CancelOrder", "ShipOrder"],
            "holdfast.v1.FulfilmentService": [
                "AcceptShipment", "RejectShipment", "PickShipment", "PackShipment", "ShipShipment",
                "DeliverShipment",
            ],
            // Stock that is there and not known is stock that cannot be promised.
            "holdfast.v1.InventoryService": ["Receive", "ReceiveTransfer"],
        ],
        .normal: [
            "holdfast.v1.ReservationService": [
                "Reserve", "ReserveStream", "ReserveAndRoute", "Change",
            ],
            "holdfast.v1.RoutingService": ["Route"],
            "holdfast.v1.OrderService": ["PlaceOrder"],
            "holdfast.v1.InventoryService": [
                "Adjust", "MoveState", "Transfer", "SetSafetyStock", "SetIncoming",
            ],
            "holdfast.v1.FulfilmentService": [
                "RerouteOrder", "ResolveException", "RetryException",
            ],
            "holdfast.v1.CountService": ["ProposeCount", "ApproveCount", "RejectCount"],
            "holdfast.v1.NetworkService": ["ImportNetwork", "SetNodeStatus", "SetSlotCapacity"],
            "holdfast.v1.RuleService": ["PutRuleSet", "AssignRuleSet"],
            "holdfast.v1.OpsService": ["RepairDrift"],
        ],
        .low: [
            "holdfast.v1.ReservationService": ["GetReservation"],
            "holdfast.v1.OrderService": ["GetOrder", "ListOrders"],
            "holdfast.v1.InventoryService": [
                "GetAvailability", "WatchAvailability", "ListPositions", "ListLedger",
            ],
            "holdfast.v1.FulfilmentService": [
                "ListWork", "ListShipments", "GetShipment", "ListExceptions", "GetException",
            ],
            "holdfast.v1.CountService": ["GetCount", "ListCounts"],
            "holdfast.v1.LedgerService": [
                "GetLedgerHead", "VerifyLedger", "GetMoment", "ListPositionsAsOf",
                "ListReservationsAsOf",
            ],
            "holdfast.v1.NetworkService": [
                "GetNetwork", "ListNodes", "ListSlots", "ListNetworkChanges",
            ],
            "holdfast.v1.RuleService": [
                "ValidateRuleSet", "GetRuleSet", "ListRuleSets", "ListRuleChanges",
            ],
            "holdfast.v1.OpsService": ["ListDrift", "ExplainDrift"],
            "holdfast.v1.RoutingService": ["ExplainRoute", "SimulateRoutes", "ListDecisions"],
        ],
        .exempt: [
            "grpc.health.v1.Health": ["Check", "Watch"],
            "grpc.reflection.v1.ServerReflection": ["ServerReflectionInfo"],
            "grpc.reflection.v1alpha.ServerReflection": ["ServerReflectionInfo"],
        ],
    ]
}
