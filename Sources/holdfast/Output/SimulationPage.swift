// A simulation as one page that needs nothing else: no script, no font, no picture.

internal import Foundation
internal import Messages

/// The page.
func simulationPage(_ answer: Holdfast_V1_SimulateRoutesResponse) -> String {
    let summary = answer.summary
    let rules = summary.ruleSet
    let name = rules.version == 0 ? rules.name : "\(rules.name) version \(rules.version)"
    let promises = summary.promises.map {
        PairedBars.Row(name: "\($0.days) days", before: $0.before, after: $0.after)
    }
    let shipments = summary.nodes.map {
        PairedBars.Row(name: $0.node, before: $0.shipmentsBefore, after: $0.shipmentsAfter)
    }
    let costs = summary.nodes.map {
        PairedBars.Row(name: $0.node, before: $0.costMinorBefore, after: $0.costMinorAfter)
    }
    return """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Holdfast: what if, by \(escaped(name))</title><style>
        \(pageStyle)
        </style></head><body>
        <h1>What if: the rules \(escaped(name))</h1>
        <p class="sub">\(summary.decisions) decisions played, \(summary.changed) come out otherwise.
        Nothing was changed.</p>
        \(sumsTable(summary))
        \(PairedBars(title: "Parcels by node", rows: shipments) { "\($0)" }.figure)
        \(PairedBars(title: "Handling and carriage by node, \(escaped(summary.currency))",
            rows: costs) { money($0, summary.currency) }.figure)
        \(PairedBars(title: "Carts by days until arrival", rows: promises) { "\($0)" }.figure)
        \(differencesTable(answer))
        </body></html>

        """
}

private func sumsTable(_ summary: Holdfast_V1_SimulationSummary) -> String {
    let rows = simulationRows(summary)
        .map {
            "<tr><td>\(escaped($0.name))</td><td>\($0.text($0.before))</td>"
                + "<td>\($0.text($0.after))</td><td>\($0.difference)</td></tr>"
        }
    return "<table><tr><th>in sum</th><th>before</th><th>after</th><th>difference</th></tr>"
        + rows.joined(separator: "\n") + "</table>"
}

private func differencesTable(_ answer: Holdfast_V1_SimulateRoutesResponse) -> String {
    if answer.differences.isEmpty { return "" }
    let currency = answer.summary.currency
    func side(_ isThere: Bool, _ plan: Holdfast_V1_RoutePlan, _ reason: String) -> String {
        guard isThere else { return escaped(reason) }
        let nodes = plan.shipments.map(\.node).joined(separator: " ")
        return escaped("\(nodes), \(money(plan.amounts.costMinor, currency)), \(plan.arrives)")
    }
    let rows = answer.differences.map { change in
        let name = change.decisionID.isEmpty ? "cart \(change.cart + 1)" : change.decisionID
        return "<tr><td>\(escaped(name))</td>"
            + "<td>\(side(change.hasBefore, change.before, change.noPlanBefore))</td>"
            + "<td>\(side(change.hasAfter, change.after, change.noPlanAfter))</td></tr>"
    }
    return "<h2>Decisions that come out otherwise</h2><table>"
        + "<tr><th>decision</th><th>before</th><th>after</th></tr>"
        + rows.joined(separator: "\n") + "</table>"
}

/// Two bars for each name, before and after.
private struct PairedBars {
    struct Row {
        var name: String
        var before: Int64
        var after: Int64
    }

    var title: String
    var rows: [Row]
    var text: (Int64) -> String

    /// The bars as SVG, with their values beside them.
    var figure: String {
        if rows.isEmpty { return "" }
        let most = max(1, rows.flatMap { [$0.before, $0.after] }.max() ?? 1)
        let height = rows.count * 40 + 4
        var bars: [String] = []
        for (index, row) in rows.enumerated() {
            let top = index * 40 + 4
            bars.append(label(row.name, x: 150, y: top + 20, anchor: "end"))
            for (offset, (style, value)) in [("a", row.before), ("b", row.after)].enumerated() {
                let y = top + offset * 16
                let width = 440 * Double(value) / Double(most)
                bars.append(
                    "<rect class=\"bar \(style)\" x=\"160\" y=\"\(y)\" "
                        + String(format: "width=\"%.1f\" height=\"13\"/>", width)
                )
                bars.append(
                    label(text(value), x: 166 + Int(width), y: y + 11, anchor: "start")
                )
            }
        }
        return """
            <figure><figcaption>\(title)</figcaption>
            <svg viewBox="0 0 720 \(height)" role="img" aria-label="\(title)">
            \(bars.joined(separator: "\n"))
            </svg>
            <p class="legend"><span class="key a"></span>before &emsp;
            <span class="key b"></span>after</p></figure>
            """
    }

    private func label(_ text: String, x: Int, y: Int, anchor: String) -> String {
        "<text class=\"label\" x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\">\(escaped(text))</text>"
    }
}

private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        .replacing("\"", with: "&quot;")
}

/// Colours for both schemes, and nothing that moves.
private let pageStyle = """
    :root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --grid: #dfe3e8;
      --paper: #ffffff; --a: #1f6feb; --b: #d9480f; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4;
      --grid: #323a46; --paper: #14181e; --a: #6ea8fe; --b: #ff922b; } }
    body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
      max-width: 780px; margin: 2rem auto; padding: 0 1rem; }
    h1 { font-size: 1.4rem; margin-bottom: 0; } h2 { font-size: 1.1rem; }
    p.sub, .legend { color: var(--soft); }
    figure { margin: 2rem 0; }
    figcaption { font-weight: 600; margin-bottom: .3rem; }
    svg { width: 100%; height: auto; display: block; }
    .label { fill: var(--soft); font: 11px system-ui, sans-serif; }
    .bar.a { fill: var(--a); } .bar.b { fill: var(--b); }
    .key { display: inline-block; width: .8em; height: .8em; margin-right: .4em;
      border-radius: 2px; }
    .key.a { background: var(--a); } .key.b { background: var(--b); }
    .legend { margin: .3rem 0 0; font-size: 13px; }
    table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
    td, th { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--grid); }
    """
