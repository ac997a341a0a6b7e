// The figures of a benchmark and the verdict: what makes a run bad, one fault at a time.

import Foundation
import Testing

@testable import LoadKit

@Suite struct BenchReportTests {
    /// Books of a good run in which everything has happened.
    private var goodBooks: BenchBooks {
        var books = BenchBooks()
        books.acknowledged = 100
        books.acknowledgedUnits = 100
        books.confirmed = 20
        books.released = 10
        books.placed = 12
        books.cancelled = 7
        books.received = 1_000
        books.found = 100
        books.foundUnits = 100
        books.heldUnits = 58
        books.confirmedUnits = 20
        books.orderedUnits = 5
        books.cancelledUnits = 7
        books.releasedUnits = 10
        books.positions = 4
        books.onHand = 1_000
        books.held = 58
        books.allocated = 25
        books.viewed = 4
        return books
    }

    private var goodReport: BenchReport {
        var report = BenchReport()
        report.scenario = .flash
        report.run = "t1"
        report.seconds = 2
        report.offered = 1_000
        report.accepted = 900
        report.refused = 95
        report.errors = 5
        report.refusals = ["CONTENDED": 95]
        report.failures = ["DEADLINE_EXCEEDED": 5]
        report.books = goodBooks
        report.cpu.server = 3.5
        report.cpu.generator = 1.25
        report.memory.server = 1_048_576
        for number in 1...3 {
            var second = BenchSecond()
            second.seconds = 1
            second.accepted = 300 * number
            second.p99 = 1_000
            report.timeline.append(second)
        }
        return report
    }

    @Test func `books that agree are good, and so is a report on them`() {
        #expect(goodBooks.faults == [])
        #expect(goodReport.faults == [])
    }

    @Test func `each fault in the books is seen`() {
        let changes: [(String, (inout BenchBooks) -> Void)] = [
            ("not in Postgres", { $0.found -= 1 }),
            ("units were acknowledged", { $0.foundUnits += 1 }),
            ("accounted for", { $0.releasedUnits -= 1 }),
            ("confirmed by the answers", { $0.confirmed += 1 }),
            ("released by the answers", { $0.released += 1 }),
            ("cancelled by the answers", { $0.cancelled -= 1 }),
            ("expired", { $0.expiredUnits = 1 }),
            ("positions promise", { $0.held += 1 }),
            ("positions promise", { $0.allocated -= 1 }),
            ("units were received", { $0.onHand += 1 }),
            ("more than they have", { $0.oversold = 1 }),
            ("sum of their ledger", { $0.unlikeLedger = 1 }),
            ("no positions", { $0.positions = 0 }),
            ("drift at 1", { $0.drifting = 1 }),
            ("come to rest", { $0.restless = 1 }),
            ("pending entries", { $0.pending = 1 }),
            ("drift was not judged", { $0.viewed = 0 }),
        ]
        for (words, change) in changes {
            var books = goodBooks
            change(&books)
            #expect(books.faults.contains { $0.contains(words) }, "\(words): \(books.faults)")
            var report = goodReport
            report.books = books
            #expect(!report.isGood)
        }
    }

    @Test func `units of unknown outcome may be there or not, but no more of them`() {
        var books = goodBooks
        books.unknownUnits = 3
        #expect(books.faults == [])
        books.held += 3
        #expect(books.faults == [])
        books.held += 1
        #expect(books.faults.count == 1)
    }

    @Test func `a run that shows nothing is bad`() {
        var report = goodReport
        report.accepted = 0
        report.refused = 995
        #expect(report.faults.contains { $0.contains("nothing was accepted") })
        report = goodReport
        report.errors += 1
        #expect(report.faults.contains { $0.contains("have ended") })
        report.offered += 1
        #expect(report.isGood)
        report.errors += 20
        report.accepted -= 20
        #expect(report.faults.contains { $0.contains("calls failed") })
        report = goodReport
        report.books = nil
        #expect(report.faults.contains { $0.contains("not read") })
    }

    @Test func `soldout must be told so, and may sell nothing`() {
        var report = goodReport
        report.scenario = .soldout
        #expect(report.faults.count == 2)
        report.offered = 1_000
        report.accepted = 0
        report.errors = 0
        report.refused = 1_000
        report.refusals = ["SOLD_OUT": 1_000]
        #expect(report.isGood)
    }

