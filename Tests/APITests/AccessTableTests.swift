// Who may call what, row by row: the table that the server uses against one that was written down for
// people.

import API
import Testing

@Suite struct AccessTableTests {
    /// One row per method; `+` may call, `-` may not.
    private static let expected = """
                                        caller channel support operator admin
        InventoryService/Receive             -       -       -        +     +
        InventoryService/Adjust              -       -       -        +     +
        InventoryService/MoveState           -       -       -        +     +
        InventoryService/Transfer            -       -       -        +     +
        InventoryService/ReceiveTransfer     -       -       -        +     +
        InventoryService/SetSafetyStock      -       -       -        +     +
        InventoryService/SetIncoming         -       -       -        +     +
        InventoryService/GetAvailability     +       +       +        +     +
        InventoryService/WatchAvailability   +       +       +        +     +
        InventoryService/ListPositions       +       -       +        +     +
        InventoryService/ListLedger          +       -       +        +     +
        ReservationService/Reserve           +       +       -        -     +
        ReservationService/ReserveStream     +       +       -        -     +
        ReservationService/ReserveAndRoute   +       +       -        -     +
        ReservationService/GetReservation    +       +       +        +     +
        ReservationService/Extend            +       +       -        -     +
        ReservationService/Confirm           +       +       -        -     +
        ReservationService/Release           +       +       -        +     +
        ReservationService/Change            +       +       -        -     +
        ReservationService/Transfer          +       +       -        -     +
        OrderService/PlaceOrder              -       +       -        -     +
        OrderService/GetOrder                +       +       +        +     +
        OrderService/CancelOrder             -       +       -        +     +
        OrderService/ShipOrder               -       -       -        +     +
        OrderService/ListOrders              +       +       +        +     +
        FulfilmentService/ListWork           -       -       +        +     +
        FulfilmentService/ListShipments      +       -       +        +     +
        FulfilmentService/GetShipment        +       -       +        +     +
        FulfilmentService/AcceptShipment     -       -       -        +     +
        FulfilmentService/RejectShipment     -       -       -        +     +
        FulfilmentService/PickShipment       -       -       -        +     +
        FulfilmentService/PackShipment       -       -       -        +     +
        FulfilmentService/ShipShipment       -       -       -        +     +
        FulfilmentService/DeliverShipment    -       -       -        +     +
        FulfilmentService/RerouteOrder       -       -       -        +     +
        FulfilmentService/ListExceptions     -       -       +        +     +
        FulfilmentService/GetException       -       -       +        +     +
        FulfilmentService/ResolveException   -       -       -        +     +
        FulfilmentService/RetryException     -       -       -        +     +
        CountService/ProposeCount            -       -       -        +     +
        CountService/GetCount                -       -       +        +     +
        CountService/ListCounts              -       -       +        +     +
        CountService/ApproveCount            -       -       -        +     +
        CountService/RejectCount             -       -       -        +     +
        LedgerService/GetLedgerHead          -       -       +        +     +
        LedgerService/VerifyLedger           -       -       +        +     +
        LedgerService/GetMoment              -       -       +        +     +
        LedgerService/ListPositionsAsOf      -       -       +        +     +
        LedgerService/ListReservationsAsOf   -       -       +        +     +
        NetworkService/ImportNetwork         -       -       -        +     +
        NetworkService/GetNetwork            -       -       +        +     +
        NetworkService/ListNodes             +       -       +        +     +
        NetworkService/SetNodeStatus         -       -       -        +     +
        NetworkService/SetSlotCapacity       -       -       -        +     +
        NetworkService/ListSlots             +       -       +        +     +
        NetworkService/ListNetworkChanges    -       -       +        +     +
        RoutingService/Route                 +       +       +        +     +
        RoutingService/ExplainRoute          +       +       +        +     +
        RoutingService/SimulateRoutes        -       -       +        +     +
        RoutingService/ListDecisions         +       +       +        +     +
        RuleService/PutRuleSet               -       -       -        +     +
        RuleService/ValidateRuleSet          -       -       +        +     +
        RuleService/GetRuleSet               -       -       +        +     +
        RuleService/ListRuleSets             -       -       +        +     +
        RuleService/AssignRuleSet            -       -       -        +     +
        RuleService/ListRuleChanges          -       -       +        +     +
        OpsService/ListDrift                 -       -       +        +     +
        OpsService/ExplainDrift              -       -       +        +     +
        OpsService/RepairDrift               -       -       -        +     +
        """

    private static let rows: [(path: String, marks: [Substring])] = expected.split(separator: "\n")
        .dropFirst()
        .map { line in
            let words = line.split(separator: " ")
            return ("/holdfast.v1.\(words[0])", Array(words.dropFirst()))
        }

    @Test func `every method answers every role as it is written`() throws {
        let roles = try #require(Self.expected.split(separator: "\n").first).split(separator: " ")
        #expect(roles.map(String.init) == Role.allCases.map(\.rawValue))
        for (path, marks) in Self.rows {
            let rule = try #require(AccessTable.rules[path], "\(path)")
            for (role, mark) in zip(Role.allCases, marks) {
                #expect(rule.admits(role.alone) == (mark == "+"), "\(role) \(path)")
            }
            #expect(!rule.admits([]), "\(path)")
        }
    }

    @Test func `no method is missing, and none stands there that is not known`() {
        let written = Set(Self.rows.map(\.path))
        let ours = AccessTable.rules.keys.filter { $0.hasPrefix("/holdfast.") }
        #expect(Set(ours) == written)
        let served = Set(ServedMethods.paths)
        #expect(served.subtracting(AccessTable.rules.keys) == [])
        #expect(Set(AccessTable.rules.keys).subtracting(served) == [])
    }

    @Test func `health is for anybody and reflection for every caller`() {
        for method in ["Check", "Watch"] {
            #expect(AccessTable.rules["/grpc.health.v1.Health/\(method)"] == .anybody)
        }
        for version in ["v1", "v1alpha"] {
            let path = "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo"
            #expect(AccessTable.rules[path] == .anyCaller)
        }
    }

    @Test func `roles add up, for every set of them`() {
        for bits in 0..<UInt32(32) {
            let roles = Roles(rawValue: bits)
            for (path, rule) in AccessTable.rules where path.hasPrefix("/holdfast.") {
                let single = roles.list.contains { rule.admits($0.alone) }
                #expect(rule.admits(roles) == single, "\(roles.list) \(path)")
                // Limited to a channel is who would not be let in without that role.
                let without = rule.admits(roles.subtracting(.channel))
                #expect(rule.isLimited(roles) == (single && !without), "\(roles.list) \(path)")
            }
        }
    }
}
