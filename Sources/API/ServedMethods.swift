// Every method that the server has, for metrics; a test holds the list against the registries.

/// The methods of the API.
package enum ServedMethods {
    /// Paths of all methods, `/package.Service/Method`.
    package static let paths =
        paths(
            "holdfast.v1.InventoryService",
            [
                "Receive", "Adjust", "MoveState", "Transfer", "ReceiveTransfer", "SetSafetyStock",
                "SetIncoming", "GetAvailability", "WatchAvailability", "ListPositions",
                "ListLedger",
            ]
        )
        + paths(
            "holdfast.v1.ReservationService",
            [
                "Reserve", "ReserveStream", "ReserveAndRoute", "GetReservation", "Extend",
                "Confirm", "Release",
                "Change", "Transfer",
            ]
        )
        + paths(
            "holdfast.v1.OrderService",
            ["PlaceOrder", "GetOrder", "CancelOrder", "ShipOrder", "ListOrders"]
        )
        + paths(
            "holdfast.v1.CountService",
            ["ProposeCount", "GetCount", "ListCounts", "ApproveCount", "RejectCount"]
        )
        + paths(
            "holdfast.v1.LedgerService",
            [
                "GetLedgerHead", "VerifyLedger", "GetMoment", "ListPositionsAsOf",
                "ListReservationsAsOf",
            ]
        )
        + paths(
            "holdfast.v1.NetworkService",
            [
                "ImportNetwork", "GetNetwork", "ListNodes", "SetNodeStatus", "SetSlotCapacity",
                "ListSlots", "ListNetworkChanges",
            ]
        )
        + paths(
            "holdfast.v1.RuleService",
            [
                "PutRuleSet", "ValidateRuleSet", "GetRuleSet", "ListRuleSets", "AssignRuleSet",
                "ListRuleChanges",
            ]
        )
        + paths("holdfast.v1.OpsService", ["ListDrift", "ExplainDrift", "RepairDrift"])
        + paths(
            "holdfast.v1.RoutingService",
            ["Route", "ExplainRoute", "SimulateRoutes", "ListDecisions"]
        )
        + paths("grpc.health.v1.Health", ["Check", "Watch"])
        + paths("grpc.reflection.v1.ServerReflection", ["ServerReflectionInfo"])
        + paths("grpc.reflection.v1alpha.ServerReflection", ["ServerReflectionInfo"])

    private static func paths(_ service: String, _ methods: [String]) -> [String] {
        methods.map { "/\(service)/\($0)" }
    }
}
