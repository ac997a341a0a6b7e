// Plays a file: many steps at once, those of one customer in order. It keeps what it was told in a
// tally; it must never look at what the server holds, which is for the reconciliation.

internal import Messages

/// What a replay has done so far.
package struct ReplayProgress: Hashable, Sendable {
    /// The clock of the file, in seconds since 1970.
    package var clock: Int64 = 0
    package var invoices = 0
    package var invoicesAll = 0
    package var inFlight = 0
    package var refusedRows = 0
}

/// What is known when every step is over.
struct Played: Sendable {
    var stock: Stock
    /// The class of each row, by its line.
    var classes: [Int: RowClass]
    /// Order parts and adjustments that were refused, by name.
    var refused: Set<String>
    var oddities: [String]
    /// Attempts that had to be made again, by reason.
    var retries: [String: Int]
    /// The server's words for the first refusal of each reason.
    var refusals: [String: String]
    /// Seconds until the answer of the slowest call of each method, attempts made again included.
    var slowest: [String: Double]
    var orders: Int
    var calls: Int
    /// Calls after the opening stock: how long those took that were done, attempts made again
    /// included, and how many were refused, by reason.
    var latencies: LatencyRecord
    var refusedCalls: [String: Int]
}

actor Player {
    struct Settings: Sendable {
        var run: String
        var nodes: Nodes
        var channel: String
        var inFlightMax: Int
        var shipAfter: Int64
        /// Seconds of the file for each second; nil: as fast as it goes.
        var speed: Double?
    }

    let settings: Settings
    let calls: Calls
    var tally = Tally()
    var classes: [Int: RowClass] = [:]
    var refused: Set<String> = []
    var books: [String: OrderBook] = [:]
    var orderIDs: [String: String] = [:]
    var retries: [String: Int] = [:]
    var refusals: [String: String] = [:]
    var slowest: [String: Double] = [:]
    var orders = 0
    var callCount = 0
    var latencies = LatencyRecord()
    var refusedCalls: [String: Int] = [:]
    var progress = ReplayProgress()

    private var lanes = Lanes<Step>()
    private var isComplete = false
    private var failure: ReplayFailure?
    private var idle: [CheckedContinuation<Void, Never>] = []
    private var feeder: CheckedContinuation<Void, Never>?

    init(settings: Settings, calls: Calls) {
        self.settings = settings
        self.calls = calls
    }

    /// Steps that may wait in lanes before the file is read on.
    private var backlogMax: Int { settings.inFlightMax * 4 }

    /// Receives the opening stock, as many calls at once as may be in flight.
    func open(_ lines: [OpeningLine]) async throws(ReplayFailure) {
        let chunks = stride(from: 0, to: lines.count, by: Invoice.linesMax)
            .map { Array(lines[$0..<min($0 + Invoice.linesMax, lines.count)]) }
        for (index, chunk) in chunks.enumerated() {
            try await receive(chunk, number: index + 1)
        }
    }

    /// Plays every invoice and returns what came of it.
    func play(_ invoices: [Invoice]) async throws(ReplayFailure) -> Played {
        progress.invoicesAll = invoices.count
        await withTaskGroup { group in
            for number in 0..<settings.inFlightMax {
                group.addTask { await self.work(number) }
            }
            await feed(invoices)
            await group.waitForAll()
        }
        if let failure { throw failure }
        return Played(
            stock: tally.stock,
            classes: classes,
            refused: refused,
            oddities: tally.oddities,
            retries: retries,
            refusals: refusals,
            slowest: slowest,
            orders: orders,
            calls: callCount,
            latencies: latencies,
            refusedCalls: refusedCalls,
        )
    }

    /// What has been done so far.
    func progressNow() -> ReplayProgress { progress }

    // MARK: Feeding

    private func feed(_ invoices: [Invoice]) async {
        var schedule = Schedule(shipAfter: settings.shipAfter)
        let start = ContinuousClock.now
        for invoice in invoices {
            if let speed = settings.speed, let first = invoices.first {
                let seconds = Double(invoice.time - first.time) / speed
                // Ends early only when the replay is cancelled; the workers then say so.
                try? await Task.sleep(until: start + .seconds(seconds), clock: .continuous)
            }
            for step in schedule.steps(for: invoice) {
                await enqueue(step)
            }
            progress.invoices += 1
            progress.clock = max(progress.clock, invoice.time)
            if failure != nil { break }
        }
        for step in schedule.dueSteps() {
            await enqueue(step)
        }
        isComplete = true
        wakeAll()
    }

    private func enqueue(_ step: ScheduledStep) async {
        while lanes.count >= backlogMax, failure == nil {
            await withCheckedContinuation { feeder = $0 }
        }
        lanes.add(step.step, to: step.lane)
        if !idle.isEmpty { idle.removeLast().resume() }
    }

    private func wakeAll() {
        for worker in idle { worker.resume() }
        idle = []
        feeder?.resume()
        feeder = nil
    }

    // MARK: Working

    private func work(_ number: Int) async {
        while failure == nil {
            if let (lane, step) = lanes.next() {
                progress.inFlight += 1
                await perform(step, lane: lane, worker: number)
                progress.inFlight -= 1
                lanes.finish(lane)
                feeder?.resume()
                feeder = nil
                // The lane may have more to do while this worker takes another one.
                if !idle.isEmpty { idle.removeLast().resume() }
            } else if isComplete, lanes.count == 0 {
                wakeAll()
                return
            } else {
                await withCheckedContinuation { idle.append($0) }
            }
        }
        wakeAll()
    }

    private func perform(_ step: Step, lane: String, worker: Int) async {
        do throws(ReplayFailure) {
            switch step {
            case .place(let part): try await place(part, lane: lane, worker: worker)
            case .ship(let part): try await ship(part, lane: lane, worker: worker)
            case .credit(let invoice): try await credit(invoice, lane: lane, worker: worker)
            case .adjust(let sale): try await adjust(sale, worker: worker)
            }
        } catch {
            failure = failure ?? error
        }
    }

    // MARK: Shared by the steps

    /// Notes what became of rows.
    func classify(_ sales: [Sale], _ rowClass: RowClass) {
        for sale in sales {
            classes[sale.line] = rowClass
            if case .refused = rowClass { progress.refusedRows += 1 }
        }
    }
}
