// The planner: a question, a network, rules and what is free go in; plans come out. Pure: the same goes
// in, the same comes out.

package import Domain

package enum RoutePlanner {
    /// Plans a cart.
    ///
    /// A node can serve what it has free (less what rules keep back), by each of its services that goes to
    /// the destination, in each slot for which it can still be ready: begun now or when the slot opens,
    /// and handled, before the slot closes and the service is fetched. It leaves on the slot's day and
    /// arrives so many delivery days later as the service's rate says. A slot takes the shipment if it has
    /// room for one order and for its units. A node sends one shipment at most.
    ///
    /// - Parameters:
    ///   - question: What is to be routed; each SKU once, quantities above 0.
    ///   - index: The network.
    ///   - rules: The rules, laid out for that network.
    ///   - view: What is free; its shape is that of the network and the cart.
    ///   - budget: How long the search may go on.
    ///   - plansMax: How many plans are wanted; 1: the winner alone, which is quickest.
    package static func plan(
        question: RouteQuestion,
        index: RoutingIndex,
        rules: RoutingRules,
        view: RouteView,
        budget: SearchBudget = .ordinary,
        plansMax: Int = 1,
    ) -> RouteAnswer {
        let board = BoardMaker.board(question, index, rules, view)
        var search = Search(board, budget: budget)
        let first = search.run()
        var isOptimal = first.isProven
        guard let winner = first.best else {
            let refusal =
                first.isProven
                ? Refusals.reason(question, index, rules, view, board, budget)
                : RouteRefusal(reason: .searchCut, missing: [])
            if refusal.reason == .searchCut { isOptimal = false }
            return RouteAnswer(
                plans: [],
                isOptimal: isOptimal,
                bound: first.bound.map(Ranks.score) ?? 0,
                explored: search.steps,
                budget: budget,
                refusal: refusal,
            )
        }
        var plans = [winner]
        while plans.count < plansMax {
            let avoided = plans.map { $0.choices.map(\.candidate) }
            guard let next = search.run(avoiding: avoided).best else { break }
            plans.append(next)
        }
        return RouteAnswer(
            plans: plans.map { PlanWriter.plan($0, board, index) },
            isOptimal: isOptimal,
            bound: Ranks.score(first.bound ?? winner.rank),
            explored: search.steps,
            budget: budget,
            refusal: nil,
        )
    }

    /// Plans a cart as `plan` does and says of every node why it is not in the winner.
    package static func explain(
        question: RouteQuestion,
        index: RoutingIndex,
        rules: RoutingRules,
        view: RouteView,
        budget: SearchBudget = .ordinary,
        plansMax: Int = 1,
    ) -> RouteExplanation {
        let answer = plan(
            question: question,
            index: index,
            rules: rules,
            view: view,
            budget: budget,
            plansMax: plansMax,
        )
        let (board, exclusions, servicesOut) = BoardMaker.explained(question, index, rules, view)
        var search = Search(board, budget: budget)
        var places = [Int?](repeating: nil, count: index.nodes.count)
        for (place, candidate) in board.candidates.enumerated() { places[candidate.node] = place }
        let nodes = index.nodes.indices.map { node in
            var explanation = NodeExplanation(
                node: node,
                exclusion: exclusions[node],
                units: Array(repeating: 0, count: board.lineCount),
                unitsBeforeScarce: Array(repeating: 0, count: board.lineCount),
                offers: [],
                servicesOut: servicesOut[node],
                bestPlan: nil,
                bestPlanIsOptimal: true,
                lostBy: [],
            )
            guard let place = places[node] else { return explanation }
            PlanWriter.describe(place, board, index, into: &explanation)
            let result = search.run(through: place)
            explanation.bestPlanIsOptimal = result.isProven
            guard let found = result.best else { return explanation }
            let best = PlanWriter.plan(found, board, index)
            explanation.bestPlan = best
            if let winner = answer.plans.first, winner != best {
                explanation.lostBy = difference(best, winner, rules.goals)
            }
            return explanation
        }
        return RouteExplanation(
            answer: answer,
            today: board.today,
            arriveBy: board.arriveBy,
            shipmentsMax: rules.shipmentsMax,
            linesWhole: board.linesWhole,
            nodes: nodes,
        )
    }

    private static func difference(
        _ plan: RoutePlan,
        _ winner: RoutePlan,
        _ goals: Goals,
    ) -> [GoalDifference] {
        Goal.allCases.map { goal in
            let amount = goal.amount(of: plan.amounts) - goal.amount(of: winner.amounts)
            return GoalDifference(
                goal: goal,
                amount: amount,
                points: amount * goal.weight(in: goals)
            )
        }
    }
}

extension RoutePlanner {
    /// Plans a cart on a network and rules that are not laid out yet; for single questions.
    package static func plan(
        question: RouteQuestion,
        network: Network,
        rules: RuleSet,
        view: RouteView,
        budget: SearchBudget = .ordinary,
        plansMax: Int = 1,
    ) -> RouteAnswer {
        let index = RoutingIndex(network)
        return plan(
            question: question,
            index: index,
            rules: RoutingRules(rules, for: index),
            view: view,
            budget: budget,
            plansMax: plansMax,
        )
    }
}
