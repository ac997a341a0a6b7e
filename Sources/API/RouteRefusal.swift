// What a caller is told about a cart that cannot be routed.

package import Base
package import Domain
package import RPC

extension Status {
    /// - Parameter decision: the stored decision that explains it, if there is one.
    package static func noRoute(
        _ obstacle: RouteObstacle,
        _ fields: RequestFields,
        decision: ID?,
    ) -> Status {
        var metadata: [String: String] = [:]
        if let decision { metadata["decision_id"] = decision.description }
        switch obstacle {
        case .soldOut(let line, let sku, let requested, let available):
            metadata["sku"] = sku
            metadata["requested"] = "\(requested)"
            metadata["available"] = "\(available)"
            return refused(
                .failedPrecondition,
                "sold out: \(sku), \(requested) requested, \(available) available at all nodes",
                reason: "SOLD_OUT",
                field: fields.path(line: line, fields.quantity),
                metadata: metadata,
                more: [.precondition("STOCK", sku, "\(available) available")],
            )
        case .capacityFull:
            return refused(
                .failedPrecondition,
                "every slot in time is full at the nodes that could send it",
                reason: "CAPACITY_FULL",
                field: fields.path(line: -1, ""),
                metadata: metadata,
                more: [.precondition("CAPACITY", "slots", "full")],
            )
        case .other(let why):
            metadata["why"] = why.name
            return refused(
                .failedPrecondition,
                "no node can send it: \(why.explanation)",
                reason: "NO_ROUTE",
                field: fields.path(line: -1, ""),
                metadata: metadata,
                more: [.precondition("ROUTE", why.name, why.explanation)],
            )
        case .contended:
            return refused(
                .aborted,
                "others hold what the last plans need and are about to be decided",
                reason: "CONTENDED",
                field: fields.path(line: -1, ""),
                metadata: metadata,
                more: [.retryInfo(delayMilliseconds: contendedRetryMs)],
            )
        }
    }
}

extension NoPlan {
    /// In words.
    var explanation: String {
        switch self {
        case .units: "all nodes together have too little"
        case .capacity: "every slot is full"
        case .promiseDate: "it would arrive too late"
        case .rules: "rules forbid every plan"
        case .severalObstacles: "capacity, date and rules forbid every plan together"
        case .network: "nodes that have it do not send there"
        }
    }
}
