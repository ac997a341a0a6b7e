// The gate of one loop. Everything that a turn of the loop admits, settles and loads goes to Redis in
// one script call. It must never answer an admission that the script did not see, and never send the
// script's text.

package import Base
package import Domain
package import Logging
package import Loop
internal import NIOCore
package import Promising
package import Redis

/// Bounds of the gate.
package struct GateLimits: Sendable {
    /// How long a pending entry may live before anybody may free it.
    package var pendingMs = 5_000
    /// How long an admission waits for a gate that is closed or cannot be reached.
    package var admissionWaitMs: Int64 = 1_000
    /// Lines and rows of one script call: bounds the time that it holds Redis up.
    package var callSizeMax = 2_000
    /// Settlements that wait for a gate that is away.
    package var settlementsMax = 10_000
    /// Positions in demand that are remembered, to look whether their pending holds exist.
    package var contendedMax = 1_000
    /// The pause before what failed is sent again.
    package var retryMs: Int64 = 20

    package init() {}
}

/// How often the gate did what.
package struct GateCounters: Sendable {
    package var calls = 0
    package var admitted = 0
    package var refused = 0
    package var closures = 0
    package var failures = 0
    /// Admissions that were given up because their callers' time was over.
    package var late = 0
    /// Positions whose view was dropped because it contradicted Postgres or itself.
    package var forgotten = 0
}

