// A line chart as SVG text: axes, a grid, lines, a legend. Pure.

internal import Foundation

struct Chart {
    struct Line {
        var name: String
        /// A class of the page's style.
        var style: String
        /// Positions across the chart from 0 to 1, and values.
        var points: [(x: Double, y: Double)]
    }

    struct Tick {
        var x: Double
        var label: String
    }

    private static let width = 720.0
    private static let height = 260.0
    private static let left = 64.0
    private static let right = 16.0
    private static let top = 12.0
    private static let bottom = 44.0

    var title: String
    var xTitle: String
    var yTitle: String
    var ticks: [Tick]
    var lines: [Line]

    /// The least "round" number that holds all values, and the distance of its marks.
    static func scale(to largest: Double) -> (top: Double, step: Double) {
        guard largest > 0 else { return (1, 0.25) }
        let power = pow(10, floor(log10(largest / 4)))
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map { $0 * power }.first { $0 * 4 >= largest }
        let chosen = step ?? power * 10
        return ((largest / chosen).rounded(.up) * chosen, chosen)
    }

    var svg: String {
        let largest = lines.flatMap(\.points).map(\.y).max() ?? 0
        let scale = Self.scale(to: largest)
        var parts = [
            "<figure><figcaption>\(Page.escaped(title))</figcaption>",
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\""
                + " aria-label=\"\(Page.escaped(title))\">",
        ]
        var mark = 0.0
        while mark <= scale.top * 1.000_1 {
            let y = place(y: mark, top: scale.top)
            parts.append(line(Self.left, y, Self.width - Self.right, y, "grid"))
            parts.append(text(Self.left - 8, y + 4, Self.label(mark), "end"))
            mark += scale.step
        }
        for tick in ticks {
            let x = place(x: tick.x)
            parts.append(line(x, Self.top, x, Self.height - Self.bottom, "grid"))
            parts.append(text(x, Self.height - Self.bottom + 16, tick.label, "middle"))
        }
        parts.append(text(place(x: 0.5), Self.height - 6, xTitle, "middle"))
        parts.append(
            "<text class=\"label\" text-anchor=\"middle\""
                + " transform=\"translate(14 \(Int(Self.height / 2 - 16))) rotate(-90)\">"
                + "\(Page.escaped(yTitle))</text>"
        )
        for series in lines {
            let points = series.points.map { point in
                String(
                    format: "%.1f,%.1f",
                    place(x: point.x),
                    place(y: point.y, top: scale.top),
                )
            }
            parts.append(
                "<polyline class=\"line \(series.style)\" points=\"\(points.joined(separator: " "))\"/>"
            )
            // A line of one point would not be seen.
            if points.count == 1, let only = series.points.first {
                parts.append(
                    "<circle class=\"dot \(series.style)\" r=\"3\" cx=\"\(place(x: only.x))\""
                        + " cy=\"\(place(y: only.y, top: scale.top))\"/>"
                )
            }
        }
        parts.append("</svg>")
        if lines.count > 1 { parts.append(legend) }
        parts.append("</figure>")
        return parts.joined(separator: "\n")
    }

    private var legend: String {
        let items = lines.map {
            "<span class=\"key \($0.style)\"></span>\(Page.escaped($0.name))"
        }
        return "<p class=\"legend\">\(items.joined(separator: " &emsp; "))</p>"
    }

    private func place(x: Double) -> Double {
        Self.left + x * (Self.width - Self.left - Self.right)
    }

    private func place(y: Double, top: Double) -> Double {
        Self.top + (1 - y / top) * (Self.height - Self.top - Self.bottom)
    }

    private func line(
        _ x1: Double,
        _ y1: Double,
        _ x2: Double,
        _ y2: Double,
        _ style: String,
    ) -> String {
        String(
            format: "<line class=\"%@\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
            style,
            x1,
            y1,
            x2,
            y2,
        )
    }

    private func text(_ x: Double, _ y: Double, _ label: String, _ anchor: String) -> String {
        String(format: "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" ", x, y)
            + "text-anchor=\"\(anchor)\">\(Page.escaped(label))</text>"
    }

    private static func label(_ value: Double) -> String {
        if value >= 1_000 { return BenchReport.grouped(value) }
        return value == value.rounded() ? "\(Int(value))" : String(format: "%g", value)
    }
}
