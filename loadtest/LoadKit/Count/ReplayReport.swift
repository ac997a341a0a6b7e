// What a replay came to, as values: classes of rows, units by bucket, differences, time. The verdict
// is derived from them and can be set in no other way.

/// The report of one replay.
package struct ReplayReport: Hashable, Sendable, Codable {
    package var run = ""
    package var scarcePercent = 100
    /// Rows of the file behind the header.
    package var rows = 0
    package var invoices = 0
    /// Rows of each class, by name.
    package var rowsByClass: [String: Int] = [:]
    /// Rows of each class as the independent count has them; all refusals under `refused`.
    package var rowsCounted: [String: Int] = [:]
    package var malformed: [MalformedRow] = []
    /// Order parts that the server accepted, and how many it lists.
    package var ordersPlaced = 0
    package var ordersListed = 0
    package var positions = 0
    /// Units over all positions, as counted from the file, from the answers, and by the server.
    package var file = Figures()
    package var answers = Figures()
    package var server = Figures()
    package var differences: [Difference] = []
    /// Answers that do not fit their question or each other.
    package var oddities: [String] = []
    /// Attempts that were made again with the same key, by reason.
    package var retries: [String: Int] = [:]
    /// The server's words for the first refusal of each reason.
    package var refusals: [String: String] = [:]
    /// Seconds until the answer of the slowest call of each method, attempts made again included.
    package var slowest: [String: Double] = [:]
    package var calls = 0
    /// Calls after the opening stock that were done and how long they took, and those refused.
    package var acceptedCalls = 0
    package var refusedCalls: [String: Int] = [:]
    package var latency = LatencyFigures()
    package var curve: [CurvePoint] = []
    package var seconds = 0.0

    package init() {}

    /// Rows refused, by whatever reason.
    package var rowsRefused: Int {
        rowsByClass.reduce(0) { $0 + ($1.key.hasPrefix("refused") ? $1.value : 0) }
    }

    /// Each reason for which the run does not balance; empty: it does.
    package var faults: [String] {
        var faults: [String] = []
        let classified = rowsByClass.values.reduce(0, +)
        if classified != rows {
            faults.append("\(rows) rows went in and \(classified) came out")
        }
        for (name, count) in rowsCounted.sorted(by: { $0.key < $1.key }) {
            let played = name == "refused" ? rowsRefused : rowsByClass[name] ?? 0
            if played != count {
                faults.append("the file has \(count) rows \(name), the replay \(played)")
            }
        }
        if !differences.isEmpty { faults.append("\(differences.count) figures differ") }
        if !oddities.isEmpty { faults.append("\(oddities.count) answers are odd") }
        if ordersListed != ordersPlaced {
            faults.append("\(ordersPlaced) orders were placed, \(ordersListed) are listed")
        }
        // A run that did nothing proves nothing.
        if ordersPlaced == 0 { faults.append("no order was placed") }
        return faults
    }

    /// Whether everything adds up.
    package var isBalanced: Bool { faults.isEmpty }
}
