// One small network and one question after the other: what each hard rule and each goal does.

import Base
import Domain
import Routing
import Testing

/// London has everything and is dear, Leeds is cheap and far, Paris is quick and abroad.
private struct Stage {
    var network: Network
    var question: RouteQuestion
    var rules = RuleSet(name: "test", version: 1, rules: [], goals: Goals())
    var view: RouteView

    init() {
        let service = { (name: String, base: Int64, days: Int16, pickUp: Bool) in
            CarrierService(
                name: name,
                carrier: "POST",
                isPickUp: pickUp,
                carriesHazardous: name == "FAST",
                deliveryWeekdays: 0x1F,
                rates: [
                    Rate(
                        origin: nil,
                        destination: nil,
                        postalPrefix: "",
                        baseMinor: base,
                        unitMinor: 10,
                        kilogramMinor: 100,
                        transitDays: days,
                    )
                ],
            )
        }
        network = Network(
            version: 1,
            currency: "GBP",
            nodes: [
                Self.node("A-LONDON", .distributionCentre, "GB", cost: 300, priority: 0),
                Self.node("B-LEEDS", .store, "GB", cost: 100, priority: 2),
                Self.node("C-PARIS", .vendor, "FR", cost: 200, priority: 5),
            ],
            services: [
                service("FAST", 500, 1, false), service("SLOW", 200, 3, false),
                service("COLLECT", 0, 0, true),
            ],
            places: [],
        )
        question = RouteQuestion(
            lines: [CartLine(sku: "K", quantity: 2, weightGrams: 1)],
            destination: Destination(
                country: "GB",
                point: GeoPoint(latitudeE6: 51_500_000, longitudeE6: 0)
            ),
            channel: "web",
        )
        view = RouteView(
            now: Instant(seconds: Int64(monday) * 86_400 + 9 * 3_600),
            units: [5, 5, 5],
            slots: Array(repeating: [SlotRoom(orders: nil, units: nil)], count: 3),
        )
        rules.goals.cost = 1
    }

    private static func node(
        _ name: String,
        _ kind: NodeKind,
        _ country: String,
        cost: Int64,
        priority: Int32,
    ) -> Node {
        let opens = Instant(seconds: Int64(monday) * 86_400 + 8 * 3_600)
        let slot = Slot(
            day: monday,
            window: 0,
            opensAt: opens,
            closesAt: opens.advanced(milliseconds: 10 * 3_600_000),
            orders: Capacity(position: 1, capacity: 10),
            units: nil,
        )
        let far = ["A-LONDON": 51_500_000, "B-LEEDS": 53_800_000][name] ?? 48_900_000
        return Node(
            name: name,
            kind: kind,
            status: .open,
            place: GeoPoint(latitudeE6: Int32(far), longitudeE6: 0),
            country: country,
            timeZone: "Europe/London",
            abilities: [.ship, .pickUp],
            countriesServed: [],
            handlingMinutes: 60,
            priority: priority,
            shipmentCostMinor: cost,
            unitCostMinor: 0,
            lanes: (0..<3).map { Lane(service: $0, cutoffs: [slot.closesAt]) },
            slots: [slot],
        )
    }

    /// Nodes and services of the winner, such as "B1 C0"; or the reason why there is none.
    var outcome: String {
        let answer = RoutePlanner.plan(
            question: question,
            network: network,
            rules: rules,
            view: view,
        )
        guard let winner = answer.plans.first else {
            return answer.refusal.map { "\($0.reason)" } ?? "nothing"
        }
        #expect(winner.score == winner.amounts.score(rules.goals))
        return winner.shipments.map { "\("ABC".dropFirst($0.node).first ?? "?")\($0.service)" }
            .joined(separator: " ")
    }

    func exclusion(of node: Int) -> Exclusion? {
        let index = RoutingIndex(network)
        return
            RoutePlanner.explain(
                question: question,
                index: index,
                rules: RoutingRules(rules, for: index),
                view: view,
            )
            .nodes[node].exclusion
    }
}

private func filter(
    nodes: Set<String> = [],
    kinds: Set<NodeKind> = [],
    countries: Set<String> = [],
) -> NodeFilter {
    var filter = NodeFilter()
    (filter.nodes, filter.kinds, filter.countries) = (nodes, kinds, countries)
    return filter
}

