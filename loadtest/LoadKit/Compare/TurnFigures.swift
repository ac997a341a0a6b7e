// What one side did in one turn, in the form that both sides share, and what a peer's own program
// says of itself.

internal import Foundation

/// The figures of one side in one turn.
package struct TurnFigures: Hashable, Sendable, Codable {
    package var acceptedPerSecond = 0.0
    package var refusedPerSecond = 0.0
    /// From the question to the answer, by the name of the percentile, in microseconds.
    package var latencyMicroseconds: [String: Double] = [:]
    /// Processor time for each request, by the part that spent it; nil when it was not found.
    package var cpuMicroseconds: [String: Double?] = [:]
    /// What is wrong with the turn; empty: it counts.
    package var faults: [String] = []

    package init() {}

    /// Processor time for each request of all that serves, without who asks; nil when any is unknown.
    package var servingMicroseconds: Double? {
        var sum = 0.0
        for (part, microseconds) in cpuMicroseconds where part != Self.generator {
            guard let microseconds else { return nil }
            sum += microseconds
        }
        return sum
    }

    static let generator = "generator"

    private enum CodingKeys: String, CodingKey {
        case acceptedPerSecond = "accepted_per_s"
        case refusedPerSecond = "refused_per_s"
        case latencyMicroseconds = "latency_us"
        case cpuMicroseconds = "cpu_us_per_request"
        case faults
    }
}

/// The one line that `naive_peer run` prints.
package struct NaiveAnswer: Hashable, Sendable, Decodable {
    package var mode: String
    package var clients: Int
    package var acceptedPerSecond: Double
    package var refusedPerSecond: Double
    package var latencyMicroseconds: [String: Double]
    package var cpuMicroseconds: [String: Double]
    package var verdict: String

    private enum CodingKeys: String, CodingKey {
        case mode
        case clients
        case acceptedPerSecond = "accepted_per_s"
        case refusedPerSecond = "refused_per_s"
        case latencyMicroseconds = "latency_us"
        case cpuMicroseconds = "cpu_us_per_request"
        case verdict
    }

    package init(json: String) throws(CompareFailure) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        } catch {
            throw CompareFailure(description: "the naive peer said '\(json)', which is no answer")
        }
    }

    package var figures: TurnFigures {
        var figures = TurnFigures()
        figures.acceptedPerSecond = acceptedPerSecond
        figures.refusedPerSecond = refusedPerSecond
        figures.latencyMicroseconds = latencyMicroseconds
        figures.cpuMicroseconds = cpuMicroseconds
        // The peer says -1 when it could not look at Postgres.
        if let postgres = cpuMicroseconds["postgres"], postgres < 0 {
            figures.cpuMicroseconds["postgres"] = .some(nil)
        }
        if verdict != "good" { figures.faults = ["naive peer: \(verdict)"] }
        return figures
    }
}

/// What `h2load` prints when it is done.
package struct H2LoadAnswer: Hashable, Sendable {
    package var requestsPerSecond: Double
    package var succeeded: Int
    package var failed: Int

    /// Looks for the two lines that count in what it printed.
    package init(text: String) throws(CompareFailure) {
        let rate = text.firstMatch(of: #/finished in [^,]+, ([0-9.]+) req/s/#)
        let counts = text.firstMatch(
            of: #/requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored/#
        )
        guard let rate, let counts, let perSecond = Double(rate.1),
            let succeeded = Int(counts.1), let failed = Int(counts.2), let errored = Int(counts.3)
        else {
            throw CompareFailure(description: "h2load said '\(text)', which has no figures")
        }
        requestsPerSecond = perSecond
        self.succeeded = succeeded
        self.failed = failed + errored
    }
}
