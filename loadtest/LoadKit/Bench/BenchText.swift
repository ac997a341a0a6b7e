// The report of a benchmark as a table for people, and as JSON for programs.

internal import Foundation

extension BenchReport {
    /// A table of everything, which ends with the verdict.
    package var text: String {
        var lines = [
            "\(scenario.rawValue), run \(run): \(scenario.summary)", loopText, "",
            row("offered/s", Self.grouped(offeredPerSecond)),
            row("accepted/s", Self.grouped(acceptedPerSecond)),
            row("refused/s", Self.grouped(refusedPerSecond)),
        ]
        for (reason, rate) in refusedByReason.sorted(by: { $0.key < $1.key }) {
            lines.append(row("  " + reason, Self.grouped(rate)))
        }
        lines.append(row("errors", "\(errors)"))
        for (reason, count) in failures.sorted(by: { $0.key < $1.key }) {
            lines.append(row("  " + reason, "\(count)"))
        }
        lines += ["", latencyTitle]
        let figures = [
            ("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99),
            ("p99.9", latency.p999), ("max", latency.max),
        ]
        lines += figures.map { name, value in
            row("  " + name, value.map { Self.milliseconds($0) + " ms" } ?? "n/a")
        }
        lines += ["", row("CPU us a request", "") + "   memory"]
        for (use, memory) in zip(cpu.entries, memory.entries) {
            let share = use.value.map { String(format: "%.2f", $0) } ?? "n/a"
            let size = memory.value.map { "\($0 / 1_048_576) MiB" } ?? "n/a"
            lines.append(row("  " + use.name, share) + Self.right(size, 12))
        }
        if !cpu.missing.isEmpty {
            lines.append("NOT FOUND, so not counted: " + cpu.missing.joined(separator: ", "))
        }
        lines += booksText
        lines += notes.map { "note: " + $0 }
        lines += ["", isGood ? "good" : "NOT GOOD: " + faults.joined(separator: "; ")]
        return lines.joined(separator: "\n")
    }

    var loopText: String {
        let span = String(format: "%.1f s measured", seconds)
        guard let rate else {
            return "closed loop, \(connections) connections x \(streams) callers, \(span)"
        }
        return
            "open loop, \(Self.grouped(rate)) calls/s meant, \(connections) connections, \(span),"
            + " sent late by \(Self.milliseconds(behindP99)) ms at p99"
    }

    var latencyTitle: String {
        let what = scenario == .soldout ? "refused" : "accepted"
        return "latency of \(what) calls, from the moment that they were meant to be sent"
    }

    private var booksText: [String] {
        guard let books else { return [] }
        return [
            "",
            "books: \(books.acknowledged) reservations acknowledged, \(books.found) in Postgres",
            "  units accepted \(books.acknowledgedUnits) = held \(books.heldUnits) + confirmed"
                + " \(books.confirmedUnits) + ordered \(books.orderedUnits) + cancelled"
                + " \(books.cancelledUnits) + released \(books.releasedUnits) + expired"
                + " \(books.expiredUnits)",
            "  positions \(books.positions): on hand \(books.onHand) of \(books.received) received,"
                + " held \(books.held), allocated \(books.allocated), oversold \(books.oversold)",
            "  drift at \(books.drifting) of \(books.viewed) viewed positions, pending"
                + " \(books.pending)",
        ]
    }

    private func row(_ name: String, _ value: String) -> String {
        name.padding(toLength: max(name.count, 22), withPad: " ", startingAt: 0)
            + Self.right(value, 14)
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func milliseconds(_ microseconds: Int) -> String {
        String(format: "%.2f", Double(microseconds) / 1_000)
    }

    /// A whole number with a comma before every three digits.
    static func grouped(_ number: Double) -> String {
        var rest = Array(String(Int(number.rounded())))
        var groups: [String] = []
        while rest.count > 3 {
            groups.insert(String(rest.suffix(3)), at: 0)
            rest.removeLast(3)
        }
        return ([String(rest)] + groups).joined(separator: ",")
    }
}

// MARK: JSON

extension BenchReport {
    /// The report as one JSON object, the verdict in it.
    package func json() throws(BenchFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(Document(self)), as: UTF8.self)
        } catch {
            throw BenchFailure(description: "the report cannot be written: \(error)")
        }
    }

    /// The keys that programs rely on.
    private struct Document: Encodable {
        var scenario: String
        var run: String
        var connections: Int
        var streams: Int
        var rate: Double?
        var seconds: Double
        var offeredPerSecond: Double
        var acceptedPerSecond: Double
        var refusedPerSecond: Double
        var refusedByReason: [String: Double]
        var errors: Int
        var errorsByReason: [String: Int]
        var latency: LatencyFigures
        var behindP99: Int
        var cpu: [String: Double?]
        var memory: [String: Int?]
        var notes: [String]
        var verdict: Verdict

        private enum CodingKeys: String, CodingKey {
            case scenario
            case run
            case connections
            case streams
            case rate
            case seconds
            case offeredPerSecond = "offered_per_s"
            case acceptedPerSecond = "accepted_per_s"
            case refusedPerSecond = "refused_per_s"
            case refusedByReason = "refused_by_reason"
            case errors
            case errorsByReason = "errors_by_reason"
            case latency = "latency_us"
            case behindP99 = "behind_us_p99"
            case cpu = "cpu_us_per_request"
            case memory = "memory_bytes"
            case notes
            case verdict
        }

        init(_ report: BenchReport) {
            scenario = report.scenario.rawValue
            run = report.run
            connections = report.connections
            streams = report.streams
            rate = report.rate
            seconds = report.seconds
            offeredPerSecond = report.offeredPerSecond
            acceptedPerSecond = report.acceptedPerSecond
            refusedPerSecond = report.refusedPerSecond
            refusedByReason = report.refusedByReason
            errors = report.errors
            errorsByReason = report.failures
            latency = report.latency
            behindP99 = report.behindP99
            cpu = Dictionary(
                uniqueKeysWithValues: report.cpu.entries.map { ($0.name, $0.value) }
            )
            memory = Dictionary(
                uniqueKeysWithValues: report.memory.entries.map { ($0.name, $0.value) }
            )
            notes = report.notes
            verdict = report.isGood ? .good : .bad(report.faults)
        }
    }

    private enum Verdict: Encodable {
        case good
        case bad([String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .good: try container.encode("good")
            case .bad(let faults): try container.encode(faults)
            }
        }
    }
}