/// A change of the stage and what comes of it.
private struct Golden: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var outcome: String
    var change: @Sendable (inout Stage) -> Void

    init(_ name: String, _ outcome: String, _ change: @escaping @Sendable (inout Stage) -> Void) {
        testDescription = name
        self.outcome = outcome
        self.change = change
    }
}

private let hardRules: [Golden] = [
    Golden("nothing forbids the cheapest", "B1") { _ in },
    Golden("not from stores", "C1") {
        $0.rules.rules = [.notFrom(filter(kinds: [.store]), destinations: [])]
    },
    Golden("not from stores to France", "B1") {
        $0.rules.rules = [.notFrom(filter(kinds: [.store]), destinations: ["FR"])]
    },
    Golden("only from London", "A1") {
        $0.rules.rules = [.onlyFrom(filter(nodes: ["A-LONDON"]), destinations: ["GB"])]
    },
    Golden("only from vendors in Britain, of which there is none", "rules") {
        $0.rules.rules = [.onlyFrom(filter(kinds: [.vendor], countries: ["GB"]), destinations: [])]
    },
    Golden("a split where no node has both", "B1 C1") { $0.view.units = [0, 1, 1] },
    Golden("no split", "rules") {
        $0.view.units = [0, 1, 1]
        $0.rules.rules = [.shipmentsAtMost(1)]
    },
    Golden("lines stay whole", "rules") {
        $0.view.units = [0, 1, 1]
        $0.rules.rules = [.linesWhole]
    },
    Golden("within a day", "B0") { $0.rules.rules = [.arrivesWithin(days: 1)] },
    Golden("on the day itself", "promiseDate") { $0.question.arriveBy = monday },
    Golden("by Tuesday", "B0") { $0.question.arriveBy = monday + 1 },
    Golden("the last four of a store stay there", "C1") {
        $0.rules.rules = [.keepsLast(units: 4, filter(kinds: [.store]))]
    },
    Golden("the last three of a store stay there", "B1") {
        $0.rules.rules = [.keepsLast(units: 3, filter(kinds: [.store]))]
    },
    Golden("it has rejected the SKU", "C1") {
        $0.question.excluded = [PositionKey(sku: "K", node: "B-LEEDS")]
    },
    Golden("it is drained", "C1") { $0.network.nodes[1].status = .draining },
    Golden("it does not ship", "C1") { $0.network.nodes[1].abilities = [.pickUp] },
    Golden("it does not serve the country", "C1") { $0.network.nodes[1].countriesServed = ["IE"] },
    Golden("hazardous goods", "A0") {
        $0.question.lines[0].isHazardous = true
        $0.network.nodes[0].abilities.insert(.hazardous)
    },
    Golden("nobody may handle them", "network") { $0.question.lines[0].isHazardous = true },
    Golden("collected by the customer", "B2") { $0.question.isPickUp = true },
    Golden("collected, but nowhere in full", "network") {
        $0.question.isPickUp = true
        $0.view.units = [1, 1, 1]
    },
    Golden("units are missing", "units") { $0.view.units = [0, 1, 0] },
    Golden("its slot is full", "C1") { $0.view.slots[1][0].orders = 0 },
    Golden("its slot has room for one unit", "C1") { $0.view.slots[1][0].units = 1 },
    Golden("every slot is full", "capacity") {
        for node in 0..<3 { $0.view.slots[node][0].orders = 0 }
    },
    Golden("full, and too late besides", "severalObstacles") {
        for node in 0..<3 { $0.view.slots[node][0].orders = 0 }
        $0.question.arriveBy = monday
    },
    Golden("it cannot be ready for the slow one", "B0") {
        for node in 0..<3 {
            $0.network.nodes[node].lanes[1].cutoffs[0] = $0.view.now.advanced(
                milliseconds: 3_599_999
            )
        }
    },
    Golden("it is ready in the last moment", "B1") {
        $0.network.nodes[1].lanes[1].cutoffs[0] = $0.view.now.advanced(milliseconds: 3_600_000)
    },
]

