// Random questions to hold the planner against: small networks with everything that a rule may speak of,
// and numbers so small that many plans score alike.

import Base
import Domain

/// Numbers from a seed, the same on every machine.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True once in so many times.
    mutating func once(in times: Int) -> Bool { roll(1...times) == 1 }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[roll(0...elements.count - 1)]
    }
}

/// A question with all that its answer depends on.
struct Case {
    var network: Network
    var question: RouteQuestion
    var rules: RuleSet
    var view: RouteView
}

/// How large a random case is, and of what kind.
struct CaseShape {
    var nodes: ClosedRange<Int> = 1...6
    var lines: ClosedRange<Int> = 1...6
    var quantities: ClosedRange<Int> = 1...3
    var slots: ClosedRange<Int> = 1...3
    var services: ClosedRange<Int> = 1...4
    /// How often a node has nothing of a SKU: once in so many times.
    var emptyOnceIn = 3
    /// Whether costs and weights are those of a retailer, not small numbers that tie.
    var isLifelike = false
    /// Whether nodes, rules and the question may be such that there is no plan.
    var isHarsh = true
}

/// 2026-11-30, a Monday.
let monday: Day = 20_787

extension Case {
    private static let countries = ["GB", "DE", "FR"]
    private static let postalCodes = ["", "E1 6AN", "10115", "75001"]

    init(seed: UInt64, shape: CaseShape = CaseShape()) {
        var dice = Dice(seed: seed)
        let services = (0..<dice.roll(shape.services))
            .map { Self.service("S\($0)", shape, &dice) }
        let nodes = (0..<dice.roll(shape.nodes))
            .map { place in
                let digits = String(place + 100).dropFirst()
                return Self.node("N\(digits)", services.count, shape, &dice)
            }
        network = Network(
            version: 7,
            currency: "GBP",
            nodes: nodes,
            services: services,
            places: [
                KnownPlace(
                    country: "GB",
                    postalPrefix: "",
                    point: GeoPoint(latitudeE6: 52_500_000, longitudeE6: -1_500_000)
                ),
                KnownPlace(
                    country: "GB",
                    postalPrefix: "E1",
                    point: GeoPoint(latitudeE6: 51_515_000, longitudeE6: -60_000)
                ),
                KnownPlace(
                    country: "DE",
                    postalPrefix: "",
                    point: GeoPoint(latitudeE6: 51_000_000, longitudeE6: 10_000_000)
                ),
            ],
        )
        question = Self.question(nodes, shape, &dice)
        rules = Self.rules(nodes, shape, &dice)
        view = Self.view(nodes, question.lines.count, shape, &dice)
    }

    private static func money(_ shape: CaseShape, _ dice: inout Dice) -> Int64 {
        Int64(shape.isLifelike ? dice.roll(0...900) : dice.roll(0...3))
    }

    private static func service(
        _ name: String,
        _ shape: CaseShape,
        _ dice: inout Dice,
    ) -> CarrierService {
        let rates = (0..<dice.roll(1...4))
            .map { number in
                Rate(
                    origin: number == 0 || dice.once(in: 2) ? nil : dice.pick(countries),
                    destination: number == 0 || dice.once(in: 2) ? nil : dice.pick(countries),
                    postalPrefix: number == 0 ? "" : dice.pick(["", "", "E1", "e1 6", "10", "7"]),
                    baseMinor: money(shape, &dice),
                    unitMinor: dice.once(in: 2) ? 0 : money(shape, &dice),
                    kilogramMinor: dice.once(in: 2) ? 0 : money(shape, &dice),
                    transitDays: Int16(dice.roll(0...4)),
                )
            }
        return CarrierService(
            name: name,
            carrier: "C",
            isPickUp: dice.once(in: 5),
            carriesHazardous: dice.once(in: 2) || !shape.isHarsh,
            deliveryWeekdays: dice.once(in: 2) ? 0x1F : UInt8(dice.roll(1...127)),
            rates: shape.isHarsh && dice.once(in: 3) ? Array(rates.dropFirst()) : rates,
        )
    }

    private static func node(
        _ name: String,
        _ services: Int,
        _ shape: CaseShape,
        _ dice: inout Dice,
    ) -> Node {
        var abilities: NodeAbilities = []
        if !shape.isHarsh || !dice.once(in: 8) { abilities.insert(.ship) }
        if dice.once(in: 2) { abilities.insert(.pickUp) }
        if !shape.isHarsh || dice.once(in: 2) { abilities.insert(.hazardous) }
        let slots = (0..<dice.roll(shape.slots)).map { slot($0, shape, &dice) }
        let status: NodeStatus =
            shape.isHarsh && dice.once(in: 10) ? dice.pick([.draining, .closed]) : .open
        let lanes = (0..<services).filter { _ in dice.roll(1...4) > 1 }
            .map { service in
                Lane(
                    service: service,
                    cutoffs: slots.map { slot in
                        slot.closesAt.advanced(
                            milliseconds: 3_600_000 * Int64(dice.pick([0, 0, -2, -5, 1]))
                        )
                    },
                )
            }
        return Node(
            name: name,
            kind: dice.pick(NodeKind.allCases),
            status: status,
            place: GeoPoint(
                latitudeE6: Int32(dice.roll(48_000_000...56_000_000)),
                longitudeE6: Int32(dice.roll(-4_000_000...13_000_000))
            ),
            country: dice.pick(countries),
            timeZone: "Europe/London",
            abilities: abilities,
            countriesServed: shape.isHarsh && dice.once(in: 4) ? ["GB", "DE"] : [],
            handlingMinutes: Int32(dice.pick([0, 30, 120, 300])),
            priority: Int32(dice.roll(0...3)),
            shipmentCostMinor: money(shape, &dice),
            unitCostMinor: dice.once(in: 2) ? 0 : money(shape, &dice),
            lanes: lanes,
            slots: slots,
        )
    }