/// The hot view of stock, from one loop.
package final class LoopGate: GatePort {
    private struct WaitingAdmission {
        let admission: Admission
        /// When it is too late to send it.
        let sendBy: Deadline
        /// Nil when nobody waits any more.
        var continuation: CheckedContinuation<Result<AdmissionAnswer, Failure>, Never>?
    }

    private struct WaitingSettlement {
        let settlement: Settlement
        let ending: [(key: ID, end: PendingEnd)]
        /// Nil when nobody waits for it, or no longer.
        var continuation: CheckedContinuation<Void, Never>?
    }

    private struct WaitingLoad {
        let positions: [LoadedPosition]
        let epoch: Int64
        let deadline: Deadline
        let sendBy: Deadline
        /// Nil when nobody waits any more.
        var continuation: CheckedContinuation<Void, Never>?
    }

    /// What one script call carries.
    private final class Flight {
        let epoch: OpenEpoch
        var call = ScriptCall()
        var admissions: [WaitingAdmission] = []
        var settlements: [WaitingSettlement] = []
        var loads: [WaitingLoad] = []

        init(epoch: OpenEpoch) {
            self.epoch = epoch
        }
    }

    private let loop: Loop
    let redis: RedisConnection
    private let keeper: EpochKeeper
    private let limits: GateLimits
    private let logger: Logger

    private var admissions: [WaitingAdmission] = []
    private var settlements: [WaitingSettlement] = []
    private var loads: [WaitingLoad] = []
    private var epoch: OpenEpoch?
    /// The highest epoch known to be over or about to be: the next one must be higher.
    private var closedEpoch: Int64?
    private var isOpening = false
    private var isFlushScheduled = false
    private var isRetryScheduled = false
    /// Calls without a reply, oldest first.
    private var flights: [Flight] = []
    /// When to look for admissions whose callers' time is over; nobody's passes before that.
    private var watch: (timer: TimerToken, at: Deadline)?
    /// True once the script of `epoch` has answered on this loop's connection.
    private var isProven = false
    /// Openings that failed, or led back to an epoch that is closed, in a row.
    private var failedOpenings = 0
    private var gaps: Set<PositionID> = []
    private var contended: Set<PositionID> = []
    var touched = TouchedPositions()

    package private(set) var counters = GateCounters()
    /// When it could not be asked.
    package private(set) var window = ClosedWindow()

    package init(
        loop: Loop,
        redis: RedisConnection,
        keeper: EpochKeeper,
        limits: GateLimits,
        logger: Logger,
    ) {
        self.loop = loop
        self.redis = redis
        self.keeper = keeper
        self.limits = limits
        self.logger = logger
    }

    /// True while the gate can be called.
    package var isOpen: Bool {
        loop.eventLoop.preconditionInEventLoop()
        return epoch != nil && isProven && redis.isConnected
    }

    /// The number of the epoch that is called; nil while none is known.
    package var openEpoch: Int64? {
        loop.eventLoop.preconditionInEventLoop()
        return epoch?.number
    }

    /// How long a pending entry lives.
    var pendingMs: Int { limits.pendingMs }

    /// Finds the open epoch, or opens one, before the first request comes.
    package func warmUp() {
        loop.eventLoop.preconditionInEventLoop()
        if epoch == nil { findEpoch() }
    }

    // MARK: The port

    package func admit(_ admission: Admission) async throws(Failure) -> AdmissionAnswer {
        loop.eventLoop.preconditionInEventLoop()
        let sendBy = sendBy(admission.deadline)
        let outcome = await withCheckedContinuation { continuation in
            admissions.append(
                WaitingAdmission(
                    admission: admission,
                    sendBy: sendBy,
                    continuation: continuation,
                )
            )
            watch(until: sendBy)
            scheduleFlush()
        }
        return try outcome.get()
    }

    package func load(_ positions: [LoadedPosition], epoch: Int64) async throws(Failure) {
        loop.eventLoop.preconditionInEventLoop()
        if positions.isEmpty { return }
        let deadline = Deadline.current
        let sendBy = sendBy(deadline)
        await withCheckedContinuation { continuation in
            loads.append(
                WaitingLoad(
                    positions: positions,
                    epoch: epoch,
                    deadline: deadline,
                    sendBy: sendBy,
                    continuation: continuation,
                )
            )
            watch(until: sendBy)
            scheduleFlush()
        }
    }

    package func settle(
        _ settlement: Settlement,
        ending: [(key: ID, end: PendingEnd)],
    ) async {
        loop.eventLoop.preconditionInEventLoop()
        if settlement.rows.isEmpty && ending.isEmpty { return }
        await withCheckedContinuation { continuation in
            enqueue(settlement, ending, continuation)
        }
    }

    package func post(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) {
        loop.eventLoop.preconditionInEventLoop()
        if settlement.rows.isEmpty && ending.isEmpty { return }
        enqueue(settlement, ending, nil)
    }

    package func epochMoved(to epoch: Int64) {
        loop.eventLoop.preconditionInEventLoop()
        guard let open = self.epoch, open.number < epoch else { return }
        close(open)
    }

    /// Asks the script for nothing: a gate that is idle notices that it was closed, and opens again.
    package func probe() {
        loop.eventLoop.preconditionInEventLoop()
        guard let epoch else { return warmUp() }
        if !isRetryScheduled { launch(Flight(epoch: epoch)) }
    }

    /// Positions whose view was seen to lack a version since the last call.
    package func takeGaps() -> [PositionID] {
        loop.eventLoop.preconditionInEventLoop()
        defer { gaps.removeAll() }
        return Array(gaps)
    }

    package func takeContended() -> [PositionID] {
        loop.eventLoop.preconditionInEventLoop()
        defer { contended.removeAll() }
        return Array(contended)
    }

    func noteForgotten(_ count: Int) { counters.forgotten += count }

    /// Waits until what was posted has been settled, or the gate is away; at most a second.
    package func drain() async {
        loop.eventLoop.preconditionInEventLoop()
        for _ in 0..<100 where isOpen && !(flights.isEmpty && settlements.isEmpty) {
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: Sending

    /// Adds a settlement; a large one becomes several, in order, the ends of holds last.
    private func enqueue(
        _ settlement: Settlement,
        _ ending: [(key: ID, end: PendingEnd)],
        _ continuation: CheckedContinuation<Void, Never>?,
    ) {
        if ProtocolStep.settle.isLeftOut || ProtocolStep.settleAndHeal.isLeftOut {
            continuation?.resume()
            return
        }
        var rows = settlement.rows[...]
        while rows.count > limits.callSizeMax {
            settlements.append(
                WaitingSettlement(
                    settlement: Settlement(
                        epoch: settlement.epoch,
                        rows: Array(rows.prefix(limits.callSizeMax)),
                    ),
                    ending: [],
                    continuation: nil,
                )
            )
            rows = rows.dropFirst(limits.callSizeMax)
        }
        settlements.append(
            WaitingSettlement(
                settlement: Settlement(epoch: settlement.epoch, rows: Array(rows)),
                ending: ending,
                continuation: continuation,
            )
        )
        if !isOpen { stopWaiting() }
        scheduleFlush()
    }

    /// Committed is committed: nobody waits for a gate that is away, and what is too much for the
    /// queue is dropped.
    ///
    /// It is healed: rows by the next gap or refusal, holds when they are overdue.
    private func stopWaiting() {
        for index in settlements.indices {
            settlements[index].continuation?.resume()
            settlements[index].continuation = nil
        }
        settlements.removeFirst(max(0, settlements.count - limits.settlementsMax))
    }

    private func scheduleFlush() {
        if isFlushScheduled { return }
        isFlushScheduled = true
        loop.atTurnEnd(.gather) { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        failLate()
        while !admissions.isEmpty || !settlements.isEmpty || !loads.isEmpty {
            // What just failed would fail again: a connection that is away says so at once.
            if isRetryScheduled { return }
            guard let epoch else {
                findEpoch()
                // Comes back while the opening takes its time, for admissions that wait too long.
                scheduleRetry()
                return
            }
            if let newer = settlements.first(where: { $0.settlement.epoch > epoch.number }) {
                epochMoved(to: newer.settlement.epoch)
                continue
            }
            let flight = nextFlight(epoch)
            if flight.call.size > 0 { launch(flight) }
        }
    }

    /// Takes as much of what waits as one call may carry; what belongs to an older epoch is done
    /// with, because the open one was loaded later than it was committed.
    private func nextFlight(_ epoch: OpenEpoch) -> Flight {
        let flight = Flight(epoch: epoch)
        var taken = 0
        for waiting in settlements where flight.call.size < limits.callSizeMax {
            taken += 1
            if waiting.settlement.epoch < epoch.number {
                waiting.continuation?.resume()
                continue
            }
            for row in waiting.settlement.rows {
                flight.call.add(row)
                touched.note(row.position)
            }
            for ending in waiting.ending { flight.call.end(ending.key, ending.end) }
            flight.settlements.append(waiting)
        }
        settlements.removeFirst(taken)
        taken = 0
        for waiting in loads where flight.call.size < limits.callSizeMax {
            taken += 1
            if waiting.epoch != epoch.number {
                waiting.continuation?.resume()
                continue
            }
            for position in waiting.positions { flight.call.add(position) }
            flight.loads.append(waiting)
        }
        loads.removeFirst(taken)
        taken = 0
        for waiting in admissions where flight.call.size < limits.callSizeMax {
            taken += 1
            flight.call.add(waiting.admission)
            for line in waiting.admission.lines { touched.note(line.position) }
            flight.admissions.append(waiting)
        }
        admissions.removeFirst(taken)
        return flight
    }

    private func launch(_ flight: Flight) {
        counters.calls += 1
        flights.append(flight)
        redis.send(flight.call.command(flight.epoch, pendingMs: limits.pendingMs)) { outcome in
            self.landed(flight, outcome)
        }
    }

    // MARK: Replies

    private func landed(_ flight: Flight, _ outcome: Result<RedisReply, RedisError>) {
        flights.removeAll { $0 === flight }
        switch outcome {
        case .success(.bytes(let bytes)):
            answer(flight, bytes)
        case .success(.error(let error)) where GateClosure.codes.contains(error.code):
            if error.code == GateClosure.demoted {
                redis.reconnect(because: "\(redis.address) is no primary any more")
            }
            close(flight.epoch)
            putBack(flight)
            scheduleFlush()
        case .success(let reply):
            // Redis answers, but does not do its work: out of memory, busy, or a script that fails.
            failed()
            logger.error("the gate's script failed", metadata: ["reply": "\(reply)"])
            for waiting in flight.admissions {
                waiting.continuation?
                    .resume(
                        returning: .failure(.unavailable(what: "redis", retryAfterMs: 100))
                    )
            }
            putBack(flight, admissionsToo: false)
            scheduleRetry()
        case .failure: lost(flight)
        }
    }

    /// Unknown whether it ran; every message is harmless when it comes twice.
    private func lost(_ flight: Flight) {
        failed()
        putBack(flight)
        scheduleRetry()
    }

    private func answer(_ flight: Flight, _ bytes: [UInt8]) {
        guard let reply = ScriptReply(bytes, epoch: flight.epoch.number),
            reply.answers.count == flight.admissions.count
        else {
            redis.reconnect(because: "\(bytes.count) bytes of nonsense")
            lost(flight)
            return
        }
        gaps.formUnion(reply.gaps)
        failedOpenings = 0
        window.end()
        isProven = isProven || flight.epoch == epoch
        for waiting in flight.settlements { waiting.continuation?.resume() }
        for waiting in flight.loads { waiting.continuation?.resume() }
        for (waiting, answer) in zip(flight.admissions, reply.answers) {
            switch answer {
            case .admitted: counters.admitted += 1
            case .refused(_, let line, _, let pending):
                counters.refused += 1
                if pending > 0, contended.count < limits.contendedMax {
                    contended.insert(waiting.admission.lines[line].position)
                }
            case .known, .missing: break
            }
            if let continuation = waiting.continuation {
                continuation.resume(returning: .success(answer))
            } else if case .admitted(let epoch, false) = answer {
                // Its caller was told that nothing happened: give it back.
                post(
                    Settlement(epoch: epoch, rows: []),
                    ending: [(waiting.admission.key, .dropped)],
                )
            }
        }
    }

    private func failed() {
        counters.failures += 1
        window.begin()
    }

    private func putBack(_ flight: Flight, admissionsToo: Bool = true) {
        settlements.insert(contentsOf: flight.settlements, at: 0)
        stopWaiting()
        loads.insert(contentsOf: flight.loads.filter { $0.continuation != nil }, at: 0)
        if admissionsToo {
            let waiting = flight.admissions.filter { $0.continuation != nil }
            admissions.insert(contentsOf: waiting, at: 0)
        }
    }

    private func scheduleRetry() {
        if isRetryScheduled { return }
        isRetryScheduled = true
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        // Each opening takes the lock that all commits share: not too often.
        let pause = min(limits.retryMs << min(failedOpenings, 6), limits.admissionWaitMs)
        loop.eventLoop.scheduleTask(in: .milliseconds(pause)) {
            bound.value.isRetryScheduled = false
            bound.value.scheduleFlush()
        }
    }

    // MARK: Time

    /// What waits longer for a gate that is away, or than its caller, is not sent.
    private func sendBy(_ deadline: Deadline) -> Deadline {
        min(deadline, Deadline.now.advanced(milliseconds: limits.admissionWaitMs))
    }

    /// Looks for what is late no later than at `moment`.
    ///
    /// One timer for all; it is left alone when what it was set for is answered, and finds nothing.
    private func watch(until moment: Deadline) {
        if moment == .never { return }
        if let watch {
            if watch.at <= moment { return }
            loop.timers.cancel(watch.timer)
        }
        let nanoseconds = UInt64(max(0, moment.nanoseconds))
        let timer = loop.timers.schedule(at: .uptimeNanoseconds(nanoseconds)) {
            self.watch = nil
            let now = Deadline.now
            self.failLate()
            for flight in self.flights { self.leave(flight, now) }
            self.watchNext()
        }
        watch = (timer, moment)
    }

    private func watchNext() {
        var next = Deadline.never
        for waiting in admissions { next = min(next, waiting.sendBy) }
        for waiting in loads { next = min(next, waiting.sendBy) }
        for flight in flights {
            for waiting in flight.admissions where waiting.continuation != nil {
                next = min(next, waiting.admission.deadline)
            }
            for waiting in flight.loads where waiting.continuation != nil {
                next = min(next, waiting.deadline)
            }
        }
        watch(until: next)
    }

    /// Answers what waits and is late: it is not sent any more.
    private func failLate() {
        if admissions.isEmpty && loads.isEmpty { return }
        let now = Deadline.now
        admissions.removeAll { waiting in
            if !waiting.sendBy.hasPassed(at: now) { return false }
            let isCallers = waiting.admission.deadline.hasPassed(at: now)
            counters.late += isCallers ? 1 : 0
            waiting.continuation?
                .resume(
                    returning: .failure(
                        isCallers
                            ? .deadlineExceeded : .unavailable(what: "gate", retryAfterMs: 100)
                    )
                )
            return true
        }
        loads.removeAll { waiting in
            if !waiting.sendBy.hasPassed(at: now) { return false }
            waiting.continuation?.resume()
            return true
        }
    }

    /// Frees the callers of a call that is under way and goes on without them.
    private func leave(_ flight: Flight, _ now: Deadline) {
        for index in flight.admissions.indices {
            guard flight.admissions[index].admission.deadline.hasPassed(at: now),
                let continuation = flight.admissions[index].continuation
            else { continue }
            counters.late += 1
            flight.admissions[index].continuation = nil
            continuation.resume(returning: .failure(.deadlineExceeded))
        }
        for index in flight.loads.indices
        where flight.loads[index].deadline.hasPassed(at: now) {
            flight.loads[index].continuation?.resume()
            flight.loads[index].continuation = nil
        }
    }

    // MARK: Epochs

    private func close(_ epoch: OpenEpoch) {
        guard self.epoch == epoch else { return }
        counters.closures += 1
        window.begin()
        closedEpoch = epoch.number
        self.epoch = nil
        isProven = false
        stopWaiting()
    }

    private func findEpoch() {
        if isOpening { return }
        isOpening = true
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let keeper = self.keeper
        let closed = closedEpoch
        loop.start {
            let outcome: Result<OpenEpoch, Failure>
            do throws(Failure) {
                outcome = .success(try await keeper.epoch(after: closed))
            } catch {
                outcome = .failure(error)
            }
            bound.value.found(outcome)
        }
    }

    private func found(_ outcome: Result<OpenEpoch, Failure>) {
        isOpening = false
        switch outcome {
        case .success(let found):
            epoch = found
            probe()
            if found.number > closedEpoch ?? 0 {
                scheduleFlush()
            } else {
                // It answered the keeper, but not on this loop's connection: that is one to another
                // process.
                redis.reconnect(because: "the gate is open elsewhere")
                failedOpenings += 1
                scheduleRetry()
            }
        case .failure:
            failedOpenings += 1
            scheduleRetry()
        }
    }
}
