// ReserveAndRoute over RPC: message to use case to message. It belongs to the service of reservations.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.ReservationService/ReserveAndRoute`, on one event loop.
package final class RoutedReservationService<
    Peek: PeekPort,
    Routes: RouteLedgerPort,
    Networks: NetworkPort
> {
    private static var name: String { "holdfast.v1.ReservationService" }

    private let reserving: RoutedReserving<Peek, Routes>
    private let rules: RuleSetFinder<Networks>

    package init(
        reserving: RoutedReserving<Peek, Routes>,
        rules: RuleSetFinder<Networks>,
    ) {
        self.reserving = reserving
        self.rules = rules
    }

    /// Adds the method to the registry of `loop`; called on that loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        newRequestID: @escaping RequestIDs,
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        registry.unary(
            service: Self.name,
            method: "ReserveAndRoute",
            priority: MethodPriority.of("/\(Self.name)/ReserveAndRoute"),
        ) { bytes, call async throws(Status) -> [UInt8] in
            let request = try decode(Holdfast_V1_ReserveAndRouteRequest.self, bytes)
            let context = CallContext(call, newRequestID: newRequestID)
            return try await withinDeadline(of: call) { () async throws(Status) in
                try encode(try await bound.value.reserve(request, context) { call.isCancelled })
            }
        }
    }

    package func reserve(
        _ request: Holdfast_V1_ReserveAndRouteRequest,
        _ call: CallContext,
        isOver: () -> Bool,
    ) async throws(Status) -> Holdfast_V1_RoutedReservation {
        var validator = Validator()
        validator.key(request.idempotencyKey, "idempotency_key")
        validator.optionalKey(request.owner, "owner")
        let ttlMs =
            request.hasTtl
            ? validator.milliseconds(request.ttl, "ttl", in: Limits.holdMinMs...Limits.holdMaxMs)
                ?? 0
            : Limits.holdDefaultMs
        if request.cart.plansMax != 0 { validator.fail("cart.plans_max", "must not be set") }
        let (question, named) = try request.cart.question(call, prefix: "cart.", &validator)
        let set = try await rules.find(named, field: "cart.rule_set")
        let outcome: RoutedOutcome
        do throws(Failure) {
            outcome = try await reserving.reserve(
                RoutedRequest(
                    key: DigestBuilder.key(.reserve, request.idempotencyKey),
                    body: .parts(Self.body(request, question, ttlMs)),
                    question: question,
                    rules: set,
                    ttlMs: ttlMs,
                    owner: request.owner,
                    origin: call.origin,
                ),
                isOver: isOver,
            )
        } catch {
            throw Status(error)
        }
        switch outcome {
        case .held(let routed): return Holdfast_V1_RoutedReservation(routed)
        case .refused(.noRoute(let obstacle), let decision):
            throw .noRoute(obstacle, RequestFields(prefix: "cart."), decision: decision)
        case .refused(let refusal, _):
            throw Status(refusal, fields: RequestFields(prefix: "cart."))
        }
    }

    /// What tells one body from another: what was asked, and not what came of it.
    private static func body(
        _ request: Holdfast_V1_ReserveAndRouteRequest,
        _ question: RouteQuestion,
        _ ttlMs: Int64,
    ) -> DigestBuilder {
        var body = DigestBuilder(method: "ReserveAndRoute")
        body.add(ttlMs)
        body.add(request.owner)
        body.add(question.channel)
        body.add(Int64(question.lines.count))
        for line in question.lines {
            body.add(line.sku)
            body.add(line.quantity)
            body.add(line.isHazardous ? 1 : 0)
            body.add(line.weightGrams)
        }
        body.add(question.destination.country)
        body.add(question.destination.postalCode)
        let point = question.destination.point
        body.add(point.map { Int64($0.latitudeE6) } ?? .min)
        body.add(point.map { Int64($0.longitudeE6) } ?? .min)
        body.add(question.arriveBy.map { Int64($0) } ?? .min)
        body.add(question.isPickUp ? 1 : 0)
        body.add(request.cart.hasRuleSet ? request.cart.ruleSet.name : "")
        body.add(Int64(request.cart.hasRuleSet ? request.cart.ruleSet.version : -1))
        return body
    }
}

extension Holdfast_V1_RouteRequest {
    /// The cart and the rules that it names; INVALID_ARGUMENT when anything in it, or noted before, is
    /// wrong.
    func question(
        _ call: CallContext,
        prefix: String,
        _ validator: inout Validator,
    ) throws(Status) -> (RouteQuestion, Holdfast_V1_RuleSetRef?) {
        validator.optionalName(channel, "\(prefix)channel")
        if hasRuleSet {
            validator.name(ruleSet.name, "\(prefix)rule_set.name")
            if ruleSet.version < 0 {
                validator.fail("\(prefix)rule_set.version", "must not be negative")
            }
        }
        var question = RouteQuestion(self, channel: channel, prefix: prefix, &validator)
        try validator.check()
        question.channel = try call.limit.channel(named: channel, "\(prefix)channel")
        return (question, hasRuleSet ? ruleSet : nil)
    }
}

/// Finds rule sets that requests name; confined to a loop.
package final class RuleSetFinder<Networks: NetworkPort> {
    /// Rule sets that are kept; a version never changes.
    private let setsMax = 64
    private let networks: Networks
    private var sets: [RuleSetName: RuleSet] = [:]

    package init(networks: Networks) {
        self.networks = networks
    }

    /// Nil for nil; NOT_FOUND when there is no such set, or version of it.
    func find(
        _ named: Holdfast_V1_RuleSetRef?,
        field: String,
    ) async throws(Status) -> RuleSet? {
        guard let named else { return nil }
        let name = RuleSetName(name: named.name, version: named.version)
        if let known = sets[name] { return known }
        let found = try await answering { () async throws(Failure) in
            try await networks.ruleSet(
                name: name.name,
                version: name.version == 0 ? nil : name.version,
            )
        }
        guard let found else {
            let id = name.version == 0 ? name.name : "\(name.name) version \(name.version)"
            throw Status(.notFound(kind: .ruleSet, id: id), fields: RequestFields(id: field))
        }
        if name.version != 0 {
            if sets.count >= setsMax { sets.removeAll() }
            sets[name] = found
        }
        return found
    }
}
