// The report of an overload run as a table for people, and as JSON for programs.

internal import Foundation

extension OverloadReport {
    private static let columns = [
        "level", "offered/s", "accepted/s", "of peak", "refused", "w/ delay", "errors", "p50 ms",
        "p99 ms", "behind ms", "gen. cores",
    ]

    /// Tables of everything, which end with the verdict.
    package var text: String {
        let all = [capacity] + levels
        var lines = [
            "run \(run): \(connections) connections, deadline \(deadlineMilliseconds) ms,"
                + " latencies from the moment that a call was meant to be made",
            "",
        ]
        lines += Self.table([Self.columns] + all.map(row))
        lines.append("")
        let kinds = OverloadCall.allCases.map { kind in
            all.map { level in level.calls[kind.name] ?? OverloadCount() }
        }
        lines += Self.table(
            [["accepted of offered"] + all.map(\.name)]
                + zip(OverloadCall.allCases, kinds)
                .map { kind, counts in
                    [kind.name]
                        + counts.map {
                            "\($0.accepted)/\($0.offered)" + Self.percent($0.accepted, $0.offered)
                        }
                }
        )
        for level in all {
            for (reason, count) in level.refusals.sorted(by: { $0.key < $1.key }) {
                lines.append("refused at \(level.name): \(reason): \(count)")
            }
            for (reason, count) in level.errors.sorted(by: { $0.key < $1.key }) {
                lines.append("failed at \(level.name): \(reason): \(count)")
            }
        }
        lines.append("")
        lines.append(isGood ? "good" : "NOT GOOD: " + faults.joined(separator: "; "))
        return lines.joined(separator: "\n")
    }

    private func row(_ level: OverloadLevel) -> [String] {
        let total = level.total
        return [
            level.name, "\(Int(level.offeredPerSecond))", "\(Int(level.acceptedPerSecond))",
            "\(Int(100 * goodputShare(of: level))) %", "\(total.refused)",
            "\(level.refusalsWithDelay)", "\(total.failed)", Self.ms(level.p50Microseconds),
            Self.ms(level.p99Microseconds), Self.ms(level.behindP99Microseconds),
            String(format: "%.2f", level.generatorCores),
        ]
    }

    private static func ms(_ microseconds: Int) -> String {
        String(format: "%.1f", Double(microseconds) / 1_000)
    }

    private static func percent(_ part: Int, _ whole: Int) -> String {
        whole == 0 ? "" : " (\(100 * part / whole) %)"
    }

    /// Columns as wide as what is in them.
    private static func table(_ rows: [[String]]) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count)
            .map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated()
                .map { index, cell in
                    let space = String(repeating: " ", count: cell.1 - cell.0.count)
                    return index == 0 ? cell.0 + space : space + cell.0
                }
                .joined(separator: "  ")
        }
    }

    /// The report as one JSON object, the verdict in it.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let verdict = Verdict(
            good: isGood,
            faults: faults,
            peakPerSecond: peakPerSecond,
            goodputShares: levels.map(goodputShare),
            report: self,
        )
        return String(decoding: try encoder.encode(verdict), as: UTF8.self)
    }

    private struct Verdict: Encodable {
        var good: Bool
        var faults: [String]
        var peakPerSecond: Double
        var goodputShares: [Double]
        var report: OverloadReport
    }
}
