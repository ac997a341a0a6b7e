// The report of a benchmark as one page that needs nothing else: no script, no font, no picture.

internal import Foundation

enum Page {
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    /// Colours for both schemes, and nothing that moves.
    static let style = """
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --grid: #dfe3e8;
          --paper: #ffffff; --a: #1f6feb; --b: #d9480f; --c: #2b8a3e; --d: #862e9c; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4;
          --grid: #323a46; --paper: #14181e; --a: #6ea8fe; --b: #ff922b; --c: #69db7c;
          --d: #da77f2; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
          max-width: 780px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.4rem; margin-bottom: 0; }
        p.sub, .legend, figcaption small { color: var(--soft); }
        p.sub { margin-top: .2rem; }
        .verdict { padding: .5rem .8rem; border-left: 4px solid var(--c); background: var(--grid); }
        .verdict.bad { border-color: var(--b); }
        figure { margin: 2rem 0; }
        figcaption { font-weight: 600; margin-bottom: .3rem; }
        svg { width: 100%; height: auto; display: block; }
        .grid { stroke: var(--grid); }
        .label { fill: var(--soft); font: 11px system-ui, sans-serif; }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
        .line.a { stroke: var(--a); } .line.b { stroke: var(--b); }
        .dot.a, .bar.a { fill: var(--a); } .dot.b, .bar.b { fill: var(--b); }
        .bar.c { fill: var(--c); } .bar.d { fill: var(--d); }
        .key { display: inline-block; width: .8em; height: .8em; margin-right: .4em;
          border-radius: 2px; }
        .key.a { background: var(--a); } .key.b { background: var(--b); }
        .key.c { background: var(--c); } .key.d { background: var(--d); }
        .legend { margin: .3rem 0 0; font-size: 13px; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        td, th { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--grid); }
        td:last-child { text-align: right; }
        """
}

