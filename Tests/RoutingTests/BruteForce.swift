// The planner's work done again in the simplest way: every division of every line, every offer of every
// node that serves something. It shares nothing with the planner but the values.

import Base
import Domain
import Foundation

/// Every plan of a case, the best of each set of nodes kept.
struct BruteForce {
    /// A node's service and slot.
    struct Offer {
        var service: Int
        var slot: Int
        var arrives: Int
        var room: Int64
        var amounts: RouteAmounts
        var unitCarriage: [Int64]
        var carries: [Bool]
    }

    let problem: Case
    let today: Int
    /// By node; none: it is excluded.
    private(set) var offers: [[Offer]] = []
    /// By node, then by line.
    private(set) var units: [[Int64]] = []
    /// By set of nodes: bit n for node n.
    private(set) var best: [Int: RoutePlan] = [:]
    private(set) var shipmentsMax = Int.max
    private(set) var linesWhole = false

    init(_ problem: Case) {
        self.problem = problem
        today = Int(floor(Double(problem.view.now.microseconds) / 86_400e6))
        for rule in problem.rules.rules {
            if case .shipmentsAtMost(let most) = rule { shipmentsMax = min(shipmentsMax, most) }
            if case .linesWhole = rule { linesWhole = true }
        }
        if problem.question.isPickUp { shipmentsMax = min(shipmentsMax, 1) }
        for node in problem.network.nodes.indices {
            offers.append(isAllowed(node) ? allOffers(of: node) : [])
            units.append(allUnits(of: node))
        }
    }

    /// How many plans there are to look at, roughly.
    var size: Double {
        let ways = problem.question.lines.indices.map { Double(divisions(of: $0).count) }
        let choices = offers.map { Double(max(1, $0.count)) }.reduce(1, *)
        return ways.reduce(1, *) * choices.squareRoot()
    }

    /// The best plan of all whose nodes `isWanted` accepts.
    func best(where isWanted: (Int) -> Bool) -> RoutePlan? {
        best.filter { isWanted($0.key) }.values.min { isBefore($0, $1) }
    }

    mutating func run() {
        let lines = problem.question.lines.indices.map { divisions(of: $0) }
        var amounts = [[Int64]](repeating: [], count: offers.count)
        divide(0, lines, &amounts)
    }

    // MARK: Divisions

    /// Every way to take a line from the nodes: units by node.
    private func divisions(of line: Int) -> [[Int64]] {
        let quantity = problem.question.lines[line].quantity
        var ways: [[Int64]] = [[]]
        for node in offers.indices {
            let most = offers[node].contains { $0.carries[line] } ? units[node][line] : 0
            ways = ways.flatMap { way in
                let left = quantity - way.reduce(0, +)
                return (0...max(0, min(most, left)))
                    .filter { !linesWhole || $0 == 0 || $0 == quantity }
                    .map { way + [$0] }
            }
        }
        return ways.filter { $0.reduce(0, +) == quantity }
    }

    private mutating func divide(_ line: Int, _ ways: [[[Int64]]], _ taken: inout [[Int64]]) {
        guard line < ways.count else {
            let used = taken.indices.filter { node in taken[node].contains { $0 > 0 } }
            guard used.count <= shipmentsMax else { return }
            choose(used[...], taken, [])
            return
        }
        for way in ways[line] {
            for node in taken.indices { taken[node].append(way[node]) }
            divide(line + 1, ways, &taken)
            for node in taken.indices { taken[node].removeLast() }
        }
    }

    private mutating func choose(
        _ nodes: ArraySlice<Int>,
        _ taken: [[Int64]],
        _ chosen: [PlannedShipment],
    ) {
        guard let node = nodes.first else { return keep(chosen) }
        let wanted = taken[node]
        for offer in offers[node] {
            guard wanted.reduce(0, +) <= offer.room,
                wanted.indices.allSatisfy({ wanted[$0] == 0 || offer.carries[$0] })
            else { continue }
            let shipment = self.shipment(node, offer, wanted)
            choose(nodes.dropFirst(), taken, chosen + [shipment])
        }
    }

    private func shipment(_ node: Int, _ offer: Offer, _ wanted: [Int64]) -> PlannedShipment {
        let facts = problem.network.nodes[node]
        var amounts = offer.amounts
        for (line, count) in wanted.enumerated() {
            amounts.handlingMinor += facts.unitCostMinor * count
            amounts.carriageMinor += offer.unitCarriage[line] * count
            // Unit by unit: the last ones are those that leave fewer than so many behind.
            let free = problem.view.units[line * offers.count + node]
            for unit in 0..<count where free - unit <= problem.rules.goals.scarceBelow {
                amounts.scarceUnits += 1
            }
        }
        return PlannedShipment(
            node: node,
            service: offer.service,
            slot: offer.slot,
            lines: wanted.enumerated().filter { $0.element > 0 }
                .map { (line: $0.offset, quantity: $0.element) },
            arrives: Day(offer.arrives),
            amounts: amounts,
        )
    }

    private mutating func keep(_ shipments: [PlannedShipment]) {
        var sum = RouteAmounts()
        for shipment in shipments {
            sum.handlingMinor += shipment.amounts.handlingMinor
            sum.carriageMinor += shipment.amounts.carriageMinor
            sum.distanceKm += shipment.amounts.distanceKm
            sum.shipments += 1
            sum.promiseDays = max(sum.promiseDays, shipment.amounts.promiseDays)
            sum.loadPermille += shipment.amounts.loadPermille
            sum.priority += shipment.amounts.priority
            sum.scarceUnits += shipment.amounts.scarceUnits
        }
        let plan = RoutePlan(
            shipments: shipments,
            amounts: sum,
            score: sum.score(problem.rules.goals)
        )
        let set = shipments.reduce(0) { $0 | 1 << $1.node }
        if let known = best[set], !isBefore(plan, known) { return }
        best[set] = plan
    }

    // MARK: The order of plans

    func isBefore(_ left: RoutePlan, _ right: RoutePlan) -> Bool {
        let (one, two) = (key(left), key(right))
        return one.lexicographicallyPrecedes(two)
    }

    private func key(_ plan: RoutePlan) -> [Int64] {
        var key = [
            plan.score, plan.amounts.shipments, Int64(plan.arrives), plan.amounts.costMinor,
        ]
        for shipment in plan.shipments {
            let slot = problem.network.nodes[shipment.node].slots[shipment.slot]
            key += [
                Int64(shipment.node), Int64(shipment.arrives), Int64(shipment.service),
                Int64(slot.day), Int64(shipment.slot),
            ]
        }
        for line in problem.question.lines.indices {
            for shipment in plan.shipments {
                key.append(-(shipment.lines.first { $0.line == line }?.quantity ?? 0))
            }
        }
        return key
    }
}
