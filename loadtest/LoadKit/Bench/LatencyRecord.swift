// Latencies in microseconds with three significant digits, and what is told of them.

internal import Histogram

/// The figures of a report, in microseconds; nil where nothing was measured.
package struct LatencyFigures: Hashable, Sendable, Codable {
    package var p50: Int?
    package var p90: Int?
    package var p99: Int?
    package var p999: Int?
    package var max: Int?
    package var count = 0

    package init() {}

    private enum CodingKeys: String, CodingKey {
        case p50
        case p90
        case p99
        case p999 = "p99_9"
        case max
        case count
    }
}

/// A point of the percentile curve.
package struct CurvePoint: Hashable, Sendable, Codable {
    /// 1/(1-p): 2 is the median, 100 the 99th percentile.
    package var oneIn: Double
    package var microseconds: Int
}

/// A histogram of high dynamic range.
struct LatencyRecord {
    private var histogram: Histogram<UInt64>

    init() {
        histogram = Histogram(numberOfSignificantValueDigits: .three)
    }

    var count: Int { Int(histogram.totalCount) }

    mutating func record(microseconds: UInt64) {
        histogram.record(microseconds)
    }

    mutating func reset() {
        histogram.reset()
    }

    /// The smallest latency that so many percent of the calls did not exceed.
    func percentile(_ percent: Double) -> Int {
        count == 0 ? 0 : Int(min(histogram.valueAtPercentile(percent), histogram.max))
    }

    var figures: LatencyFigures {
        var figures = LatencyFigures()
        guard count > 0 else { return figures }
        figures.p50 = percentile(50)
        figures.p90 = percentile(90)
        figures.p99 = percentile(99)
        figures.p999 = percentile(99.9)
        figures.max = Int(histogram.max)
        figures.count = count
        return figures
    }

    /// The percentiles, ten for each power of ten of 1/(1-p), up to where a single call stands.
    var curve: [CurvePoint] {
        guard count > 0 else { return [] }
        var points: [CurvePoint] = []
        var oneIn = 1.0
        while oneIn < Double(count) {
            let percent = 100 * (1 - 1 / oneIn)
            points.append(CurvePoint(oneIn: oneIn, microseconds: percentile(percent)))
            // Ten points for each power of ten.
            oneIn *= 1.258_925_411_794_167_3
        }
        points.append(CurvePoint(oneIn: Double(count), microseconds: Int(histogram.max)))
        return points
    }
}
