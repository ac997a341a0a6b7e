// Explanations of decisions as messages: everything that counts, in names.

internal import Base
package import Domain
package import Messages
package import Promising
internal import Routing
internal import SwiftProtobuf

extension Holdfast_V1_RouteDecision {
    /// - Parameter goals: what the parts of the score are named by; nil: they are left out.
    package init(_ stored: StoredRoute, _ summary: RouteSummary, goals: Goals?) {
        self.init()
        id = stored.record.id.description
        at = Google_Protobuf_Timestamp(stored.at)
        channel = stored.record.channel
        isReserved = stored.isReserved
        lines = summary.question.lines.map { Holdfast_V1_CartLine($0) }
        destination = Holdfast_V1_RouteDestination(summary.question.destination)
        if let plan = summary.plan { self.plan = Holdfast_V1_RoutePlan(plan, goals: goals) }
        var isProven = true
        var bound: Int64 = 0
        switch summary.result {
        case .planned(_, let isOptimal, let least): (isProven, bound) = (isOptimal, least)
        case .refused(let reason): noPlan = reason.name
        }
        basis = Holdfast_V1_RouteBasis(
            isOptimal: isProven,
            bound: bound,
            score: summary.plan?.score,
            network: stored.record.network,
            rules: stored.record.rules,
            currency: summary.currency,
            plannedAt: stored.at,
        )
    }
}

extension Holdfast_V1_RouteExplanation {
    package init(_ explained: RouteExplained, _ summary: RouteSummary) {
        self.init()
        let rules = explained.context.rules.set
        let (question, network) = (explained.decision.question, explained.context.network)
        let explanation = explained.explanation
        decision = Holdfast_V1_RouteDecision(explained.stored, summary, goals: rules.goals)
        decision.basis.plannedAt = Google_Protobuf_Timestamp(explained.decision.view.now)
        self.question = Holdfast_V1_RouteRequest(question, rules: explained.decision.rules)
        excluded = question.excluded.sorted()
            .map { key in
                var message = Holdfast_V1_ExcludedSKU()
                message.node = key.node
                message.sku = key.sku
                return message
            }
        weights = Goal.allCases.map {
            Holdfast_V1_ScorePart($0, amount: 0, weight: $0.weight(in: rules.goals))
        }
        scarceBelow = rules.goals.scarceBelow
        rulesDocument = rules.document
        today = Days.text(explanation.today)
        arriveBy = explanation.arriveBy.map(Days.text) ?? ""
        shipmentsMax = Int32(clamping: explanation.shipmentsMax ?? 0)
        linesWhole = explanation.linesWhole
        isSame = explained.isSame
        explored = Int64(explanation.answer.explored)
        plans = explanation.answer.plans.map {
            Holdfast_V1_RoutePlan(
                RoutedPlan($0, question: question, network: network),
                goals: rules.goals,
            )
        }
        nodes = explanation.nodes.map {
            Holdfast_V1_NodeExplanation($0, question, network, rules.goals)
        }
    }
}

extension Holdfast_V1_NodeExplanation {
    fileprivate init(
        _ explanation: NodeExplanation,
        _ question: RouteQuestion,
        _ network: Network,
        _ goals: Goals,
    ) {
        self.init()
        let facts = network.nodes[explanation.node]
        node = facts.name
        kind = facts.kind.name
        status = facts.status.name
        excludedBy = explanation.exclusion?.name ?? ""
        units = explanation.units
        unitsBeforeScarce = explanation.unitsBeforeScarce
        offers = explanation.offers.map { Holdfast_V1_RouteOffer($0, facts, network) }
        servicesOut = explanation.servicesOut.map { out in
            var message = Holdfast_V1_ServiceOut()
            message.service = network.services[out.service].name
            message.excludedBy = out.exclusion.name
            return message
        }
        if let plan = explanation.bestPlan {
            let named = RoutedPlan(plan, question: question, network: network)
            bestPlan = Holdfast_V1_RoutePlan(named, goals: goals)
        }
        bestPlanIsOptimal = explanation.bestPlanIsOptimal
        lostBy = explanation.lostBy.map {
            Holdfast_V1_ScorePart($0.goal, amount: $0.amount, weight: $0.goal.weight(in: goals))
        }
    }
}

extension Holdfast_V1_RouteOffer {
    fileprivate init(_ offer: RouteOffer, _ node: Node, _ network: Network) {
        self.init()
        service = network.services[offer.service].name
        slotDay = Days.text(node.slots[offer.slot].day)
        slotWindow = Int32(node.slots[offer.slot].window)
        arrives = Days.text(offer.arrives)
        if let room = offer.unitsRoom { unitsRoom = room }
        perShipment = Holdfast_V1_RouteAmounts(offer.perShipment)
        perUnit = offer.perUnit.map { Holdfast_V1_RouteAmounts($0) }
        carries = offer.carries
    }
}

extension Exclusion {
    /// As callers read it.
    package var name: String {
        switch self {
        case .status(let status): status.name
        case .rule(let place): "RULE \(place)"
        case .ability(let missing):
            missing.contains(.hazardous)
                ? "NO_HAZARDOUS" : missing.contains(.pickUp) ? "NO_PICK_UP" : "NO_SHIPPING"
        case .countryNotServed: "COUNTRY_NOT_SERVED"
        case .noStock: "NO_STOCK"
        case .rejected: "REJECTED"
        case .noRate: "NO_RATE"
        case .tooLate: "TOO_LATE"
        case .capacityFull: "CAPACITY_FULL"
        }
    }
}