    @Test func `the JSON has the keys that programs rely on`() throws {
        let data = Data(try goodReport.json().utf8)
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(json["scenario"] as? String == "flash")
        #expect(json["offered_per_s"] as? Double == 500)
        #expect(json["accepted_per_s"] as? Double == 450)
        #expect(json["refused_per_s"] as? Double == 47.5)
        #expect(json["refused_by_reason"] as? [String: Double] == ["CONTENDED": 47.5])
        #expect(json["errors"] as? Int == 5)
        #expect(json["verdict"] as? String == "good")
        let latency = try #require(json["latency_us"] as? [String: Any])
        #expect(latency["count"] as? Int == 0)
        let cpu = try #require(json["cpu_us_per_request"] as? [String: Any])
        #expect(Set(cpu.keys) == ["server", "redis", "postgres", "generator"])
        #expect(cpu["server"] as? Double == 3.5 && cpu["redis"] is NSNull)
        var report = goodReport
        report.books?.drifting = 2
        #expect(try report.json().contains("drift at 2 of 4"))
    }

    @Test func `the text says what was not found, and keeps accepted and refused apart`() {
        let text = goodReport.text
        #expect(text.contains("NOT FOUND, so not counted: redis, postgres"))
        #expect(text.contains("accepted/s") && text.contains("  CONTENDED"))
        #expect(!text.contains("1,000"))
        #expect(text.hasSuffix("good"))
    }

    @Test func `the page is whole, needs nothing else and escapes what it shows`() {
        var report = goodReport
        report.otherFaults = ["a < b & \"c\""]
        let html = report.html
        #expect(html.contains("a &lt; b &amp; &quot;c&quot;"))
        #expect(html.hasSuffix("</html>\n"))
        for word in ["<script", "http:", "https:", "@import", "url("] {
            #expect(!html.contains(word), "\(word)")
        }
        // Throughput and latency over time; there are no calls for a percentile curve.
        #expect(html.matches(of: #/<polyline/#).count == 4)
    }

    // MARK: Latencies

    @Test func `percentiles are exact to three digits, and the curve ends at the largest`() throws {
        var record = LatencyRecord()
        #expect(record.figures == LatencyFigures())
        #expect(record.curve.isEmpty)
        for value in 1...10_000 { record.record(microseconds: UInt64(value * 10)) }
        let figures = record.figures
        for (share, value) in [(0.5, figures.p50), (0.9, figures.p90), (0.99, figures.p99)] {
            let exact = share * 100_000
            #expect(abs(Double(try #require(value)) - exact) <= exact / 1_000)
        }
        #expect(figures.count == 10_000)
        let curve = record.curve
        #expect(curve.map(\.oneIn) == curve.map(\.oneIn).sorted())
        #expect(curve.map(\.microseconds) == curve.map(\.microseconds).sorted())
        #expect(curve.last?.oneIn == 10_000)
        #expect(abs((curve.last?.microseconds ?? 0) - 100_000) <= 100)
        let ninetieth = try #require(curve.min { abs($0.oneIn - 10) < abs($1.oneIn - 10) })
        #expect(abs(ninetieth.microseconds - 90_000) <= 90)
    }

    @Test(arguments: [(0.0, 1.0), (3.2, 4), (7, 8), (95, 100), (101, 150), (42_000, 60_000)])
    func `a chart is little higher than what it shows`(_ largest: Double, _ top: Double) {
        let scale = Chart.scale(to: largest)
        #expect(abs(scale.top - top) < top / 1_000)
        #expect(scale.top >= largest)
    }

    // MARK: Processes

    @Test func `a line of stat is read whatever the name of the process`() throws {
        let line =
            "42 (a (bad) name) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 30 20 20 0 1 0 12345 1000000"
            + " 256 18446744073709551615"
        let status = try #require(ProcessStatus(stat: line))
        #expect(status.parent == 7)
        #expect(status.name == "a (bad) name")
        #expect(status.usage.cpuMicroseconds == 2_000_000)
        #expect(status.usageWithEndedChildren.cpuMicroseconds == 2_500_000)
        #expect(status.usage.residentBytes == 256 * 4_096)
        #expect(ProcessStatus(stat: "42 (short) S 7") == nil)
    }

    @Test func `options that make no sense are named`() {
        func problem(_ change: (inout BenchOptions) -> Void) -> String? {
            var options = BenchOptions(scenario: .flash, run: "t1")
            change(&options)
            return options.problem
        }
        #expect(problem { _ in } == nil)
        #expect(problem { $0.run = "a b" } != nil)
        #expect(problem { $0.seconds = 601 } != nil)
        #expect(problem { $0.rate = 0 } != nil)
        #expect(problem { $0.connections = 0 } != nil)
        #expect(problem { $0.scenario = .replay } == "replay needs --file")
        #expect(
            problem {
                $0.scenario = .stream
                $0.rate = 5
            } != nil
        )
    }
}
