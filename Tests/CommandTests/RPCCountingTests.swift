// What the transport tells of its limits reaches the metrics page.

import RPC
import Telemetry
import Testing

@testable import holdfast

@Suite struct RPCCountingTests {
    @Test(arguments: RPCLimit.allCases)
    func `a limit that bites is counted under its own name`(limit: RPCLimit) {
        let metrics = LoopMetrics(methods: [], limits: LoopMetrics.limits)
        let events = RPCServerEvents(counting: metrics)
        for _ in 0..<3 { events.limitHit?(limit) }
        var page = MetricsPage()
        metrics.writeCalls(to: &page)
        let lines = page.text().split(separator: "\n")
            .filter { $0.hasPrefix("holdfast_rpc_limit_hits_total{") }
        #expect(lines.count == RPCLimit.allCases.count)
        let hit = lines.filter { !$0.hasSuffix(" 0") }
        #expect(hit == ["holdfast_rpc_limit_hits_total{limit=\"\(limit.rawValue)\"} 3"])
    }
}
