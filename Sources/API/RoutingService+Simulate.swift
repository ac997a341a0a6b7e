// SimulateRoutes: page by page, so that the caller sees how far it is and one simulation holds nobody up.

internal import Base
internal import Domain
internal import Messages
internal import Promising
internal import RPC

/// The bounds of a simulation.
private enum SimulationLimits {
    static let decisionsMax: Int32 = 100_000
    static let idsMax = 1_000
    static let cartsMax = 1_000
    static let differencesStandard = 100
    static let differencesMax: Int32 = 10_000
    /// Decisions of one message.
    static let page = 250
}

extension RoutingService {
    func simulate(
        _ request: Holdfast_V1_SimulateRoutesRequest,
        _ replies: MessageWriter,
        _ call: ServerCall,
        _ context: CallContext,
    ) async throws(Status) {
        let channel = try check(request, context)
        let set = try await triedRules(request)
        var left =
            request.differencesMax == 0
            ? SimulationLimits.differencesStandard : Int(request.differencesMax)
        var sums = SimulationBook(rules: set.fullName)
        var answer = Holdfast_V1_SimulateRoutesResponse()
        var source = try source(request, channel, context)
        answer.total = Int64(source.total)
        while !call.isCancelled {
            let comparisons = try await next(&source, set, context.limit)
            answer.differences = []
            for (place, comparison) in comparisons.enumerated() {
                sums.add(comparison)
                guard comparison.isDifferent, left > 0 else { continue }
                left -= 1
                answer.differences.append(
                    Holdfast_V1_RouteDifference(
                        comparison,
                        cart: Int(answer.done) + place,
                        goals: set.goals,
                    )
                )
            }
            answer.done += Int64(comparisons.count)
            if source.isAtEnd {
                answer.total = answer.done
                answer.summary = sums.message
            }
            try await replies.send(try encode(answer))
            if source.isAtEnd { return }
        }
    }

    // MARK: Private

    /// What is played, and how far it is.
    private enum Source {
        case latest(RouteFilter, left: Int)
        case routes([ID])
        case carts([SimulatedCart])

        var total: Int {
            switch self {
            case .latest(_, let left): left
            case .routes(let ids): ids.count
            case .carts(let carts): carts.count
            }
        }

        var isAtEnd: Bool { total == 0 }
    }

    /// Returns the channel that decisions are taken from.
    private func check(
        _ request: Holdfast_V1_SimulateRoutesRequest,
        _ context: CallContext,
    ) throws(Status) -> String {
        var validator = Validator()
        validator.optionalName(request.channel, "channel")
        if request.rules == nil { validator.fail("rules", "must name the rules that are tried") }
        switch request.what {
        case nil: validator.fail("what", "must say what is played")
        case .last(let count):
            if !(1...SimulationLimits.decisionsMax).contains(count) {
                validator.fail(
                    "last",
                    "is \(count), must be 1 to \(SimulationLimits.decisionsMax)",
                )
            }
        case .decisions(let decisions):
            if !(1...SimulationLimits.idsMax).contains(decisions.ids.count) {
                validator.fail("decisions.ids", "must be 1 to \(SimulationLimits.idsMax)")
            }
        case .carts(let carts):
            if !(1...SimulationLimits.cartsMax).contains(carts.carts.count) {
                validator.fail("carts.carts", "must be 1 to \(SimulationLimits.cartsMax)")
            }
        }
        if !(0...SimulationLimits.differencesMax).contains(request.differencesMax) {
            validator.fail(
                "differences_max",
                "must be 0 to \(SimulationLimits.differencesMax)",
            )
        }
        try validator.check()
        return try context.limit.channel(named: request.channel, "channel")
    }

    private func triedRules(
        _ request: Holdfast_V1_SimulateRoutesRequest
    ) async throws(Status) -> RuleSet {
        switch request.rules {
        case .ruleSet(let named):
            guard let set = try await rules.find(named, field: "rule_set") else {
                throw Status(.internal, "a named rule set was not looked for")
            }
            return set
        case .document(let text):
            let file = DocumentFile(name: "document", text: text)
            let draft = RuleSetReader.read(file, network: nil)
            let faults = draft.faults.filter { !$0.isWarning }
            if !faults.isEmpty { throw Status(faults: faults) }
            return draft.rules
        case nil: throw Status(.internal, "a checked request without rules")
        }
    }

    private func source(
        _ request: Holdfast_V1_SimulateRoutesRequest,
        _ channel: String,
        _ context: CallContext,
    ) throws(Status) -> Source {
        switch request.what {
        case .last(let count):
            let filter = RouteFilter(
                channel: channel.isEmpty ? nil : channel,
                count: SimulationLimits.page,
            )
            return .latest(filter, left: Int(count))
        case .decisions(let decisions):
            var validator = Validator()
            var ids: [ID] = []
            for (index, text) in decisions.ids.enumerated() {
                if let id = validator.id(text, "decisions.ids[\(index)]") { ids.append(id) }
            }
            try validator.check()
            return .routes(ids)
        case .carts(let carts):
            var list: [SimulatedCart] = []
            for (index, cart) in carts.carts.enumerated() {
                var validator = Validator()
                let (question, _) = try cart.question(
                    context,
                    prefix: "carts.carts[\(index)].",
                    &validator,
                )
                list.append(SimulatedCart(question: question))
            }
            return .carts(list)
        case nil: throw Status(.internal, "a checked request that says nothing")
        }
    }

    /// Plays the next part.
    private func next(
        _ source: inout Source,
        _ set: RuleSet,
        _ limit: ChannelLimit,
    ) async throws(Status) -> [RouteComparison] {
        switch source {
        case .latest(var filter, let left):
            filter.count = min(SimulationLimits.page, left)
            let wanted = filter
            let routes = try await answering { () async throws(Failure) in
                try await ledger.decisions(wanted)
            }
            filter.before = routes.last.map { ($0.at, $0.record.id) }
            source = .latest(
                filter,
                left: routes.count < wanted.count ? 0 : left - routes.count,
            )
            return try await play(routes, set)
        case .routes(let ids):
            let part = Array(ids.prefix(SimulationLimits.page))
            source = .routes(Array(ids.dropFirst(part.count)))
            let routes = try await answering { () async throws(Failure) in
                try await ledger.decisions(part)
            }
            var found: [StoredRoute] = []
            for (id, route) in zip(part, routes) {
                guard let route, limit.covers(route.record.channel) else {
                    throw Status(
                        .notFound(kind: .decision, id: id.description),
                        fields: RequestFields(id: "decisions.ids"),
                    )
                }
                found.append(route)
            }
            return try await play(found, set)
        case .carts(let carts):
            source = .carts(Array(carts.dropFirst()))
            return try await answering { () async throws(Failure) in
                [try await simulation.play(carts[0], under: set)]
            }
        }
    }

    private func play(
        _ routes: [StoredRoute],
        _ set: RuleSet,
    ) async throws(Status) -> [RouteComparison] {
        try await answering { () async throws(Failure) in
            try await simulation.play(routes, under: set)
        }
    }
}