    private static func slot(_ number: Int, _ shape: CaseShape, _ dice: inout Dice) -> Slot {
        let day = monday + Day(number / 2)
        let opens = Instant(seconds: Int64(day) * 86_400 + Int64(number % 2 == 0 ? 8 : 13) * 3_600)
        return Slot(
            day: day,
            window: Int16(number % 2),
            opensAt: opens,
            closesAt: opens.advanced(milliseconds: Int64(dice.roll(2...6)) * 3_600_000),
            orders: dice.once(in: 2)
                ? nil : Capacity(position: 1, capacity: Int64(dice.roll(1...9))),
            units: dice.once(in: 2) ? nil : Capacity(position: 2, capacity: 100),
        )
    }

    private static func question(
        _ nodes: [Node],
        _ shape: CaseShape,
        _ dice: inout Dice,
    ) -> RouteQuestion {
        let lines = (0..<dice.roll(shape.lines))
            .map { line in
                CartLine(
                    sku: "K\(line)",
                    quantity: Int64(dice.roll(shape.quantities)),
                    isHazardous: dice.once(in: 6),
                    weightGrams: Int64(dice.pick([0, 1, 400, 1_000, 1_500])),
                )
            }
        var question = RouteQuestion(
            lines: lines,
            destination: Destination(country: dice.pick(countries)),
            channel: "web",
        )
        question.destination.postalCode = dice.pick(postalCodes)
        if dice.once(in: 4) {
            question.destination.point = GeoPoint(latitudeE6: 50_000_000, longitudeE6: 2_000_000)
        }
        guard shape.isHarsh else { return question }
        question.isPickUp = dice.once(in: 7)
        if dice.once(in: 4) { question.arriveBy = monday + Day(dice.roll(0...6)) }
        if dice.once(in: 5) {
            for _ in 0..<dice.roll(1...3) {
                question.excluded.insert(
                    PositionKey(sku: dice.pick(lines).sku, node: dice.pick(nodes).name)
                )
            }
        }
        return question
    }

    private static func filter(_ nodes: [Node], _ dice: inout Dice) -> NodeFilter {
        var filter = NodeFilter()
        if dice.once(in: 3) { filter.nodes = [dice.pick(nodes).name, dice.pick(nodes).name] }
        if dice.once(in: 2) { filter.kinds = [dice.pick(NodeKind.allCases), .store] }
        if dice.once(in: 3) { filter.countries = [dice.pick(countries)] }
        return filter
    }

    private static func rules(_ nodes: [Node], _ shape: CaseShape, _ dice: inout Dice) -> RuleSet {
        var rules: [HardRule] = []
        if shape.isHarsh {
            let destinations: [Set<String>] = [[], ["GB"], ["DE", "FR"]]
            if dice.once(in: 5) {
                rules.append(.notFrom(filter(nodes, &dice), destinations: dice.pick(destinations)))
            }
            if dice.once(in: 8) {
                rules.append(.onlyFrom(filter(nodes, &dice), destinations: dice.pick(destinations)))
            }
            if dice.once(in: 4) { rules.append(.shipmentsAtMost(dice.roll(1...3))) }
            if dice.once(in: 4) { rules.append(.linesWhole) }
            if dice.once(in: 5) { rules.append(.arrivesWithin(days: Int32(dice.roll(0...6)))) }
            if dice.once(in: 4) {
                rules.append(.keepsLast(units: Int64(dice.roll(0...2)), filter(nodes, &dice)))
            }
        }
        var goals = Goals()
        let weights: [Int64] = shape.isLifelike ? [0, 1, 3] : [0, 0, 1, 2, 5]
        goals.cost = dice.pick(weights) * (shape.isLifelike ? 100 : 1)
        goals.distance = dice.pick([0, 0, 1])
        goals.shipments = dice.pick(weights) * (shape.isLifelike ? 10_000 : 1)
        goals.promise = dice.pick(weights) * (shape.isLifelike ? 10_000 : 1)
        goals.balance = dice.once(in: 2) ? 0 : dice.pick(weights)
        goals.priority = dice.pick(weights) * (shape.isLifelike ? 1_000 : 1)
        goals.scarcity = dice.pick(weights) * (shape.isLifelike ? 1_000 : 1)
        goals.scarceBelow = Int64(dice.roll(0...4))
        return RuleSet(name: "random", version: 1, rules: rules, goals: goals)
    }

    private static func view(
        _ nodes: [Node],
        _ lines: Int,
        _ shape: CaseShape,
        _ dice: inout Dice,
    ) -> RouteView {
        let hour = Int64(dice.roll(0...12)) * 3_600
        let most = shape.quantities.upperBound
        return RouteView(
            now: Instant(seconds: Int64(monday) * 86_400 + hour),
            units: (0..<lines * nodes.count)
                .map { _ in
                    dice.once(in: shape.emptyOnceIn)
                        ? Int64(dice.roll(-1...0))
                        : Int64(dice.roll(1...most + 2))
                },
            slots: nodes.map { node in
                node.slots.map { slot in
                    SlotRoom(
                        orders: slot.orders.map { max(0, $0.capacity - Int64(dice.roll(0...3))) },
                        units: slot.units.map { _ in
                            Int64(dice.roll((shape.isHarsh ? 0 : 1)...(2 * most)))
                        }
                    )
                }
            },
        )
    }
}
