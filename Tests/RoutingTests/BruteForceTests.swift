// The planner against brute force: winner, runner-ups and the best plan through every node, to the last
// unit and in the order of ties.

import Base
import Domain
import Foundation
import Routing
import Testing

@Suite struct BruteForceTests {
    private static let scale =
        ProcessInfo.processInfo.environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1

    /// Where to begin; a failure prints the seed of its case.
    private static let firstSeed =
        ProcessInfo.processInfo.environment["HOLDFAST_TEST_SEED"].flatMap { UInt64($0) } ?? 1

    private static let shapes: [CaseShape] = {
        var whole = CaseShape(nodes: 2...6, lines: 2...6, quantities: 1...1)
        whole.emptyOnceIn = 2
        var deep = CaseShape(nodes: 2...4, lines: 1...3, quantities: 2...6)
        deep.slots = 1...2
        deep.services = 1...2
        var lifelike = CaseShape(nodes: 2...6, lines: 1...4, quantities: 1...3)
        lifelike.isLifelike = true
        var mild = CaseShape(nodes: 2...6, lines: 1...3, quantities: 1...4)
        mild.isHarsh = false
        return [CaseShape(), whole, deep, lifelike, mild]
    }()

    @Test(arguments: 0..<5)
    func `thousands of random questions are answered as by brute force`(_ kind: Int) {
        var (looked, splits, seed) = (0, 0, Self.firstSeed)
        // Questions without a plan are wanted too, but they must not be all that there is.
        while splits < 60 * Self.scale || looked < 300 * Self.scale {
            let problem = Case(seed: seed &* 5 &+ UInt64(kind), shape: Self.shapes[kind])
            var naive = BruteForce(problem)
            seed += 1
            guard naive.size < 10_000 else { continue }
            looked += 1
            naive.run()
            splits += naive.best.contains { $0.key.nonzeroBitCount > 1 } ? 1 : 0
            if let difference = difference(naive, problem, seed) {
                Issue.record("kind \(kind), HOLDFAST_TEST_SEED=\(seed - 1): \(difference)")
                return
            }
        }
        print("kind \(kind): \(looked) questions, \(splits) of them with splits, no difference")
    }

    private func difference(_ naive: BruteForce, _ problem: Case, _ seed: UInt64) -> String? {
        let index = RoutingIndex(problem.network)
        var budget = SearchBudget.ordinary
        // Every other question is treated as a hard one.
        if seed % 2 == 0 { budget.easySteps = 0 }
        let explanation = RoutePlanner.explain(
            question: problem.question,
            index: index,
            rules: RoutingRules(problem.rules, for: index),
            view: problem.view,
            budget: budget,
            plansMax: 4,
        )
        let answer = explanation.answer
        guard answer.isOptimal, answer.gap == 0 else { return "not proven" }
        if (answer.refusal == nil) == naive.best.isEmpty {
            return "\(naive.best.count) sets of nodes, \(String(describing: answer.refusal))"
        }
        var expected: [RoutePlan] = []
        var sets: [Int] = []
        while expected.count < 4,
            let next = naive.best(where: { set in sets.allSatisfy { set & $0 != $0 } })
        {
            expected.append(next)
            sets.append(next.shipments.reduce(0) { $0 | 1 << $1.node })
        }
        if answer.plans != expected {
            return "plans \(text(answer.plans)) where \(text(expected)) are right"
        }
        for node in problem.network.nodes.indices {
            let through = naive.best { $0 & (1 << node) != 0 }
            let known = explanation.nodes[node].bestPlan
            if known != through {
                return "through \(node) \(text([known])) where \(text([through])) is right"
            }
        }
        return nil
    }

    private func text(_ plans: [RoutePlan?]) -> String {
        plans.map { plan in
            guard let plan else { return "none" }
            let shipments = plan.shipments.map { shipment in
                let lines = shipment.lines.map { "\($0.line)x\($0.quantity)" }
                return "N\(shipment.node)/S\(shipment.service)/\(shipment.slot)"
                    + "@\(shipment.arrives - monday):\(lines.joined(separator: "+"))"
            }
            return "[\(plan.score): \(shipments.joined(separator: " ")) \(plan.amounts)]"
        }
        .joined(separator: ", ")
    }
}
