// One reading of all figures, and its text in Prometheus' format 0.0.4. The page is summed over loops
// before it is written, so every series appears once.

internal import Base

/// One reading of all figures.
package struct MetricsPage: Sendable {
    private enum Sample: Sendable {
        case whole(Int64)
        case fraction(Double)
        case durations(DurationCounts)
    }

    private var samples: [Metric: [[String]: Sample]] = [:]

    package init() {}

    /// Adds to a figure: what several loops report is summed.
    ///
    /// - Parameter labels: one value for each of `metric.labels`, in their order.
    package mutating func add(_ metric: Metric, _ value: Int64, labels: [String] = []) {
        check(metric, labels, isHistogram: false)
        let sample: Sample =
            switch samples[metric]?[labels] {
            case .whole(let old): .whole(old &+ value)
            case .fraction(let old): .fraction(old + Double(value))
            case .durations, nil: .whole(value)
            }
        samples[metric, default: [:]][labels] = sample
    }

    /// Adds a number that need not be whole, such as seconds.
    package mutating func add(_ metric: Metric, fraction: Double, labels: [String] = []) {
        check(metric, labels, isHistogram: false)
        let sample: Sample =
            switch samples[metric]?[labels] {
            case .whole(let old): .fraction(Double(old) + fraction)
            case .fraction(let old): .fraction(old + fraction)
            case .durations, nil: .fraction(fraction)
            }
        samples[metric, default: [:]][labels] = sample
    }

    /// Adds observed durations.
    package mutating func add(_ metric: Metric, _ counts: DurationCounts, labels: [String] = []) {
        check(metric, labels, isHistogram: true)
        var sum = counts
        if case .durations(let old)? = samples[metric]?[labels] { sum.merge(old) }
        samples[metric, default: [:]][labels] = .durations(sum)
    }

    /// The page as text (`text/plain; version=0.0.4`).
    ///
    /// Figures that nobody reported have a heading and no sample.
    package func text() -> String {
        var text = ""
        for metric in Metric.allCases {
            text += "# HELP \(metric.name) \(escapedHelp(metric.help))\n"
            text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            let series = (samples[metric] ?? [:])
                .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            for (values, sample) in series {
                let labels = zip(metric.labels, values).map { ($0.rawValue, $1) }
                switch sample {
                case .whole(let value): text += line(metric.name, labels, "\(value)")
                case .fraction(let value): text += line(metric.name, labels, number(value))
                case .durations(let counts): text += lines(metric.name, labels, counts)
                }
            }
        }
        return text
    }

    private func check(_ metric: Metric, _ labels: [String], isHistogram: Bool) {
        invariant(
            metric.labels.count == labels.count,
            "\(metric.name) has \(metric.labels.count) labels, got \(labels.count)",
        )
        invariant(
            (metric.kind == .histogram) == isHistogram,
            "\(metric.name) is a \(metric.kind.rawValue)",
        )
    }
}

// MARK: Text

private func lines(
    _ name: String,
    _ labels: [(String, String)],
    _ counts: DurationCounts,
) -> String {
    var text = ""
    var sum: Int64 = 0
    for (index, count) in counts.buckets.enumerated() {
        sum += count
        let bounds = DurationBuckets.boundsMicroseconds
        let bound = index < bounds.count ? seconds(bounds[index]) : "+Inf"
        text += line(name + "_bucket", labels + [("le", bound)], "\(sum)")
    }
    text += line(name + "_sum", labels, seconds(counts.sumMicroseconds))
    text += line(name + "_count", labels, "\(sum)")
    return text
}

private func line(_ name: String, _ labels: [(String, String)], _ value: String) -> String {
    if labels.isEmpty { return "\(name) \(value)\n" }
    let list = labels.map { "\($0)=\"\(escapedLabel($1))\"" }.joined(separator: ",")
    return "\(name){\(list)} \(value)\n"
}

/// Microseconds as seconds, exactly and without an exponent: 2500 is `0.0025`.
private func seconds(_ microseconds: Int64) -> String {
    let whole = microseconds / 1_000_000
    let rest = microseconds % 1_000_000
    if rest == 0 { return "\(whole)" }
    var digits = String(rest)
    digits = String(repeating: "0", count: 6 - digits.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(whole).\(digits)"
}

private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return "\(value)"
}

/// Backslash, quote and line feed are the three that a label's value may not hold as they are.
private func escapedLabel(_ text: String) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": escaped += "\\\\"
        case "\"": escaped += "\\\""
        case "\n": escaped += "\\n"
        default: escaped.unicodeScalars.append(character)
        }
    }
    return escaped
}

/// A help text may hold quotes as they are.
func escapedHelp(_ text: String) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
        switch character {
        case "\\": escaped += "\\\\"
        case "\n": escaped += "\\n"
        default: escaped.unicodeScalars.append(character)
        }
    }
    return escaped
}
