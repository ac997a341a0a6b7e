// Why there is no plan: what would have to be different for one to exist.

internal import Domain

enum Refusals {
    /// The reason why a board has no plan, which is proven already.
    static func reason(
        _ question: RouteQuestion,
        _ index: RoutingIndex,
        _ rules: RoutingRules,
        _ view: RouteView,
        _ board: Board,
        _ budget: SearchBudget,
    ) -> RouteRefusal {
        let nodes = index.nodes.count
        if nodes == 0 { return RouteRefusal(reason: .network, missing: []) }
        let missingAnywhere = question.lines.indices.compactMap { line in
            let free = (0..<nodes)
                .reduce(Int64(0)) {
                    $0 + max(0, view.units[line * nodes + $1])
                }
            return missing(line, free, question)
        }
        if !missingAnywhere.isEmpty {
            return RouteRefusal(reason: .units, missing: missingAnywhere)
        }
        let missingHere = question.lines.indices.compactMap { line in
            let free = board.candidates.indices.reduce(Int64(0)) {
                $0 + board.units[$1 * board.lineCount + line]
            }
            return missing(line, free, question)
        }
        let attempts: [(Relaxation, RouteRefusal.Reason)] = [
            (.capacity, .capacity), (.promiseDate, .promiseDate), (.rules, .rules),
            ([.capacity, .promiseDate, .rules], .severalObstacles),
        ]
        for (relaxed, reason) in attempts {
            let easier = BoardMaker.board(question, index, rules, view, relaxed: relaxed)
            var search = Search(easier, budget: budget)
            let result = search.run()
            if result.best != nil { return RouteRefusal(reason: reason, missing: missingHere) }
        }
        return RouteRefusal(reason: .network, missing: missingHere)
    }

    private static func missing(
        _ line: Int,
        _ free: Int64,
        _ question: RouteQuestion,
    ) -> MissingUnits? {
        let units = question.lines[line].quantity - free
        return units > 0 ? MissingUnits(line: line, units: units) : nil
    }
}
