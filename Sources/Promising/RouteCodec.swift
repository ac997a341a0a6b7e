// The stored form of a decision: compact, because there may be thousands a second, and complete, because
// it must give the same decision again. Integers are written in groups of seven bits.

internal import Base
package import Domain

/// Writes and reads the bodies of decisions.
package enum RouteCodec {
    /// Of the form; a body of another one is not read.
    private static let form: UInt64 = 1

    // MARK: Writing

    /// The record of a decision that was made on `network`.
    package static func record(_ decision: RouteDecision, network: Network) -> RouteRecord {
        var body = BodyWriter()
        body.number(form)
        body.question(decision.question)
        body.number(UInt64(decision.steps))
        body.text(network.currency)
        var shipments = ""
        switch decision.result {
        case .refused(let reason):
            body.number(UInt64(reason.rawValue))
        case .planned(let plan, let isOptimal, let bound):
            body.number(0)
            body.number(isOptimal ? 1 : 0)
            body.signed(bound)
            body.plan(plan)
            shipments = words(plan, network)
        }
        body.view(decision.view, decision.question, network)
        return RouteRecord(
            id: decision.id,
            channel: decision.question.channel,
            network: decision.network,
            rules: decision.rules,
            shipments: shipments,
            body: body.bytes,
        )
    }

    private static func words(_ plan: RoutePlan, _ network: Network) -> String {
        plan.shipments
            .map { shipment in
                let node = network.nodes[shipment.node]
                let service = network.services[shipment.service]
                let slot = node.slots[shipment.slot]
                return [
                    node.name, service.name, service.carrier, Days.text(slot.day), "\(slot.window)",
                    Days.text(shipment.arrives),
                ]
                .joined(separator: "\t")
            }
            .joined(separator: "\n")
    }

    // MARK: Reading

    /// The decision of a record; nil when the bytes are not what was written for that network.
    package static func decision(_ record: RouteRecord, network: Network) -> RouteDecision? {
        guard let opened = opened(record) else { return nil }
        let summary = opened.summary
        var body = opened.body
        guard let view = body.view(summary.question, network), body.isAtEnd else { return nil }
        if case .planned(let plan, _, _) = summary.result {
            guard plan.fits(network, summary.question) else { return nil }
        }
        return RouteDecision(
            id: record.id,
            question: summary.question,
            network: record.network,
            rules: record.rules,
            view: view,
            steps: summary.steps,
            result: summary.result,
        )
    }

    /// What of a decision can be read without its network; nil when the bytes are none.
    package static func summary(_ record: RouteRecord) -> RouteSummary? {
        opened(record)?.summary
    }

    private static func opened(
        _ record: RouteRecord
    ) -> (summary: RouteSummary, body: BodyReader)? {
        var body = BodyReader(record.body)
        guard body.number() == form, let question = body.question(record.channel),
            let steps = body.number(), let currency = body.text(), let reason = body.number()
        else { return nil }
        let result: RouteResult
        var named: RoutedPlan?
        if reason == 0 {
            guard let isOptimal = body.number(), let bound = body.signed(),
                let plan = body.plan(),
                let words = RoutedPlan(plan, question, words: record.shipments)
            else { return nil }
            result = .planned(plan, isOptimal: isOptimal == 1, bound: bound)
            named = words
        } else {
            guard let why = NoPlan(rawValue: Int16(clamping: reason)) else { return nil }
            result = .refused(why)
        }
        let summary = RouteSummary(
            question: question,
            steps: Int(clamping: steps),
            currency: currency,
            result: result,
            plan: named,
        )
        return (summary, body)
    }
}

/// A decision without what it was made from.
package struct RouteSummary: Hashable, Sendable {
    package var question: RouteQuestion
    package var steps: Int
    package var currency: String
    package var result: RouteResult
    /// The winner in names; nil when there is no plan.
    package var plan: RoutedPlan?
}

extension RoutedPlan {
    /// Puts the words of a record to the numbers of its plan; nil when they do not fit.
    fileprivate init?(_ plan: RoutePlan, _ question: RouteQuestion, words: String) {
        let lines = words.split(separator: "\n")
        guard lines.count == plan.shipments.count else { return nil }
        var shipments: [RoutedShipment] = []
        for (shipment, line) in zip(plan.shipments, lines) {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard parts.count == 6, let day = Days.day(String(parts[3])),
                let window = Int16(parts[4]),
                shipment.lines.allSatisfy({ question.lines.indices.contains($0.line) })
            else { return nil }
            shipments.append(
                RoutedShipment(
                    node: String(parts[0]),
                    service: String(parts[1]),
                    carrier: String(parts[2]),
                    slotDay: day,
                    slotWindow: window,
                    arrives: shipment.arrives,
                    lines: shipment.lines.map { line in
                        ShippedLine(
                            line: line.line,
                            sku: question.lines[line.line].sku,
                            quantity: line.quantity,
                        )
                    },
                    amounts: shipment.amounts,
                )
            )
        }
        self.init(shipments: shipments, amounts: plan.amounts, score: plan.score)
    }
}

extension RoutePlan {
    /// Whether its numbers name something there.
    fileprivate func fits(_ network: Network, _ question: RouteQuestion) -> Bool {
        shipments.allSatisfy { shipment in
            network.nodes.indices.contains(shipment.node)
                && network.services.indices.contains(shipment.service)
                && network.nodes[shipment.node].slots.indices.contains(shipment.slot)
        }
    }
}
