// The refusal window, measured: for how long a loop could not ask its gate.

package import Base

/// Spans of time in which the gate could not be asked, from the first call that failed to the first
/// answer after it.
package struct ClosedWindow: Sendable {
    private var since: Deadline?
    private var endedMs: Int64 = 0
    private var longestEndedMs: Int64 = 0
    /// Spans that are over.
    package private(set) var count = 0

    package init() {}

    /// A call failed; within a span that has begun this is no news.
    mutating func begin(at now: Deadline = .now) {
        if since == nil { since = now }
    }

    /// A call was answered.
    mutating func end(at now: Deadline = .now) {
        guard let since else { return }
        let spanMs = now.milliseconds(from: since)
        self.since = nil
        count += 1
        endedMs += spanMs
        longestEndedMs = max(longestEndedMs, spanMs)
    }

    /// All spans together, with the one that has not ended, in milliseconds.
    package func totalMs(at now: Deadline = .now) -> Int64 { endedMs + openMs(now) }

    /// The longest span, with the one that has not ended, in milliseconds.
    package func longestMs(at now: Deadline = .now) -> Int64 { max(longestEndedMs, openMs(now)) }

    private func openMs(_ now: Deadline) -> Int64 {
        since.map { now.milliseconds(from: $0) } ?? 0
    }
}
