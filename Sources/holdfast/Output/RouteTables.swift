// Plans, decisions, explanations and simulations as tables for people.

internal import Messages
internal import SwiftProtobuf

/// A plan and its runner-ups.
func routeText(_ answer: Holdfast_V1_RouteResponse) -> String {
    let fields = fieldsText(
        [("decision", answer.decisionID)] + planFields(answer.plan, answer.basis)
    )
    var text = fields + "\n" + planText(answer.plan, answer.basis.currency)
    if !answer.runnerUps.isEmpty {
        var table = Table([
            .number("NO"), .number("SCORE"), .number("COST"), .number("SHIPMENTS"),
            .text("ARRIVES"), .text("FROM"),
        ])
        for (place, plan) in answer.runnerUps.enumerated() {
            table.add([
                "\(place + 2)", "\(plan.score)",
                money(plan.amounts.costMinor, answer.basis.currency),
                "\(plan.amounts.shipments)", plan.arrives,
                plan.shipments.map(\.node).joined(separator: " "),
            ])
        }
        text += "\n" + table.text
    }
    return text
}

/// A reservation that was routed.
func routedText(_ answer: Holdfast_V1_RoutedReservation) -> String {
    reservationText(answer.reservation) + "\n"
        + fieldsText(planFields(answer.plan, answer.basis)) + "\n"
        + planText(answer.plan, answer.basis.currency)
}

private func planFields(
    _ plan: Holdfast_V1_RoutePlan,
    _ basis: Holdfast_V1_RouteBasis,
) -> [(String, String)] {
    [
        ("arrives", plan.arrives),
        ("cost", "\(money(plan.amounts.costMinor, basis.currency)) \(basis.currency)"),
        ("score", "\(plan.score)"),
        (
            "proven",
            basis.isOptimal
                ? "no plan is better" : "no plan is better by more than \(basis.gap) points"
        ),
        ("rules", "\(basis.ruleSet.name) version \(basis.ruleSet.version)"),
        ("network", "version \(basis.networkVersion)"),
        ("planned", momentText(basis.plannedAt)),
    ]
}

/// The shipments of a plan, one line for each SKU.
func planText(_ plan: Holdfast_V1_RoutePlan, _ currency: String) -> String {
    var table = Table([
        .number("NO"), .text("NODE"), .text("SERVICE"), .text("LEAVES"), .text("ARRIVES"),
        .text("SKU"), .number("UNITS"), .number("COST"), .number("KM"),
    ])
    for (place, shipment) in plan.shipments.enumerated() {
        for (index, line) in shipment.lines.enumerated() {
            let isFirst = index == 0
            table.add([
                isFirst ? "\(place + 1)" : "", isFirst ? shipment.node : "",
                isFirst ? shipment.service : "",
                isFirst ? "\(shipment.slotDay)/\(shipment.slotWindow)" : "",
                isFirst ? shipment.arrives : "", line.sku, "\(line.quantity)",
                isFirst ? money(shipment.amounts.costMinor, currency) : "",
                isFirst ? "\(shipment.amounts.distanceKm)" : "",
            ])
        }
    }
    return table.text
}

/// Decisions, one per line.
func decisionsText(_ decisions: [Holdfast_V1_RouteDecision]) -> String {
    var table = Table([
        .text("DECISION"), .text("AT"), .text("CHANNEL"), .text("TO"), .number("LINES"),
        .text("RESERVED"), .number("COST"), .text("ARRIVES"), .text("FROM"),
    ])
    for decision in decisions {
        let place = decision.destination.postalCode
        table.add([
            decision.id, momentText(decision.at), decision.channel,
            decision.destination.country + (place.isEmpty ? "" : ":\(place)"),
            "\(decision.lines.count)", decision.isReserved ? "yes" : "no",
            decision.hasPlan
                ? money(decision.plan.amounts.costMinor, decision.basis.currency) : "",
            decision.hasPlan ? decision.plan.arrives : "",
            decision.hasPlan
                ? decision.plan.shipments.map(\.node).joined(separator: " ") : decision.noPlan,
        ])
    }
    return table.text
}

/// Why a decision came out as it did.
func explanationText(_ answer: Holdfast_V1_RouteExplanation) -> String {
    let decision = answer.decision
    let currency = decision.basis.currency
    var fields = [
        ("decision", decision.id), ("reserved", decision.isReserved ? "yes" : ""),
        ("no plan", decision.noPlan),
        ("again", answer.isSame ? "comes out the same" : "COMES OUT OTHERWISE"),
    ]
    if decision.hasPlan { fields += planFields(decision.plan, decision.basis) }
    fields.append(
        (
            "weights",
            answer.weights.filter { $0.weight != 0 }.map { "\($0.goal) \($0.weight)" }
                .joined(separator: ", ")
        )
    )
    var text = fieldsText(fields)
    if decision.hasPlan {
        text += "\n" + planText(decision.plan, currency)
        var parts = Table([
            .text("GOAL"), .number("AMOUNT"), .number("WEIGHT"), .number("POINTS"),
        ])
        for part in decision.plan.parts where part.points != 0 {
            parts.add([part.goal, "\(part.amount)", "\(part.weight)", "\(part.points)"])
        }
        text += "\n" + parts.text
    }
    var nodes = Table([
        .text("NODE"), .text("KIND"), .text("UNITS"), .number("OFFERS"), .number("BEST SCORE"),
        .text("LOST BY"),
    ])
    for node in answer.nodes {
        nodes.add([
            node.node, node.kind, node.units.map { "\($0)" }.joined(separator: " "),
            "\(node.offers.count)", node.hasBestPlan ? "\(node.bestPlan.score)" : "",
            lossText(node),
        ])
    }
    return text + "\n" + nodes.text
}

