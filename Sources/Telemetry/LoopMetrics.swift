// The counters of one event loop. Only that loop may write; the metrics page reads them from another
// thread without stopping it. Nothing here may lock, allocate or wait.

internal import Base

/// What one event loop has done.
package final class LoopMetrics: Sendable {
    /// What one loop has seen of one method.
    package final class MethodCounts: Sendable {
        let codes: [Cell] = statusCodeNames.map { _ in Cell() }
        let durations = DurationHistogram()
    }

    private let methods: [String: MethodCounts]
    private let unknown = MethodCounts()
    private let cells: [Metric: Cell]
    /// One of the cells: counted twice per call, so without looking it up.
    private let callsInFlight: Cell
    private let limits: [(name: String, hits: Cell)]

    /// - Parameter methods: the paths that are served, `/package.Service/Method`; every other is
    ///   counted as `unknown`, so that a caller cannot make series.
    /// - Parameter limits: the names of the limits that are counted, each at its number.
    package init(methods: [String], limits: [String] = []) {
        self.limits = limits.map { ($0, Cell()) }
        self.methods = Dictionary(
            methods.map { ($0, MethodCounts()) },
            uniquingKeysWith: { first, _ in first },
        )
        cells = Dictionary(
            uniqueKeysWithValues: Metric.allCases
                .filter { $0.labels.isEmpty && $0.kind != .histogram }
                .map { ($0, Cell()) }
        )
        guard let cell = cells[.rpcCallsInFlight] else {
            invariantBroken("calls in flight are one number")
        }
        callsInFlight = cell
    }

    // MARK: Written by the loop

    package func connectionOpened() { add(.rpcConnections, 1) }
    package func connectionClosed() { add(.rpcConnections, -1) }
    package func handshakeFailed() { add(.tlsHandshakeFailures, 1) }
    package func callStarted() { callsInFlight.add(1) }

    /// Counts a call that was answered, reset or lost.
    ///
    /// - Parameter code: the number of the gRPC code, 0 to 16.
    package func callEnded(_ method: String, code: Int, microseconds: Int64) {
        callEnded(counts(of: method), code: code, microseconds: microseconds)
    }

    /// The same for whoever has looked up the counts of the method before.
    package func callEnded(_ counts: MethodCounts, code: Int, microseconds: Int64) {
        invariant(statusCodeNames.indices.contains(code), "no gRPC code has the number \(code)")
        callsInFlight.add(-1)
        counts.codes[code].add(1)
        counts.durations.observe(microseconds)
    }

    /// Where calls of a method are counted.
    package func counts(of method: String) -> MethodCounts { methods[method] ?? unknown }

    /// Counts that somebody ran into a limit.
    ///
    /// - Parameter limit: its number in the list of names.
    package func limitHit(_ limit: Int) {
        invariant(limits.indices.contains(limit), "no limit has the number \(limit)")
        limits[limit].hits.add(1)
    }

    /// Adds to a figure that has no labels.
    package func add(_ metric: Metric, _ amount: Int64) {
        cell(metric).add(amount)
    }

    /// Sets a figure that has no labels.
    package func set(_ metric: Metric, _ amount: Int64) {
        cell(metric).set(amount)
    }

    // MARK: Read by anybody

    /// The present value of a figure that has no labels.
    package func value(_ metric: Metric) -> Int64 { cell(metric).value }

    /// Adds the calls and connections of this loop to a page.
    package func writeCalls(to page: inout MetricsPage) {
        page.add(.rpcConnections, value(.rpcConnections))
        page.add(.rpcCallsInFlight, value(.rpcCallsInFlight))
        page.add(.tlsHandshakeFailures, value(.tlsHandshakeFailures))
        // All of them from the start, so that an alert sees the first hit.
        for limit in limits { page.add(.rpcLimitHits, limit.hits.value, labels: [limit.name]) }
        for (method, counts) in methods { write(method, counts, &page) }
        write("unknown", unknown, &page)
    }

    private func write(_ method: String, _ counts: MethodCounts, _ page: inout MetricsPage) {
        for (code, cell) in counts.codes.enumerated() where cell.value > 0 {
            page.add(.rpcCalls, cell.value, labels: [method, statusCodeNames[code]])
        }
        let durations = counts.durations.counts
        if durations.count > 0 { page.add(.rpcCallDuration, durations, labels: [method]) }
    }

    private func cell(_ metric: Metric) -> Cell {
        guard let cell = cells[metric] else {
            invariantBroken("\(metric.name) has labels: it cannot be counted as one number")
        }
        return cell
    }
}

/// The names of the codes of gRPC, by number.
package let statusCodeNames = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
]
