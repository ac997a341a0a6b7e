// Routing over RPC: plans, explanations, what if. Checks what was sent; decides nothing else.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.RoutingService`, on one event loop.
package final class RoutingService<
    Peek: PeekPort,
    Routes: RouteLedgerPort,
    Networks: NetworkPort
> {
    package static var name: String { "holdfast.v1.RoutingService" }
    /// Plans that an answer has when nobody says how many, and at most.
    private static var plansStandard: Int { 3 }
    private static var plansMax: Int32 { 10 }
    private static var pageStandard: Int { 50 }
    private static var pageMax: Int { 500 }

    private let planning: RoutePlanning<Peek, Routes>
    private let history: RouteHistory<Routes, Networks>
    let simulation: RouteSimulation<Peek, Routes, Networks>
    let rules: RuleSetFinder<Networks>
    let ledger: Routes

    package init(
        planning: RoutePlanning<Peek, Routes>,
        history: RouteHistory<Routes, Networks>,
        rules: RuleSetFinder<Networks>,
    ) {
        self.planning = planning
        self.history = history
        self.rules = rules
        ledger = history.ledger
        simulation = RouteSimulation(history: history, planning: planning)
    }

    /// Adds every method to the registry of `loop`; called on that loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        newRequestID: @escaping RequestIDs,
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        func add<Request: SwiftProtobuf.Message, Reply: SwiftProtobuf.Message>(
            _ method: String,
            _ body:
                @escaping @Sendable (RoutingService, Request, CallContext) async throws(Status) ->
                Reply,
        ) {
            registry.add(
                bound,
                service: Self.name,
                method: method,
                newRequestID: newRequestID,
                body,
            )
        }
        add("Route") { me, request, call async throws(Status) in
            try await me.route(request, call)
        }
        add("ExplainRoute") { me, request, call async throws(Status) in
            try await me.explainRoute(request, call.limit)
        }
        add("ListDecisions") { me, request, call async throws(Status) in
            try await me.listDecisions(request, call.limit)
        }
        registry.serverStream(
            service: Self.name,
            method: "SimulateRoutes",
            priority: .low,
        ) { requests, replies, call async throws(Status) in
            guard let message = try await requests.next() else { return }
            let request = try decode(Holdfast_V1_SimulateRoutesRequest.self, message.bytes)
            let context = CallContext(call, newRequestID: newRequestID)
            try await bound.value.simulate(request, replies, call, context)
        }
    }

    // MARK: Route

    package func route(
        _ request: Holdfast_V1_RouteRequest,
        _ call: CallContext,
    ) async throws(Status) -> Holdfast_V1_RouteResponse {
        var validator = Validator()
        if !(0...Self.plansMax).contains(request.plansMax) {
            validator.fail("plans_max", "is \(request.plansMax), must be 0 to \(Self.plansMax)")
        }
        let (question, named) = try request.question(call, prefix: "", &validator)
        let set = try await rules.find(named, field: "rule_set")
        let wanted = request.plansMax == 0 ? Self.plansStandard : Int(request.plansMax)
        let outcome = try await answering { () async throws(Failure) in
            try await planning.route(
                RouteRequest(question: question, rules: set, plansMax: wanted)
            )
        }
        switch outcome {
        case .refused(.noRoute(let obstacle), let decision):
            throw .noRoute(obstacle, .lines, decision: decision)
        case .refused(let refusal, _): throw Status(refusal)
        case .routed(let routed): return Holdfast_V1_RouteResponse(routed)
        }
    }

    // MARK: Decisions

    package func explainRoute(
        _ request: Holdfast_V1_ExplainRouteRequest,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_RouteExplanation {
        var validator = Validator()
        let id = validator.id(request.decisionID, "decision_id")
        try validator.check()
        guard let id else { throw Status(.internal, "a checked request without an id") }
        let explained = try await answering { () async throws(Failure) in
            try await history.explain(id)
        }
        guard let explained, limit.covers(explained.stored.record.channel) else {
            throw Status(
                .notFound(kind: .decision, id: id.description),
                fields: RequestFields(id: "decision_id"),
            )
        }
        guard let summary = RouteCodec.summary(explained.stored.record) else {
            throw Status(.internal, "decision \(id) cannot be read")
        }
        return Holdfast_V1_RouteExplanation(explained, summary)
    }

    package func listDecisions(
        _ request: Holdfast_V1_ListDecisionsRequest,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_ListDecisionsResponse {
        var validator = Validator()
        validator.optionalName(request.channel, "channel")
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: Self.pageStandard,
            max: Self.pageMax,
        )
        try validator.check()
        let channel = try limit.channel(named: request.channel, "channel")
        let fingerprint = PageToken.fingerprint(
            "ListDecisions",
            [channel, request.reservedOnly ? "reserved" : ""],
        )
        var filter = RouteFilter(
            channel: channel.isEmpty ? nil : channel,
            count: size,
            withPreviews: !request.reservedOnly,
        )
        if !request.pageToken.isEmpty {
            let token = try PageToken(request.pageToken, fingerprint: fingerprint)
            var cursor = CursorReader(token.cursor)
            guard let at = cursor.number(), let id = cursor.id() else {
                throw PageToken.refusal("is cut short")
            }
            filter.before = (Instant(microseconds: at), id)
        }
        let wanted = filter
        let found = try await answering { () async throws(Failure) in
            try await ledger.decisions(wanted)
        }
        var answer = Holdfast_V1_ListDecisionsResponse()
        answer.decisions = found.compactMap { route in
            RouteCodec.summary(route.record)
                .map { Holdfast_V1_RouteDecision(route, $0, goals: nil) }
        }
        if found.count == size, let last = found.last {
            var cursor: [UInt8] = []
            cursor.appendCursor(last.at.microseconds)
            cursor.appendCursor(last.record.id)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: cursor).text
        }
        return answer
    }
}

extension Holdfast_V1_RouteResponse {
    fileprivate init(_ routed: Routed) {
        self.init()
        decisionID = routed.decision.description
        plan = Holdfast_V1_RoutePlan(routed.plans[0], goals: routed.goals)
        runnerUps = routed.plans.dropFirst()
            .map { Holdfast_V1_RoutePlan($0, goals: routed.goals) }
        basis = Holdfast_V1_RouteBasis(
            isOptimal: routed.isOptimal,
            bound: routed.bound,
            score: routed.plans[0].score,
            network: routed.network,
            rules: routed.rules,
            currency: routed.currency,
            plannedAt: routed.plannedAt,
        )
    }
}
