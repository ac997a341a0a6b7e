// The report of a comparison as a table for people, and as JSON for programs.

internal import Foundation

extension CompareReport {
    private static let columns = [
        "", "accepted/s", "refused/s", "p50 ms", "p99 ms", "CPU us/request", "of which",
        "generator us", "ratio", "from", "to",
    ]

    /// The table, with one line for each side and one for each reason not to believe it.
    package var text: String {
        var lines = [
            "\(scenario.rawValue): \(turnsText), one side after the other;"
                + " the middle of the turns",
            "ratio: \(scenario.ratioOf)",
            "",
        ]
        lines += table([Self.columns, row(ours)] + peers.map(row))
        lines.append("")
        for side in [ours] + peers {
            let clients = side.clients.map { ", best of its numbers of clients: \($0)" } ?? ""
            let floor = side.isFloor ? " (a floor, not a rival)" : ""
            lines.append("\(side.name): \(side.what)\(floor), asked by \(side.generator)\(clients)")
        }
        for peer in peers {
            if let skipped = peer.skipped { lines.append("\(peer.name) \(skipped)") }
            if let ratio = cpuRatio(to: peer) {
                lines.append(
                    "CPU of all that serves, \(peer.name) over ours: \(number(ratio.median))"
                        + " (\(number(ratio.min)) to \(number(ratio.max)))"
                )
            }
        }
        lines.append("")
        lines.append(isGood ? "good" : "NOT GOOD: " + faults.joined(separator: "; "))
        return lines.joined(separator: "\n")
    }

    func row(_ side: ComparedSide) -> [String] {
        if side.skipped != nil { return [side.name, "skipped"] }
        let middle = side.middle
        let parts = middle.cpuMicroseconds.filter { $0.key != TurnFigures.generator }
            .sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value.map(number) ?? "n/a")" }
        let ratio = side == ours ? nil : ratio(to: side)
        return [
            side.name, number(middle.acceptedPerSecond), number(middle.refusedPerSecond),
            milliseconds(middle.latencyMicroseconds["p50"]),
            milliseconds(middle.latencyMicroseconds["p99"]),
            middle.servingMicroseconds.map(number) ?? "n/a", parts.joined(separator: ", "),
            (middle.cpuMicroseconds[TurnFigures.generator] ?? nil).map(number) ?? "n/a",
            ratio.map { number($0.median) } ?? "", ratio.map { number($0.min) } ?? "",
            ratio.map { number($0.max) } ?? "",
        ]
    }

    var turnsText: String {
        let count = ours.turns.count
        return "\(count) \(count == 1 ? "turn" : "turns") each of \(number(seconds)) s"
    }

    var headings: [String] { Self.columns }

    private func milliseconds(_ microseconds: Double?) -> String {
        microseconds.map { number($0 / 1_000) } ?? "n/a"
    }

    /// Three digits that count, or all of a large number.
    private func number(_ value: Double) -> String {
        if value == 0 { return "0" }
        return value >= 100
            ? "\(Int(value.rounded()))" : String(format: value >= 10 ? "%.1f" : "%.2f", value)
    }

    /// Columns as wide as what is in them, the first to the left.
    private func table(_ rows: [[String]]) -> [String] {
        let widths = Self.columns.indices
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
}

// MARK: JSON

extension CompareReport {
    /// The report as one JSON object, the verdict in it.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let object = Encoded(
            scenario: scenario.rawValue,
            seconds: seconds,
            callers: callers,
            ratio: EncodedRatio(ratio, of: scenario.ratioOf),
            ours: encoded(ours),
            peers: peers.map(encoded),
            verdict: isGood ? .good : .faults(faults),
        )
        return String(decoding: try encoder.encode(object), as: UTF8.self)
    }

    private func encoded(_ side: ComparedSide) -> EncodedSide {
        let isPeer = side != ours
        return EncodedSide(
            name: side.name,
            what: side.what,
            generator: side.generator,
            isFloor: side.isFloor,
            clients: side.clients,
            skipped: side.skipped,
            middle: side.turns.isEmpty ? nil : side.middle,
            servingMicroseconds: side.turns.isEmpty ? nil : side.middle.servingMicroseconds,
            turns: side.turns,
            ratio: isPeer ? EncodedRatio(ratio(to: side), of: scenario.ratioOf) : nil,
            cpuRatio: isPeer
                ? EncodedRatio(
                    cpuRatio(to: side),
                    of: "CPU of all that serves for a request, the peer's over ours",
                ) : nil,
        )
    }

    private struct Encoded: Encodable {
        var scenario: String
        var seconds: Double
        var callers: Int
        var ratio: EncodedRatio?
        var ours: EncodedSide
        var peers: [EncodedSide]
        var verdict: EncodedVerdict
    }

    private struct EncodedSide: Encodable {
        var name: String
        var what: String
        var generator: String
        var isFloor: Bool
        var clients: Int?
        var skipped: String?
        var middle: TurnFigures?
        var servingMicroseconds: Double?
        var turns: [TurnFigures]
        var ratio: EncodedRatio?
        var cpuRatio: EncodedRatio?

        enum CodingKeys: String, CodingKey {
            case name
            case what
            case generator
            case isFloor = "is_floor"
            case clients
            case skipped
            case middle
            case servingMicroseconds = "serving_cpu_us_per_request"
            case turns
            case ratio
            case cpuRatio = "cpu_ratio"
        }
    }

    private struct EncodedRatio: Encodable {
        var of: String
        var median: Double
        var min: Double
        var max: Double

        init?(_ ratio: Ratio?, of name: String) {
            guard let ratio else { return nil }
            of = name
            median = ratio.median
            min = ratio.min
            max = ratio.max
        }
    }

    private enum EncodedVerdict: Encodable {
        case good
        case faults([String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .good: try container.encode("good")
            case .faults(let faults): try container.encode(faults)
            }
        }
    }
}
