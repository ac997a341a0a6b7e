// What one event loop counts, and what of it reaches the page.

import Telemetry
import Testing

@Suite struct LoopMetricsTests {
    private let reserve = "/holdfast.v1.ReservationService/Reserve"

    private func page(_ loops: LoopMetrics...) throws -> Exposition {
        var page = MetricsPage()
        for loop in loops { loop.writeCalls(to: &page) }
        return try Exposition(page.text())
    }

    @Test func `a call is in flight until it is answered, then counted by method and code`() throws
    {
        let metrics = LoopMetrics(methods: [reserve])
        metrics.callStarted()
        metrics.callStarted()
        #expect(try page(metrics).value("holdfast_rpc_calls_in_flight") == 2)
        metrics.callEnded(reserve, code: 0, microseconds: 300)
        metrics.callEnded(reserve, code: 9, microseconds: 90)
        let read = try page(metrics)
        #expect(read.value("holdfast_rpc_calls_in_flight") == 0)
        let name = "holdfast_rpc_calls_total"
        #expect(read.value(name, ["method": reserve, "code": "OK"]) == 1)
        #expect(read.value(name, ["method": reserve, "code": "FAILED_PRECONDITION"]) == 1)
        #expect(read.samples.count { $0.name == name } == 2)
    }

    @Test func `a duration on a bound belongs to the bucket of that bound`() throws {
        let metrics = LoopMetrics(methods: [reserve])
        metrics.callStarted()
        metrics.callEnded(reserve, code: 0, microseconds: 250)
        metrics.callStarted()
        metrics.callEnded(reserve, code: 0, microseconds: 251)
        let read = try page(metrics)
        let name = "holdfast_rpc_call_duration_seconds_bucket"
        #expect(read.value(name, ["method": reserve, "le": "0.0001"]) == 0)
        #expect(read.value(name, ["method": reserve, "le": "0.00025"]) == 1)
        #expect(read.value(name, ["method": reserve, "le": "0.0005"]) == 2)
    }

    @Test func `methods that are not served share one series`() throws {
        let metrics = LoopMetrics(methods: [reserve])
        for name in ["/a/B", "/c/D", "unknown"] {
            metrics.callStarted()
            metrics.callEnded(name, code: 12, microseconds: 1)
        }
        let calls = try page(metrics).samples.filter { $0.name == "holdfast_rpc_calls_total" }
        #expect(calls.map(\.labels) == [["method": "unknown", "code": "UNIMPLEMENTED"]])
        #expect(calls.map(\.value) == [3])
    }

    @Test func `a limit is counted by its name, and shown before it bites`() throws {
        let metrics = LoopMetrics(methods: [], limits: ["pings", "resets"])
        let name = "holdfast_rpc_limit_hits_total"
        #expect(try page(metrics).value(name, ["limit": "resets"]) == 0)
        metrics.limitHit(1)
        metrics.limitHit(1)
        #expect(try page(metrics).value(name, ["limit": "resets"]) == 2)
        #expect(try page(metrics).value(name, ["limit": "pings"]) == 0)
    }

    @Test func `two loops add up`() throws {
        let first = LoopMetrics(methods: [reserve])
        let second = LoopMetrics(methods: [reserve])
        for loop in [first, second] {
            loop.connectionOpened()
            loop.callStarted()
            loop.callEnded(reserve, code: 0, microseconds: 1_000)
        }
        second.connectionClosed()
        let read = try page(first, second)
        #expect(read.value("holdfast_rpc_connections") == 1)
        #expect(read.value("holdfast_rpc_calls_total", ["method": reserve, "code": "OK"]) == 2)
        let sum = "holdfast_rpc_call_duration_seconds_sum"
        #expect(read.value(sum, ["method": reserve]) == 0.002)
    }

    @Test func `a reader on another thread sees every count of the writer`() async {
        let metrics = LoopMetrics(methods: [])
        let writer = Task.detached {
            for _ in 0..<100_000 { metrics.add(.gateAdmitted, 1) }
        }
        var last: Int64 = 0
        while last < 100_000 {
            let value = metrics.value(.gateAdmitted)
            #expect(value >= last)
            last = value
            await Task.yield()
        }
        await writer.value
        #expect(metrics.value(.gateAdmitted) == 100_000)
    }
}
