// Connects what other modules count with the metrics that are published.

internal import Postgres
internal import RPC
internal import Telemetry

extension RPCServerEvents {
    /// Counts the connections, the calls and the limits hit of one loop.
    init(counting metrics: LoopMetrics) {
        self.init()
        connectionOpened = { metrics.connectionOpened() }
        connectionClosed = { metrics.connectionClosed() }
        handshakeFailed = { _ in metrics.handshakeFailed() }
        callStarted = { _ in metrics.callStarted() }
        // Calls come in rows, and comparing a string with itself costs nothing.
        var recent: (method: String, counts: LoopMetrics.MethodCounts)?
        callEnded = { method, code, microseconds in
            let counts: LoopMetrics.MethodCounts
            if let recent, recent.method == method {
                counts = recent.counts
            } else {
                counts = metrics.counts(of: method)
                recent = (method, counts)
            }
            metrics.callEnded(counts, code: code.rawValue, microseconds: microseconds)
        }
        limitHit = { metrics.limitHit($0.number) }
    }
}

extension LoopMetrics {
    /// The names of all limits of the transport, each at its number.
    static let limits = RPCLimit.allCases.map(\.rawValue)
}

extension MetricsPage {
    /// Adds what the client of Postgres has done.
    mutating func add(_ statistics: PostgresStatistics) {
        add(.postgresUnitsSent, Int64(statistics.unitsSent))
        add(.postgresUnitsLate, Int64(statistics.unitsLate))
        add(.postgresUnitsFinished, Int64(statistics.unitsFinished))
        add(.postgresUnitsOutstanding, Int64(statistics.unitsOutstanding))
        add(.postgresConnectionsOpened, Int64(statistics.connectionsOpened))
        add(.postgresConnectionsLost, Int64(statistics.connectionsLost))
        add(.postgresConnectFailures, Int64(statistics.connectFailures))
        add(.postgresNotices, Int64(statistics.notices))
        add(.postgresConnections, Int64(statistics.connectionsUp))
    }
}