private func lossText(_ node: Holdfast_V1_NodeExplanation) -> String {
    if !node.excludedBy.isEmpty { return node.excludedBy }
    if !node.hasBestPlan { return "in no plan" }
    if node.lostBy.isEmpty { return "in the winner" }
    let points = node.lostBy.reduce(0) { $0 + $1.points }
    if points == 0 { return "equal, later in order" }
    let parts = node.lostBy.filter { $0.points != 0 }
        .map { "\($0.goal) \(signed($0.points))" }
    return "\(points) points: " + parts.joined(separator: ", ")
}

/// What other rules would change.
func simulationText(_ answer: Holdfast_V1_SimulateRoutesResponse) -> String {
    let (summary, currency) = (answer.summary, answer.summary.currency)
    let rules = summary.ruleSet
    var text = fieldsText([
        ("rules", rules.version == 0 ? rules.name : "\(rules.name) version \(rules.version)"),
        ("decisions", "\(summary.decisions)"),
        ("changed", "\(summary.changed)"),
    ])
    var sums = Table([.text("SUM"), .number("BEFORE"), .number("AFTER"), .number("DIFFERENCE")])
    for row in simulationRows(summary) {
        sums.add([row.name, row.text(row.before), row.text(row.after), row.difference])
    }
    text += "\n" + sums.text
    var nodes = Table([
        .text("NODE"), .number("SHIPMENTS"), .number("AFTER"), .number("UNITS"), .number("AFTER"),
        .number("COST"), .number("AFTER"),
    ])
    for node in summary.nodes {
        nodes.add([
            node.node, "\(node.shipmentsBefore)", "\(node.shipmentsAfter)", "\(node.unitsBefore)",
            "\(node.unitsAfter)", money(node.costMinorBefore, currency),
            money(node.costMinorAfter, currency),
        ])
    }
    text += "\n" + nodes.text
    if answer.differences.isEmpty { return text }
    var table = Table([
        .text("DECISION"), .text("FROM"), .text("WOULD BE FROM"), .number("COST"),
        .text("ARRIVES"), .text("WOULD"),
    ])
    for change in answer.differences {
        let cost = change.after.amounts.costMinor - change.before.amounts.costMinor
        table.add([
            change.decisionID.isEmpty ? "cart \(change.cart + 1)" : change.decisionID,
            change.hasBefore ? nodeNames(of: change.before) : change.noPlanBefore,
            change.hasAfter ? nodeNames(of: change.after) : change.noPlanAfter,
            change.hasBefore && change.hasAfter
                ? (cost > 0 ? "+" : "") + money(cost, currency) : "",
            change.before.arrives, change.after.arrives,
        ])
    }
    return text + "\n" + table.text
}

private func nodeNames(of plan: Holdfast_V1_RoutePlan) -> String {
    plan.shipments.map(\.node).joined(separator: " ")
}

/// A sum of a simulation.
struct SimulationRow {
    var name: String
    var before: Int64
    var after: Int64
    /// Minor units of a currency; empty: a plain number.
    var currency = ""

    func text(_ value: Int64) -> String { currency.isEmpty ? "\(value)" : money(value, currency) }

    /// After less before, with its sign.
    var difference: String {
        let change = after - before
        return (change > 0 ? "+" : "") + text(change)
    }
}

/// The sums of a simulation, by name.
func simulationRows(_ summary: Holdfast_V1_SimulationSummary) -> [SimulationRow] {
    let (before, after) = (summary.before, summary.after)
    return [
        SimulationRow(name: "planned", before: before.planned, after: after.planned),
        SimulationRow(name: "without a plan", before: before.unplanned, after: after.unplanned),
        SimulationRow(
            name: "cost",
            before: before.costMinor,
            after: after.costMinor,
            currency: summary.currency,
        ),
        SimulationRow(name: "shipments", before: before.shipments, after: after.shipments),
        SimulationRow(name: "split carts", before: before.splits, after: after.splits),
        SimulationRow(name: "promise days", before: before.promiseDays, after: after.promiseDays),
        SimulationRow(name: "kilometres", before: before.distanceKm, after: after.distanceKm),
        SimulationRow(name: "score", before: before.score, after: after.score),
    ]
}

/// An amount of minor units.
func money(_ minor: Int64, _ currency: String) -> String {
    Currency(currency)?.text(minor) ?? "\(minor)"
}