extension BenchReport {
    /// The page.
    package var html: String {
        let title = "Holdfast bench: \(scenario.rawValue)"
        let verdict =
            isGood
            ? "<p class=\"verdict\">Verdict: good</p>"
            : "<p class=\"verdict bad\">Verdict: "
                + faults.map(Page.escaped).joined(separator: "<br>") + "</p>"
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title><style>
            \(Page.style)
            </style></head><body>
            <h1>\(title)</h1>
            <p class="sub">\(Page.escaped(scenario.summary))<br>
            run \(Page.escaped(run)), \(Page.escaped(loopText))</p>
            \(verdict)
            \(([table, processorBar] + charts).joined(separator: "\n"))
            </body></html>

            """
    }

    // MARK: Parts

    private var table: String {
        var rows: [(String, String)] = [
            ("offered a second", Self.grouped(offeredPerSecond)),
            ("accepted a second", Self.grouped(acceptedPerSecond)),
            ("refused a second", Self.grouped(refusedPerSecond)),
        ]
        for (reason, rate) in refusedByReason.sorted(by: { $0.key < $1.key }) {
            rows.append(("refused a second: " + reason, Self.grouped(rate)))
        }
        rows.append(("errors", "\(errors)"))
        for (reason, count) in failures.sorted(by: { $0.key < $1.key }) {
            rows.append(("errors: " + reason, "\(count)"))
        }
        let figures = [
            ("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99),
            ("p99.9", latency.p999), ("max", latency.max),
        ]
        rows += figures.map { name, value in
            ("latency \(name)", value.map { Self.milliseconds($0) + " ms" } ?? "n/a")
        }
        for (use, size) in zip(cpu.entries, memory.entries) {
            let share = use.value.map { String(format: "%.2f us", $0) } ?? "n/a"
            rows.append(("CPU a request: \(use.name)", share))
            let memory = size.value.map { "\($0 / 1_048_576) MiB" } ?? "n/a"
            rows.append(("memory: \(use.name)", memory))
        }
        rows += notes.map { ("note: " + $0, "") }
        let cells = rows.map {
            "<tr><td>\(Page.escaped($0.0))</td><td>\(Page.escaped($0.1))</td></tr>"
        }
        return "<table>\(cells.joined(separator: "\n"))</table>"
    }

    /// The processors' time of a request, side by side in one bar.
    private var processorBar: String {
        let styles = ["a", "b", "c", "d"]
        let total = cpu.entries.reduce(0) { $0 + ($1.value ?? 0) }
        guard total > 0 else { return "" }
        var x = 0.0
        var bars: [String] = []
        var keys: [String] = []
        for (entry, style) in zip(cpu.entries, styles) {
            let width = 720 * (entry.value ?? 0) / total
            bars.append(
                String(format: "<rect class=\"bar %@\" x=\"%.1f\" y=\"0\" ", style, x)
                    + String(format: "width=\"%.1f\" height=\"34\"/>", width)
            )
            x += width
            let share = entry.value.map { String(format: "%.2f us", $0) } ?? "n/a"
            keys.append("<span class=\"key \(style)\"></span>\(entry.name) \(share)")
        }
        return """
            <figure><figcaption>CPU of a request: \(String(format: "%.2f", total)) us in all</figcaption>
            <svg viewBox="0 0 720 34" role="img" aria-label="CPU of a request by process">
            \(bars.joined(separator: "\n"))
            </svg>
            <p class="legend">\(keys.joined(separator: " &emsp; "))</p></figure>
            """
    }

    private var charts: [String] {
        var charts: [String] = []
        if curve.count > 1 { charts.append(percentileChart.svg) }
        if !timeline.isEmpty {
            charts.append(throughputChart.svg)
            charts.append(latencyChart.svg)
        }
        return charts
    }

    private var percentileChart: Chart {
        let decades = max(1, log10(curve.last?.oneIn ?? 10))
        let ticks = [
            (1.0, "0"), (2, "50 %"), (10, "90 %"), (100, "99 %"), (1_000, "99.9 %"),
            (10_000, "99.99 %"), (100_000, "99.999 %"), (1_000_000, "99.9999 %"),
        ]
        return Chart(
            title: "Latency by percentile",
            xTitle: "share of the calls that took no longer, on the scale of 1/(1-p)",
            yTitle: "ms",
            ticks: ticks.map { Chart.Tick(x: log10($0.0) / decades, label: $0.1) }
                .filter { $0.x <= 1 },
            lines: [
                Chart.Line(
                    name: "latency",
                    style: "a",
                    points: curve.map {
                        (log10($0.oneIn) / decades, Double($0.microseconds) / 1_000)
                    },
                )
            ],
        )
    }

    private var throughputChart: Chart {
        timeChart(
            "Calls a second over time",
            "calls/s",
            [
                ("accepted", "a", { Double($0.accepted) / max($0.seconds, 0.001) }),
                ("refused", "b", { Double($0.refused) / max($0.seconds, 0.001) }),
            ],
        )
    }

    private var latencyChart: Chart {
        timeChart(
            "Latency over time, by second",
            "ms",
            [
                ("p50", "a", { Double($0.p50) / 1_000 }), ("p99", "b", { Double($0.p99) / 1_000 }),
            ],
        )
    }

    private func timeChart(
        _ title: String,
        _ yTitle: String,
        _ lines: [(String, String, (BenchSecond) -> Double)],
    ) -> Chart {
        var ends: [Double] = []
        for second in timeline { ends.append((ends.last ?? 0) + second.seconds) }
        let last = max(ends.last ?? 1, 0.001)
        // Ten marks at most, at whole seconds.
        let step = max(1, Int((last / 10).rounded(.up)))
        return Chart(
            title: title,
            xTitle: "seconds of the measurement",
            yTitle: yTitle,
            ticks: stride(from: 0, through: Int(last), by: step)
                .map { Chart.Tick(x: Double($0) / last, label: "\($0)") },
            lines: lines.map { name, style, value in
                Chart.Line(
                    name: name,
                    style: style,
                    points: zip(ends, timeline).map { ($0 / last, value($1)) },
                )
            },
        )
    }
}
