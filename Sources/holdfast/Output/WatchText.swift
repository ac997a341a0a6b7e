// What is watched, for people: a table of what is there, then a line for each node that has changed.

internal import Messages
internal import SwiftProtobuf

/// Makes text of the answers of a watch, in the order in which they come.
struct WatchText {
    private typealias Node = Holdfast_V1_NodeAvailability

    private let items: [Holdfast_V1_AvailabilityItem]
    /// What was told last of each item, by node.
    private var told: [Int32: [String: Node]] = [:]

    init(_ items: [Holdfast_V1_AvailabilityItem]) {
        self.items = items
    }

    /// The text of the next answer, which came at `moment`.
    mutating func next(
        _ answer: Holdfast_V1_WatchAvailabilityResponse,
        at moment: Google_Protobuf_Timestamp,
    ) -> String {
        let isFirst = told.isEmpty
        var lines = ""
        for item in answer.items {
            let before = told[item.index] ?? [:]
            for node in item.availability.nodes where before[node.node] != node {
                let old = before[node.node]?.available ?? 0
                lines += Self.line(item.availability.sku, node, node.available - old, moment)
            }
            told[item.index] = Dictionary(
                item.availability.nodes.map { ($0.node, $0) },
                uniquingKeysWith: { $1 },
            )
        }
        return isFirst ? table(answer) : lines
    }

    private func table(_ answer: Holdfast_V1_WatchAvailabilityResponse) -> String {
        var table = Table([
            .text("SKU"), .text("NODE"), .number("AVAILABLE"), .number("ON HAND"),
            .number("RESERVED"), .number("ALLOCATED"), .number("SAFETY"),
        ])
        for item in answer.items {
            let sku = item.availability.sku
            if item.availability.nodes.isEmpty {
                let asked =
                    items.indices.contains(Int(item.index)) ? items[Int(item.index)].node : ""
                table.add([sku, asked.isEmpty ? "-" : asked, "0", "-", "-", "-", "-"])
            }
            for node in item.availability.nodes {
                let position = node.position
                table.add([
                    sku, node.node, "\(node.available)", "\(position.onHand)",
                    "\(position.reserved)", "\(position.allocated)", "\(position.safety)",
                ])
            }
        }
        return table.text
    }

    private static func line(
        _ sku: String,
        _ node: Node,
        _ change: Int64,
        _ moment: Google_Protobuf_Timestamp,
    ) -> String {
        let sign = change > 0 ? "+" : ""
        let position = node.position
        return [
            momentText(moment), "\(printable(sku))@\(printable(node.node))",
            "available \(node.available) (\(sign)\(change))", "on hand \(position.onHand)",
            "reserved \(position.reserved)", "allocated \(position.allocated)",
        ]
        .joined(separator: "  ") + "\n"
    }
}
