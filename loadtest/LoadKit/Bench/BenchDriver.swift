// Makes the calls of a scenario, closed loop or open, and keeps the clock: warm-up, measurement, drain.
//
// Confined to the generator's loop, and no task per call: an answer is a callback that makes the next
// call, and all calls of a turn leave in one write per connection.

internal import Base
internal import Loop
internal import NIOCore
internal import RPC

/// What a benchmark looks at while it runs.
struct BenchWatch: Sendable {
    /// The measurement begins or has ended: called on the loop.
    var phase: @Sendable (Phase) -> Void
    /// A second of the measurement has passed.
    var second: @Sendable (_ elapsed: Double, BenchSecond) -> Void

    enum Phase {
        case measuring
        case drained
    }
}

/// Whatever makes calls: has a beginning, a stretch that is measured and an end.
final class BenchDriver {
    /// How often an open loop looks for calls that are due, in microseconds.
    private static let lookMicroseconds: Int64 = 250
    /// How long a closed-loop caller waits after an answer that says to come later, in milliseconds.
    private static let pauseMilliseconds: Int64 = 20
    /// Time for late answers after their deadline, in milliseconds.
    private static let graceMilliseconds: Int64 = 2_000

    private let options: BenchOptions
    private let loop: Loop
    private let plan: BenchPlan
    private let book: BenchBook
    private let watch: BenchWatch
    private var clients: [any BenchLane] = []
    private var operations: [BenchOperation] = []
    private var free: [Int] = []
    private var openCount = 0
    private var nextClient = 0

    private(set) var measureFrom: UInt64 = 0
    private var measureUntil: UInt64 = 0
    private var isOver = false
    /// Arrivals of the open loop so far, and its beginning.
    private var arrivals = 0
    private var began: UInt64 = 0
    private var answersBefore = 0
    private var finished: (() -> Void)?

    init(_ options: BenchOptions, loop: Loop, plan: BenchPlan, watch: BenchWatch) {
        self.options = options
        self.loop = loop
        self.plan = plan
        book = plan.book
        self.watch = watch
    }

    private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    /// From the beginning of the measurement to its end or its last answer, whichever is later.
    var measuredSeconds: Double {
        let end = options.count == nil ? max(measureUntil, book.lastAnswerAt) : book.lastAnswerAt
        return Double(end - measureFrom) / 1e9
    }

    // MARK: Phases

    /// Runs through all phases on clients whose answers come to `answered`; `finished` is called at
    /// the end.
    func run(_ clients: [any BenchLane], finished: @escaping () -> Void) {
        loop.eventLoop.preconditionInEventLoop()
        self.clients = clients
        self.finished = finished
        began = now
        measureFrom = began + UInt64(options.warmupSeconds * 1e9)
        measureUntil = measureFrom + UInt64(options.seconds * 1e9)
        at(measureFrom) { $0.measure() }
        at(measureUntil) { $0.stop() }
        if options.rate == nil {
            for _ in 0..<options.callers { makeClosedCall(at: began) }
        } else {
            look()
        }
    }

