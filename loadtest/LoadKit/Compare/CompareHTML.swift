// The report of a comparison as one page that needs nothing besides: bars for each turn, and the table.

internal import Foundation

extension CompareReport {
    private static let colours = ["#2563eb", "#d97706", "#6b7280"]

    /// The page.
    package var html: String {
        let sides = ([ours] + peers).filter { $0.skipped == nil }
        let summary =
            ratio.map {
                "<strong>\(Self.text($0.median))</strong> times"
                    + " (\(Self.text($0.min)) to \(Self.text($0.max)))"
            } ?? "no ratio"
        let skipped = peers.compactMap { peer in
            peer.skipped.map { "<p class=\"bad\">\(escaped("\(peer.name) \($0)"))</p>" }
        }
        let names = ([ours] + peers)
            .map { side in
                let clients = side.clients.map { ", \($0) clients" } ?? ""
                let floor = side.isFloor ? " (a floor, not a rival)" : ""
                return "<li>" + escaped("\(side.name): \(side.what)\(floor), asked by")
                    + escaped(" \(side.generator)\(clients)") + "</li>"
            }
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>Holdfast: compare \
            \(scenario.rawValue)</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 62em; }
            table { border-collapse: collapse; font-size: 13px; }
            th, td { padding: .3em .7em; text-align: right; border-bottom: 1px solid #ddd; }
            th:first-child, td:first-child { text-align: left; }
            .bad { color: #b91c1c; } .good { color: #15803d; }
            svg { width: 100%; height: auto; }
            </style></head><body>
            <h1>\(scenario.rawValue)</h1>
            <p>\(escaped(scenario.ratioOf)): \(summary), \(turnsText).</p>
            \(skipped.joined(separator: "\n"))
            <h2>\(scenario == .soldout ? "Refused" : "Accepted") a second, turn by turn</h2>
            \(bars(sides) { scenario == .soldout ? $0.refusedPerSecond : $0.acceptedPerSecond })
            <h2>Processor time of all that serves, µs for a request</h2>
            \(bars(sides) { $0.servingMicroseconds ?? 0 })
            <h2>The middle of the turns</h2>
            \(page(table: [headings] + ([ours] + peers).map(row)))
            <ul>\(names.joined())</ul>
            <p class="\(isGood ? "good" : "bad")">\
            \(escaped(isGood ? "good" : "NOT GOOD: " + faults.joined(separator: "; ")))</p>
            </body></html>

            """
    }

    /// A group of bars for each turn, a bar for each side.
    private func bars(_ sides: [ComparedSide], _ figure: (TurnFigures) -> Double) -> String {
        let turns = sides.map(\.turns.count).max() ?? 0
        let top = sides.flatMap { $0.turns.map(figure) }.max() ?? 0
        guard turns > 0, top > 0 else { return "<p>nothing was measured</p>" }
        let width = 900.0
        let height = 240.0
        let base = 200.0
        let group = width / Double(turns)
        let bar = group * 0.8 / Double(sides.count)
        var parts: [String] = []
        for (place, side) in sides.enumerated() {
            let colour = Self.colours[place % Self.colours.count]
            for (index, turn) in side.turns.enumerated() {
                let value = figure(turn)
                // A bar that is next to nothing is drawn as a line, so that it is seen to be there.
                let tall = max(1, value / top * 170)
                let left = Double(index) * group + group * 0.1 + Double(place) * bar
                let middle = left + bar / 2
                parts.append(
                    "<rect x=\"\(Int(left))\" y=\"\(Int(base - tall))\" width=\"\(Int(bar - 3))\""
                        + " height=\"\(Int(tall))\" fill=\"\(colour)\"/>"
                        + label(Self.text(value), x: middle, y: base - tall - 6)
                        + label(side.name, x: middle, y: base + 16)
                )
            }
        }
        for index in 0..<turns {
            parts.append(
                label("turn \(index + 1)", x: (Double(index) + 0.5) * group, y: base + 34)
            )
        }
        return "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\">"
            + "<line x1=\"0\" y1=\"\(Int(base))\" x2=\"\(Int(width))\" y2=\"\(Int(base))\""
            + " stroke=\"#999\"/>" + parts.joined(separator: "\n") + "</svg>"
    }

    private func label(_ text: String, x: Double, y: Double) -> String {
        "<text x=\"\(Int(x))\" y=\"\(Int(y))\" font-size=\"12\" text-anchor=\"middle\">"
            + "\(escaped(text))</text>"
    }

    private func page(table rows: [[String]]) -> String {
        let lines = rows.enumerated()
            .map { index, row in
                let cell = index == 0 ? "th" : "td"
                return "<tr>" + row.map { "<\(cell)>\(escaped($0))</\(cell)>" }.joined() + "</tr>"
            }
        return "<table>\(lines.joined(separator: "\n"))</table>"
    }

    private static func text(_ value: Double) -> String {
        value >= 100 ? "\(Int(value.rounded()))" : String(format: "%.2f", value)
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
