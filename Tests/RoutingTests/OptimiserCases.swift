// Large questions written down with every published number, for an optimiser that knows nothing of us:
// `Optimiser/compare.py` solves them and compares.

import Domain
import Foundation
import Routing
import Testing

/// A question and its answer as the optimiser reads them: numbers only.
private struct Sheet: Encodable {
    struct Offer: Encodable {
        var service: Int
        var slot: Int
        var days: Int64
        /// Nil: no limit.
        var room: Int64?
        /// Points of the shipment itself.
        var points: Int64
        /// By line: points of each unit.
        var unitPoints: [Int64]
        /// By line.
        var carries: [Bool]
    }

    struct Node: Encodable {
        var node: Int
        /// By line.
        var units: [Int64]
        /// By line: how many before the scarce ones.
        var calm: [Int64]
        var offers: [Offer]
    }

    struct Shipment: Encodable {
        var node: Int
        var service: Int
        var slot: Int
        /// By line.
        var units: [Int64]
    }

    var name: String
    var quantities: [Int64]
    var shipmentsMax: Int?
    var linesWhole: Bool
    var pointsPerDay: Int64
    var pointsPerScarceUnit: Int64
    var nodes: [Node]
    var winner: [Shipment]?
    var score: Int64
    var bound: Int64
    var isOptimal: Bool
    var steps: Int

    init(name: String, _ problem: Case, _ explanation: RouteExplanation) {
        self.name = name
        let goals = problem.rules.goals
        quantities = problem.question.lines.map(\.quantity)
        shipmentsMax = problem.question.isPickUp ? 1 : explanation.shipmentsMax
        linesWhole = explanation.linesWhole
        pointsPerDay = goals.promise
        pointsPerScarceUnit = goals.scarcity
        nodes = explanation.nodes.filter { $0.exclusion == nil }
            .map { node in
                Node(
                    node: node.node,
                    units: node.units,
                    calm: node.unitsBeforeScarce,
                    offers: node.offers.map { offer in
                        var shipment = offer.perShipment
                        let days = shipment.promiseDays
                        shipment.promiseDays = 0
                        return Offer(
                            service: offer.service,
                            slot: offer.slot,
                            days: days,
                            room: offer.unitsRoom,
                            points: shipment.score(goals),
                            unitPoints: offer.perUnit.map { $0.score(goals) },
                            carries: offer.carries,
                        )
                    },
                )
            }
        let answer = explanation.answer
        winner = answer.plans.first?.shipments
            .map { shipment in
                var units = [Int64](repeating: 0, count: problem.question.lines.count)
                for (line, quantity) in shipment.lines { units[line] = quantity }
                return Shipment(
                    node: shipment.node,
                    service: shipment.service,
                    slot: shipment.slot,
                    units: units,
                )
            }
        score = answer.plans.first?.score ?? 0
        bound = answer.bound
        isOptimal = answer.isOptimal
        steps = answer.explored
    }
}

@Suite struct OptimiserCases {
    private static let environment = ProcessInfo.processInfo.environment
    private static let folder = environment["HOLDFAST_TEST_ROUTING_CASES"]
    private static let scale = environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1

    /// A kind of case, how many of it, and how long the planner may look.
    private struct Kind {
        var name: String
        var count: Int
        var steps = 5_000_000
        var shape: CaseShape
    }

    private static let kinds: [Kind] = {
        func shape(_ nodes: Int, _ lines: Int, _ change: (inout CaseShape) -> Void) -> CaseShape {
            var shape = CaseShape(nodes: nodes...nodes, lines: lines...lines, quantities: 1...5)
            shape.isHarsh = false
            shape.services = 2...3
            shape.slots = 1...2
            change(&shape)
            return shape
        }
        return [
            Kind(name: "8x12", count: 12, shape: shape(12, 8) { $0.isLifelike = true }),
            Kind(
                name: "8x12-scattered",
                count: 12,
                shape: shape(12, 8) { ($0.isLifelike, $0.emptyOnceIn) = (true, 2) }
            ),
            Kind(name: "8x12-ties", count: 8, shape: shape(12, 8) { _ in }),
            Kind(
                name: "8x12-harsh",
                count: 12,
                shape: shape(12, 8) { ($0.isLifelike, $0.isHarsh) = (true, true) }
            ),
            Kind(name: "3x20", count: 12, shape: shape(20, 3) { $0.isLifelike = true }),
            Kind(name: "10x20", count: 8, shape: shape(20, 10) { $0.isLifelike = true }),
            Kind(
                name: "50x20",
                count: 6,
                shape: shape(20, 50) { ($0.isLifelike, $0.slots) = (true, 1...1) }
            ),
        ]
    }()

    @Test(.enabled(if: folder != nil)) func `large questions are written for the optimiser`() throws
    {
        let folder = URL(fileURLWithPath: try #require(Self.folder))
        let encoder = JSONEncoder()
        for kind in Self.kinds {
            for number in 0..<kind.count * Self.scale {
                let problem = Case(seed: UInt64(1_000 + number), shape: kind.shape)
                let index = RoutingIndex(problem.network)
                let explanation = RoutePlanner.explain(
                    question: problem.question,
                    index: index,
                    rules: RoutingRules(problem.rules, for: index),
                    view: problem.view,
                    budget: SearchBudget(steps: kind.steps),
                )
                let sheet = Sheet(name: "\(kind.name)-\(number)", problem, explanation)
                let file = folder.appending(path: "\(sheet.name).json")
                try encoder.encode(sheet).write(to: file)
            }
        }
    }
}