    private func at(_ deadline: UInt64, _ body: @escaping (BenchDriver) -> Void) {
        let bound = NIOLoopBound((self, body), eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(deadline: .uptimeNanoseconds(deadline)) {
            bound.value.1(bound.value.0)
        }
    }

    /// Answers since the measurement began, those of the last calls of the warm-up too.
    var answersMeasured: Int { book.answers - answersBefore }

    private func measure() {
        answersBefore = book.answers
        watch.phase(.measuring)
        book.measurementBegan(at: measureFrom)
        tick(1)
    }

    /// Closes the seconds of the measurement one by one.
    private func tick(_ number: UInt64) {
        let due = measureFrom + number * 1_000_000_000
        guard due < measureUntil else { return }
        at(due) { driver in
            guard !driver.isOver else { return }
            driver.closeSecond()
            driver.tick(number + 1)
        }
    }

    private func closeSecond() {
        book.secondEnded(at: now)
        if let second = book.seconds.last {
            watch.second(Double(now - measureFrom) / 1e9, second)
        }
    }

    /// Makes no more calls, and waits for those that are under way.
    private func stop() {
        guard !isOver else { return }
        isOver = true
        closeSecond()
        let patience = options.timeoutMilliseconds + Self.graceMilliseconds
        at(now + UInt64(patience) * 1_000_000) { $0.giveUp() }
        finishIfDrained()
    }

    private func finishIfDrained() {
        guard isOver, openCount == 0, let finished else { return }
        self.finished = nil
        watch.phase(.drained)
        finished()
    }

    /// Whatever has no answer by now will get none.
    private func giveUp() {
        guard finished != nil else { return }
        for index in operations.indices where operations[index].isOpen {
            operations[index].isOpen = false
            plan.unknown(operations[index])
            if operations[index].isMeasured { book.lost("NO_ANSWER") }
        }
        openCount = 0
        finishIfDrained()
    }

    // MARK: Calls

    /// An answer has come.
    ///
    /// - Parameter refusal: what a cart of a stream was told instead of a status.
    func answered(_ tag: Int, _ answer: borrowing DirectAnswer, _ refusal: CartRefusal? = nil) {
        let now = now
        guard operations[tag].isOpen else { return }
        operations[tag].isOpen = false
        openCount -= 1
        let operation = operations[tag]
        let outcome = plan.ended(operation, answer, refusal)
        book.answered()
        if operation.isMeasured {
            let microseconds = (now - min(now, operation.intended)) / 1_000
            book.measured(outcome, microseconds: microseconds, at: now)
        }
        free.append(tag)
        if isOver {
            finishIfDrained()
        } else if options.rate != nil {
            makeDueCalls(at: now)
        } else if answer.transportFailure != nil || Self.sendsAway(answer.status) {
            at(now + UInt64(Self.pauseMilliseconds) * 1_000_000) { driver in
                if !driver.isOver { driver.makeClosedCall(at: driver.now) }
            }
        } else {
            makeClosedCall(at: now)
        }
    }

    /// Whether a status means that the server has no room now.
    private static func sendsAway(_ status: Int) -> Bool {
        status == StatusCode.unavailable.rawValue || status == StatusCode.resourceExhausted.rawValue
    }

    private func makeClosedCall(at now: UInt64) {
        begin(intended: now, at: now)
    }

    /// Looks again and again for calls that are due.
    private func look() {
        guard !isOver else { return }
        makeDueCalls(at: now)
        at(now + UInt64(Self.lookMicroseconds) * 1_000) { $0.look() }
    }

    /// The open loop: makes every call whose time has come, whatever became of those before.
    private func makeDueCalls(at now: UInt64) {
        guard let rate = options.rate else { return }
        // What is due together leaves together, on one connection after the other.
        nextClient = nextClient + 1 == clients.count ? 0 : nextClient + 1
        while !isOver {
            let intended = began + UInt64(Double(arrivals) * 1e9 / rate)
            if intended > now || intended >= measureUntil { return }
            arrivals += 1
            if openCount < options.openMax {
                begin(intended: intended, at: now)
            } else if intended >= measureFrom {
                book.offered(microsecondsBehind: (now - intended) / 1_000)
                book.lost("NOT_SENT: too many calls were open")
            }
        }
    }

    private func begin(intended: UInt64, at now: UInt64) {
        var operation = BenchOperation()
        operation.intended = intended
        operation.isOpen = true
        operation.isMeasured = intended >= measureFrom && intended < measureUntil
        let request = plan.next(&operation)
        let tag: Int
        if let last = free.popLast() {
            tag = last
            operations[tag] = operation
        } else {
            tag = operations.count
            operations.append(operation)
        }
        openCount += 1
        // A caller stays on its connection, so that a read is followed by one write.
        let client = clients[options.rate == nil ? tag % clients.count : nextClient]
        client.call(head: operation.kind.rawValue, request, tag: tag)
        if operation.isMeasured {
            book.offered(microsecondsBehind: (now - intended) / 1_000)
            if let count = options.count, book.offered >= count { stop() }
        }
    }
}
