// The stored form of a decision: what is written can be read, and what was cut or changed cannot.

import Base
import Domain
import Promising
import Testing

@Suite struct RouteCodecTests {
    /// Two nodes with two slots each, of which the second node's have no bounds.
    private static let network: Network = {
        func slot(_ day: Day, bounded: Bool) -> Slot {
            Slot(
                day: day,
                window: 0,
                opensAt: Instant(seconds: Int64(day) * 86_400),
                closesAt: Instant(seconds: Int64(day + 1) * 86_400),
                orders: bounded ? Capacity(position: PositionID(day), capacity: 10) : nil,
                units: bounded ? Capacity(position: PositionID(day + 100), capacity: 50) : nil,
            )
        }
        func node(_ name: String, bounded: Bool) -> Node {
            .plain(name, slots: [slot(20_000, bounded: bounded), slot(20_001, bounded: bounded)])
        }
        let service = CarrierService(
            name: "road",
            carrier: "Northway",
            isPickUp: false,
            carriesHazardous: false,
            deliveryWeekdays: 127,
            rates: [],
        )
        return Network(
            version: 7,
            currency: "GBP",
            nodes: [node("A", bounded: true), node("B", bounded: false)],
            services: [service],
            places: [],
        )
    }()

    private static func decision(_ result: RouteResult) -> RouteDecision {
        var question = RouteQuestion(
            lines: [
                CartLine(sku: "S", quantity: 3, isHazardous: true, weightGrams: 900),
                CartLine(sku: "T", quantity: 1),
            ],
            destination: Destination(
                country: "GB",
                postalCode: "SW1A",
                point: GeoPoint(latitudeE6: 51_500_000, longitudeE6: -140_000),
            ),
            channel: "web",
        )
        question.arriveBy = 20_005
        question.excluded = [PositionKey(sku: "S", node: "B"), PositionKey(sku: "T", node: "A")]
        return RouteDecision(
            id: ID(high: 1, low: 2),
            question: question,
            network: 7,
            rules: RuleSetName(name: "web", version: 4),
            view: RouteView(
                now: Instant(microseconds: 1_700_000_000_123_456),
                units: [3, 0, 0, 900_000],
                slots: [
                    [SlotRoom(orders: 4, units: 0), SlotRoom(orders: 10, units: 50)],
                    [SlotRoom(orders: nil, units: nil), SlotRoom(orders: nil, units: nil)],
                ],
            ),
            steps: 20_000,
            result: result,
        )
    }

    private static let planned: RouteResult = {
        var amounts = RouteAmounts()
        amounts.handlingMinor = 120
        amounts.carriageMinor = 4_000_000_000
        amounts.shipments = 1
        let shipment = PlannedShipment(
            node: 0,
            service: 0,
            slot: 1,
            lines: [(0, 3), (1, 1)],
            arrives: 20_003,
            amounts: amounts,
        )
        let plan = RoutePlan(shipments: [shipment], amounts: amounts, score: -5)
        return .planned(plan, isOptimal: false, bound: -9)
    }()

    @Test(arguments: [planned, .refused(.capacity), .refused(.network)])
    func `what is written is read again`(_ result: RouteResult) {
        let decision = Self.decision(result)
        let record = RouteCodec.record(decision, network: Self.network)
        #expect(RouteCodec.decision(record, network: Self.network) == decision)
        #expect(record.body.count < 160, "\(record.body.count) bytes")
    }

    @Test func `the plan is read in names without the network`() throws {
        let decision = Self.decision(Self.planned)
        let record = RouteCodec.record(decision, network: Self.network)
        #expect(record.shipments == "A\troad\tNorthway\t2024-10-05\t0\t2024-10-07")
        let summary = try #require(RouteCodec.summary(record))
        let plan = try #require(summary.plan)
        #expect(plan.shipments.map(\.node) == ["A"])
        #expect(plan.shipments[0].lines.map(\.sku) == ["S", "T"])
        #expect(summary.currency == "GBP")
        #expect(summary.question == decision.question)
    }

    @Test func `bytes that were cut are no decision`() {
        var record = RouteCodec.record(Self.decision(Self.planned), network: Self.network)
        let whole = record.body
        for count in whole.indices {
            record.body = Array(whole.prefix(count))
            #expect(RouteCodec.decision(record, network: Self.network) == nil, "\(count) bytes")
        }
        record.body = whole + [0]
        #expect(RouteCodec.decision(record, network: Self.network) == nil)
        var empty = Self.network
        empty.nodes = []
        record.body = whole
        #expect(RouteCodec.decision(record, network: empty) == nil)
    }
}
