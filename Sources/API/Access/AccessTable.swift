// Who may call what: one table for every method that is served or about to be. A method that is not in
// it is refused, so a new one cannot be open by an oversight; a test holds the table against the
// registries.

/// What each method asks of its caller.
package enum AccessTable {
    /// What one method asks of its caller.
    package enum Rule: Hashable, Sendable {
        /// Nothing, not even credentials.
        case anybody
        /// Credentials, whatever their roles.
        case anyCaller
        /// At least one of these roles.
        case roles(Roles)
    }

    /// The rule of each path, `/package.Service/Method`.
    package static let rules: [String: Rule] = {
        var rules: [String: Rule] = [:]
        for (service, rows) in table {
            for (method, rule) in rows { rules["/\(service)/\(method)"] = rule }
        }
        return rules
    }()

    private static let reading: Roles = [.caller, .support, .operator, .admin]
    /// Those who look at everything, and into the past.
    private static let auditing: Roles = [.support, .operator, .admin]
    private static let stockKeeping: Roles = [.operator, .admin]
    private static let watching: Roles = [.support, .operator, .admin]
    private static let holding: Roles = [.caller, .channel, .admin]

    private static let table: [String: [String: Rule]] = [
        "holdfast.v1.InventoryService": [
            "Receive": .roles(stockKeeping),
            "Adjust": .roles(stockKeeping),
            "MoveState": .roles(stockKeeping),
            "Transfer": .roles(stockKeeping),
            "ReceiveTransfer": .roles(stockKeeping),
            "SetSafetyStock": .roles(stockKeeping),
            "SetIncoming": .roles(stockKeeping),
            // A channel sees what it may promise. Positions and ledger tell of the other channels.
            "GetAvailability": .roles(reading.union(.channel)),
            "WatchAvailability": .roles(reading.union(.channel)),
            "ListPositions": .roles(reading),
            "ListLedger": .roles(reading),
        ],
        "holdfast.v1.ReservationService": [
            "Reserve": .roles(holding),
            "ReserveStream": .roles(holding),
            "ReserveAndRoute": .roles(holding),
            "GetReservation": .roles(reading.union(.channel)),
            "Extend": .roles(holding),
            "Confirm": .roles(holding),
            // Giving back what nobody will fetch is part of repairing.
            "Release": .roles(holding.union(.operator)),
            "Change": .roles(holding),
            "Transfer": .roles(holding),
        ],
        "holdfast.v1.OrderService": [
            "PlaceOrder": .roles([.channel, .admin]),
            "GetOrder": .roles(reading.union(.channel)),
            "CancelOrder": .roles([.channel, .operator, .admin]),
            "ShipOrder": .roles(stockKeeping),
            "ListOrders": .roles(reading.union(.channel)),
        ],
        "holdfast.v1.FulfilmentService": [
            "ListWork": .roles(auditing),
            "ListShipments": .roles(reading),
            "GetShipment": .roles(reading),
            "AcceptShipment": .roles(stockKeeping),
            "RejectShipment": .roles(stockKeeping),
            "PickShipment": .roles(stockKeeping),
            "PackShipment": .roles(stockKeeping),
            "ShipShipment": .roles(stockKeeping),
            "DeliverShipment": .roles(stockKeeping),
            "RerouteOrder": .roles(stockKeeping),
            "ListExceptions": .roles(auditing),
            "GetException": .roles(auditing),
            "ResolveException": .roles(stockKeeping),
            "RetryException": .roles(stockKeeping),
        ],
        "holdfast.v1.CountService": [
            // That somebody else approves than who proposed is for the service to see to.
            "ProposeCount": .roles(stockKeeping),
            "GetCount": .roles(auditing),
            "ListCounts": .roles(auditing),
            "ApproveCount": .roles(stockKeeping),
            "RejectCount": .roles(stockKeeping),
        ],
        "holdfast.v1.LedgerService": [
            "GetLedgerHead": .roles(auditing),
            "VerifyLedger": .roles(auditing),
            "GetMoment": .roles(auditing),
            "ListPositionsAsOf": .roles(auditing),
            "ListReservationsAsOf": .roles(auditing),
        ],
        "holdfast.v1.NetworkService": [
            "ImportNetwork": .roles(stockKeeping),
            "GetNetwork": .roles(auditing),
            "ListNodes": .roles(reading),
            "SetNodeStatus": .roles(stockKeeping),
            "SetSlotCapacity": .roles(stockKeeping),
            "ListSlots": .roles(reading),
            "ListNetworkChanges": .roles(auditing),
        ],
        "holdfast.v1.RuleService": [
            "PutRuleSet": .roles(stockKeeping),
            // Changes nothing, and tells names of nodes that are not there.
            "ValidateRuleSet": .roles(auditing),
            "GetRuleSet": .roles(auditing),
            "ListRuleSets": .roles(auditing),
            "AssignRuleSet": .roles(stockKeeping),
            "ListRuleChanges": .roles(auditing),
        ],
        "holdfast.v1.RoutingService": [
            "Route": .roles(reading.union(.channel)),
            "ExplainRoute": .roles(reading.union(.channel)),
            // Tells of all channels, and takes its time.
            "SimulateRoutes": .roles(auditing),
            "ListDecisions": .roles(reading.union(.channel)),
        ],
        "holdfast.v1.OpsService": [
            "ListDrift": .roles(watching),
            "ExplainDrift": .roles(watching),
            "RepairDrift": .roles(stockKeeping),
        ],
        // Load balancers ask without credentials, and learn no more than whether to send calls here.
        "grpc.health.v1.Health": ["Check": .anybody, "Watch": .anybody],
        "grpc.reflection.v1.ServerReflection": ["ServerReflectionInfo": .anyCaller],
        "grpc.reflection.v1alpha.ServerReflection": ["ServerReflectionInfo": .anyCaller],
    ]
}

extension AccessTable.Rule {
    /// Whether a caller with these roles may call.
    package func admits(_ roles: Roles) -> Bool {
        switch self {
        case .anybody, .anyCaller: true
        case .roles(let wanted): !wanted.isDisjoint(with: roles)
        }
    }

    /// Whether it is the role `channel` alone that lets a caller with these roles in: then the call
    /// is limited to the caller's own channel.
    package func isLimited(_ roles: Roles) -> Bool {
        switch self {
        case .anybody, .anyCaller: false
        case .roles(let wanted): wanted.intersection(roles) == .channel
        }
    }
}
