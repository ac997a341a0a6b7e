// The report as text for people, and as JSON for programs.

internal import Foundation

extension ReplayReport {
    private static let shownMax = 20

    /// A table of everything, which ends with the verdict.
    package var text: String {
        var lines = ["run \(run): \(rows) rows in \(invoices) invoices, \(positions) positions"]
        lines.append("")
        lines.append(Self.columns("rows by class", ["rows"]))
        for (name, count) in rowsByClass.sorted(by: { $0.key < $1.key }) {
            lines.append(Self.columns("  \(name)", ["\(count)"]))
        }
        lines.append(Self.columns("  sum", ["\(rowsByClass.values.reduce(0, +))"]))
        lines.append(Self.columns("  input", ["\(rows)"]))
        lines.append("")
        lines.append(Self.columns("units", ["file", "answers", "server"]))
        for (name, path) in Figures.buckets {
            let figures = [file, answers, server].map { "\($0[keyPath: path])" }
            lines.append(Self.columns("  \(name)", figures))
        }
        lines.append("")
        lines.append(Self.columns("orders", ["\(ordersPlaced)"]))
        lines.append(Self.columns("calls", ["\(calls)"]))
        for (reason, count) in retries.sorted(by: { $0.key < $1.key }) {
            lines.append(Self.columns("  repeated: \(reason)", ["\(count)"]))
        }
        for (method, seconds) in slowest.sorted(by: { $0.key < $1.key }) {
            let name = method.split(separator: "/").last ?? ""
            lines.append(Self.columns("  slowest \(name), s", [Self.decimal(seconds)]))
        }
        lines.append(Self.columns("seconds", [Self.decimal(seconds)]))
        lines.append(
            Self.columns("orders/s", [Self.decimal(Double(ordersPlaced) / max(seconds, 0.001))])
        )
        lines += details
        lines.append("")
        lines.append(isBalanced ? "balanced" : "NOT BALANCED: " + faults.joined(separator: "; "))
        return lines.joined(separator: "\n")
    }

    /// The report as one JSON object, the verdict in it.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let verdict = Verdict(balanced: isBalanced, faults: faults, report: self)
        return String(decoding: try encoder.encode(verdict), as: UTF8.self)
    }

    private struct Verdict: Encodable {
        var balanced: Bool
        var faults: [String]
        var report: ReplayReport
    }

    /// The first of everything that is wrong.
    private var details: [String] {
        let rows = malformed.prefix(Self.shownMax).map { "line \($0.line): \($0.problem)" }
        let figures = differences.prefix(Self.shownMax)
            .map { difference in
                "\(difference.position.sku) at \(difference.position.node), \(difference.bucket):"
                    + " \(difference.source) \(difference.expected), server \(difference.server)"
            }
        let odd = Array(oddities.prefix(Self.shownMax))
        let words = refusals.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return [
            ("malformed rows", rows), ("the first refusal of each reason", words),
            ("differences", figures), ("odd answers", odd),
        ]
        .filter { !$0.1.isEmpty }
        .flatMap { ["", $0.0 + ":"] + $0.1.map { "  " + $0 } }
    }

    private static func decimal(_ value: Double) -> String {
        String(format: "%.1f", value)
    }

    private static func columns(_ name: String, _ values: [String]) -> String {
        let padded = values.map { String(repeating: " ", count: max(1, 13 - $0.count)) + $0 }
        return name + String(repeating: " ", count: max(1, 30 - name.count)) + padded.joined()
    }
}
