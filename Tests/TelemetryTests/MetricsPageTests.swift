// The page of metrics, as a reader that we did not write for it understands it.

import Telemetry
import Testing

@Suite struct MetricsPageTests {
    /// A page with one sample of every figure.
    private func fullPage() -> MetricsPage {
        var page = MetricsPage()
        for metric in Metric.allCases {
            let labels = metric.labels.map { "some \($0.rawValue)" }
            if metric.kind == .histogram {
                var counts = DurationCounts()
                counts.buckets[0] = 1
                page.add(metric, counts, labels: labels)
            } else {
                page.add(metric, 1, labels: labels)
            }
        }
        return page
    }

    @Test func `every figure has its heading and its sample exactly once`() throws {
        let page = try Exposition(fullPage().text())
        #expect(page.help.count == Metric.allCases.count)
        for metric in Metric.allCases {
            #expect(page.types[metric.name] == metric.kind.rawValue)
            #expect(page.help[metric.name] == metric.help)
            let name = metric.kind == .histogram ? metric.name + "_count" : metric.name
            #expect(page.samples.count { $0.name == name } == 1, "\(metric.name)")
        }
    }

    @Test func `a figure that nobody reported has a heading and no sample`() throws {
        let page = try Exposition(MetricsPage().text())
        #expect(page.samples.isEmpty)
        #expect(page.types.count == Metric.allCases.count)
    }

    @Test(arguments: Metric.allCases)
    func `a name says what kind of figure it is`(metric: Metric) {
        #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
        #expect(metric.name.allSatisfy { $0.isLowercase || $0 == "_" })
        #expect(metric.help.hasSuffix("."))
    }

    @Test(arguments: ["back\\slash", "quo\"te", "two\nlines", "\\n", "{method=\"x\"}", "é,=", ""])
    func `a label's value comes back as it was`(value: String) throws {
        var page = MetricsPage()
        page.add(.rpcCalls, 7, labels: [value, "OK"])
        let read = try Exposition(page.text())
        #expect(read.value("holdfast_rpc_calls_total", ["method": value, "code": "OK"]) == 7)
    }

    @Test func `what several loops report is one series`() throws {
        var page = MetricsPage()
        page.add(.gateAdmitted, 3)
        page.add(.gateAdmitted, 4)
        page.add(.expirySweepLag, fraction: 0.25)
        page.add(.expirySweepLag, fraction: 0.5)
        let read = try Exposition(page.text())
        #expect(read.value("holdfast_gate_admitted_total") == 7)
        #expect(read.value("holdfast_expiry_sweep_lag_seconds") == 0.75)
    }

    @Test func `buckets are cumulative and end with all calls`() throws {
        var counts = DurationCounts()
        counts.buckets[0] = 2
        counts.buckets[3] = 5
        counts.buckets[counts.buckets.count - 1] = 1
        counts.sumMicroseconds = 40_000_250
        var page = MetricsPage()
        page.add(.rpcCallDuration, counts, labels: ["/m"])
        let read = try Exposition(page.text())
        let name = "holdfast_rpc_call_duration_seconds"
        #expect(read.value(name + "_bucket", ["method": "/m", "le": "0.0001"]) == 2)
        #expect(read.value(name + "_bucket", ["method": "/m", "le": "0.0005"]) == 2)
        #expect(read.value(name + "_bucket", ["method": "/m", "le": "0.001"]) == 7)
        #expect(read.value(name + "_bucket", ["method": "/m", "le": "30"]) == 7)
        #expect(read.value(name + "_bucket", ["method": "/m", "le": "+Inf"]) == 8)
        #expect(read.value(name + "_count", ["method": "/m"]) == 8)
        #expect(read.value(name + "_sum", ["method": "/m"]) == 40.00025)
    }
}