private let goals: [Golden] = [
    Golden("cost", "B1") { $0.rules.goals.cost = 1 },
    Golden("distance", "A1") { $0.rules.goals.distance = 10 },
    Golden("shipments", "A1") {
        $0.view.units = [2, 1, 1]
        $0.rules.goals.shipments = 1_000
    },
    Golden("promise", "B0") { $0.rules.goals.promise = 151 },
    Golden("promise, a point less a day", "B1") { $0.rules.goals.promise = 149 },
    Golden("balance", "C1") {
        $0.view.slots = Array(repeating: [SlotRoom(orders: 10, units: nil)], count: 3)
        $0.view.slots[1][0].orders = 4
        $0.rules.goals.balance = 1
    },
    Golden("priority", "A1") { $0.rules.goals.priority = 101 },
    Golden("scarcity", "C1") {
        $0.view.units = [9, 3, 4]
        ($0.rules.goals.scarcity, $0.rules.goals.scarceBelow) = (101, 2)
    },
    Golden("weight by the kilogram, rounded up for each unit", "B1") {
        $0.question.lines[0].weightGrams = 1_001
    },
    Golden("no goal: fewest shipments, soonest, cheapest", "B0") { $0.rules.goals = Goals() },
    Golden("no goal, all alike: by name", "A0") {
        $0.rules.goals = Goals()
        for node in 0..<3 { $0.network.nodes[node].shipmentCostMinor = 7 }
    },
]

@Suite struct RuleTests {
    @Test(arguments: hardRules) private func `a hard rule is kept`(_ golden: Golden) {
        var stage = Stage()
        golden.change(&stage)
        #expect(stage.outcome == golden.outcome)
    }

    @Test(arguments: goals) private func `a goal decides`(_ golden: Golden) {
        var stage = Stage()
        golden.change(&stage)
        #expect(stage.outcome == golden.outcome)
    }

    @Test func `a node that is in no plan says why`() {
        let cases: [(Exclusion, (inout Stage) -> Void)] = [
            (.status(.closed), { $0.network.nodes[1].status = .closed }),
            (.ability(.ship), { $0.network.nodes[1].abilities = [] }),
            (.countryNotServed, { $0.network.nodes[1].countriesServed = ["DE"] }),
            (
                .rule(0),
                { $0.rules.rules = [.notFrom(filter(nodes: ["B-LEEDS"]), destinations: [])] }
            ),
            (.noStock, { $0.view.units[1] = 0 }),
            (.rejected, { $0.question.excluded = [PositionKey(sku: "K", node: "B-LEEDS")] }),
            (.noRate, { $0.network.nodes[1].lanes = [] }),
            (.tooLate, { $0.network.nodes[1].handlingMinutes = 601 }),
            (.capacityFull, { $0.view.slots[1][0].orders = 0 }),
        ]
        for (exclusion, change) in cases {
            var stage = Stage()
            change(&stage)
            #expect(stage.exclusion(of: 1) == exclusion)
        }
    }

    @Test func `a loser lost by points that add up`() throws {
        var stage = Stage()
        stage.rules.goals.promise = 20
        let index = RoutingIndex(stage.network)
        let explanation = RoutePlanner.explain(
            question: stage.question,
            index: index,
            rules: RoutingRules(stage.rules, for: index),
            view: stage.view,
        )
        let winner = try #require(explanation.answer.plans.first)
        #expect(explanation.nodes[1].lostBy.isEmpty)
        for node in [explanation.nodes[0], explanation.nodes[2]] {
            let plan = try #require(node.bestPlan)
            #expect(node.lostBy.reduce(0) { $0 + $1.points } == plan.score - winner.score)
        }
        #expect(explanation.nodes[0].lostBy.first?.amount == 200)
    }

    @Test func `a search that is cut says so, and again in the same way`() throws {
        var shape = CaseShape(nodes: 12...12, lines: 8...8, quantities: 1...5)
        (shape.isLifelike, shape.isHarsh) = (true, false)
        var cut = 0
        for seed in 1_000..<1_030 {
            let problem = Case(seed: UInt64(seed), shape: shape)
            let answers = [100, 2_000, 100, 2_000]
                .map { steps in
                    RoutePlanner.plan(
                        question: problem.question,
                        network: problem.network,
                        rules: problem.rules,
                        view: problem.view,
                        budget: SearchBudget(steps: steps),
                    )
                }
            #expect(answers[0] == answers[2] && answers[1] == answers[3])
            for answer in answers where !answer.isOptimal {
                cut += 1
                #expect(answer.gap >= 0)
                if answer.plans.isEmpty { #expect(answer.refusal?.reason == .searchCut) }
            }
        }
        #expect(cut > 0)
    }

    @Test func `numbers that cannot be counted leave an offer out`() {
        var stage = Stage()
        stage.network.nodes[1].shipmentCostMinor = .max
        #expect(stage.outcome == "C1")
        stage.rules.goals.cost = .max
        #expect(stage.outcome == "network")
    }
}
