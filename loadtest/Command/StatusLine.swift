// The progress on standard error: one line that changes on a terminal, now and then a new one
// elsewhere. It never writes to standard output, which is for the report.

internal import Foundation
internal import LoadKit
internal import Synchronization

final class StatusLine: Sendable {
    private struct State {
        var lastShown: ContinuousClock.Instant?
        var lastInvoices = 0
    }

    private let isQuiet: Bool
    private let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    private let start = ContinuousClock.now
    private let state = Mutex(State())
    /// Between two lines where nothing can be overwritten.
    private static let pause = Duration.seconds(5)

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    func say(_ text: String) {
        if !isQuiet { write(text + "\n") }
    }

    func show(_ progress: ReplayProgress) {
        if isQuiet || progress.invoicesAll == 0 { return }
        let now = ContinuousClock.now
        let rate: Double? = state.withLock { state -> Double? in
            let last = state.lastShown ?? start
            if !isTerminal, state.lastShown != nil, now - last < Self.pause { return nil }
            let seconds = max((now - last) / .seconds(1), 0.001)
            let rate = Double(progress.invoices - state.lastInvoices) / seconds
            state.lastShown = now
            state.lastInvoices = progress.invoices
            return rate
        }
        guard let rate else { return }
        let day = Date(timeIntervalSince1970: Double(progress.clock))
            .formatted(.iso8601.year().month().day())
        let line =
            "\(day)  \(progress.invoices)/\(progress.invoicesAll) invoices  \(Int(rate))/s"
            + "  in flight \(progress.inFlight)  rows refused \(progress.refusedRows)"
        write(isTerminal ? "\r\u{1B}[K" + line : line + "\n")
    }

    /// One second of a benchmark.
    func show(elapsed: Double, _ second: BenchSecond) {
        if isQuiet { return }
        let seconds = max(second.seconds, 0.001)
        let line =
            "\(Int(elapsed.rounded())) s  accepted \(Int(Double(second.accepted) / seconds))/s"
            + "  refused \(Int(Double(second.refused) / seconds))/s  failed \(second.failed)"
            + "  p50 \(Double(second.p50) / 1_000) ms  p99 \(Double(second.p99) / 1_000) ms"
        write(isTerminal ? "\r\u{1B}[K" + line : line + "\n")
    }

    /// How far a trial is.
    func show(_ line: String) {
        if isQuiet { return }
        let now = ContinuousClock.now
        let isDue =
            isTerminal
            || state.withLock { state in
                if let last = state.lastShown, now - last < Self.pause { return false }
                state.lastShown = now
                return true
            }
        if isDue { write(isTerminal ? "\r\u{1B}[K" + line : line + "\n") }
    }

    /// Leaves the changing line.
    func end() {
        if isTerminal, !isQuiet { write("\n") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
