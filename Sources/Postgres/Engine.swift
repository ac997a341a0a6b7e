// The Postgres thread: one loop over all connections. A turn takes what other threads submitted,
// hands units to connections, writes, sleeps until a socket or the inbox has something, reads, and
// answers. Nothing here blocks but `poll`.

internal import Base
private import Glibc

/// Everything that belongs to the Postgres thread.
final class Engine {
    private let configuration: PostgresConfiguration
    private let settings: ConnectionSettings
    private let inbox: Inbox

    private let writers: [Slot]
    private let pool: [Slot]
    private var sessions: [UInt64: (slot: Slot, opening: SessionOpening)] = [:]
    private var poolQueue = UnitQueue()

    private var now = Deadline.now
    private var nowMs: UInt64 { now.milliseconds }
    private var finished = 0
    private var statistics = PostgresStatistics()
    private var stopAtMs: UInt64?
    private var stopCompletions: [@Sendable () -> Void] = []

    private init(
        _ configuration: PostgresConfiguration,
        _ settings: ConnectionSettings,
        _ inbox: Inbox,
    ) {
        self.configuration = configuration
        self.settings = settings
        self.inbox = inbox
        writers = (0..<configuration.writers).map { Slot(.writer($0)) }
        pool = (0..<configuration.connections).map { Slot(.pool($0)) }
    }

    /// Starts the thread; it ends after a `shutDown` command.
    static func start(
        configuration: PostgresConfiguration,
        settings: ConnectionSettings,
        inbox: Inbox,
    ) throws(PostgresError) {
        let isStarted = startThread(name: "postgres") {
            Engine(configuration, settings, inbox).run()
        }
        if !isStarted { throw PostgresError(.connectFailed, "no thread for postgres") }
    }

    private var lanes: [Slot] { writers + pool }
    private var allSlots: [Slot] { lanes + sessions.values.map(\.slot) }

    private func run() {
        for slot in lanes { connect(slot) }
        while true {
            now = .now
            let commands = inbox.take(finished: finished, statistics)
            finished = 0
            for command in commands { handle(command) }
            checkTimes()
            dispatch()
            for slot in allSlots { flush(slot) }
            if isDone { break }
            wait()
        }
        end()
    }

    // MARK: Commands

    private func handle(_ command: Command) {
        switch command {
        case .submit(let unit, .lane(.writer(let index))): writers[index].queue.append(unit)
        case .submit(let unit, .lane(.pool)): poolQueue.append(unit)
        case .submit(let unit, .session(let id)):
            if let session = sessions[id], session.slot.link != nil {
                session.slot.queue.append(unit)
            } else {
                let reason = sessions[id]?.slot.lastError?.message ?? "the session is closed"
                deliver(Outcome(unit, .failure(PostgresError(.connectionLost, reason))))
            }
        case .openSession(let id, let opening):
            let slot = Slot(.session(id))
            sessions[id] = (slot, opening)
            connect(slot)
        case .closeSession(let id):
            guard let session = sessions[id] else { return }
            lose(
                session.slot,
                PostgresError(.connectionLost, "session closed", outcomeUnknown: true)
            )
            sessions[id] = nil
        case .connected(let id, let outcome): connected(id, outcome)
        case .shutDown(let graceMs, let completion):
            let deadline = nowMs + UInt64(max(graceMs, 0))
            stopAtMs = min(stopAtMs ?? deadline, deadline)
            stopCompletions.append(completion)
        }
    }

    // MARK: Connections

    private func connect(_ slot: Slot) {
        slot.phase = .connecting
        let id = slot.id
        var statementTimeoutMs = configuration.statementTimeoutMs
        var isSession = false
        if case .session(let number) = id {
            statementTimeoutMs = sessions[number]?.opening.statementTimeoutMs ?? 0
            isSession = true
        }
        let keywords = settings.keywords(for: id, statementTimeoutMs: statementTimeoutMs)
        let isStarted = startThread(name: "postgres-open") { [inbox, isSession] in
            // When nobody takes the connection any more, the end of this scope closes it.
            _ = inbox.send(.connected(id, openConnection(keywords, isSession: isSession)))
        }
        if !isStarted {
            connected(id, .failure(PostgresError(.connectFailed, "no thread to connect with")))
        }
    }

    private func connected(_ id: SlotID, _ outcome: Result<Link, PostgresError>) {
        let slot: Slot
        switch id {
        case .writer(let index): slot = writers[index]
        case .pool(let index): slot = pool[index]
        case .session(let number):
            guard let session = sessions[number] else { return }
            slot = session.slot
            session.opening.completion(outcome.map { $0.backendPID })
        }
        switch outcome {
        case .success(let link):
            link.adopt()
            slot.phase = .up(link)
            statistics.connectionsOpened += 1
        case .failure(let error):
            slot.lastError = error
            slot.wentDown(nowMs: nowMs)
            statistics.connectFailures += 1
            if case .session(let number) = id { sessions[number] = nil }
        }
    }

    /// Ends the connection of `slot`: everything in flight fails, `reason` is the first unit's.
    private func lose(_ slot: Slot, _ reason: PostgresError? = nil) {
        guard let link = slot.link else { return }
        let outcomes = link.cut(reason)
        slot.lastError = reason ?? link.lastError
        slot.wentDown(nowMs: nowMs)
        statistics.connectionsLost += 1
        statistics.notices += link.notices
        for outcome in outcomes { deliver(outcome) }
        if case .session = slot.id {
            while let unit = slot.queue.popFirst() {
                deliver(Outcome(unit, .failure(PostgresError(.connectionLost, "session lost"))))
            }
        }
    }

    private func deliver(_ outcome: consuming Outcome) {
        finished += 1
        statistics.unitsFinished += 1
        outcome.deliver()
    }

    // MARK: Units

    private func dispatch() {
        for slot in writers { dispatchOwnQueue(slot) }
        for session in sessions.values { dispatchOwnQueue(session.slot) }
        while let unit = poolQueue.first {
            var best: (slot: Slot, link: Link)?
            for slot in pool {
                guard let link = slot.link,
                    link.accepts(unit, depthMax: configuration.inFlightMax),
                    link.depth < best?.link.depth ?? Int.max
                else { continue }
                best = (slot, link)
            }
            guard let best else { return }
            _ = poolQueue.popFirst()
            send(unit, best.slot, best.link)
        }
    }

    private func dispatchOwnQueue(_ slot: Slot) {
        while let link = slot.link, let unit = slot.queue.first,
            link.accepts(unit, depthMax: configuration.inFlightMax)
        {
            _ = slot.queue.popFirst()
            send(unit, slot, link)
        }
    }

    private func send(_ unit: Unit, _ slot: Slot, _ link: Link) {
        if unit.deadline.hasPassed(at: now) {
            refuseLate(unit)
            return
        }
        statistics.unitsSent += 1
        let limitMs = timeLeftMs(unit)
        if !link.send(unit, nowMs: nowMs, limitMs: limitMs) { lose(slot) }
    }

    /// What a unit that may take long has left, when that is less than every statement has.
    private func timeLeftMs(_ unit: Unit) -> Int64? {
        guard unit.isBounded else { return nil }
        let left = unit.deadline.milliseconds(from: now)
        let usual = Int64(configuration.statementTimeoutMs)
        return usual == 0 || left < usual ? left : nil
    }

    private func refuseLate(_ unit: Unit) {
        statistics.unitsLate += 1
        deliver(Outcome(unit, .failure(PostgresError(.late, ""))))
    }

    private func flush(_ slot: Slot) {
        if let link = slot.link, !link.flush() { lose(slot) }
    }

    private func receive(_ slot: Slot) {
        guard let link = slot.link else { return }
        var outcomes: [Outcome] = []
        let isUp = link.receive(nowMs: nowMs, &outcomes)
        if !outcomes.isEmpty { slot.proved() }
        for outcome in outcomes { deliver(outcome) }
        if !isUp { lose(slot) }
    }

    // MARK: Time

    private func checkTimes() {
        for slot in allSlots {
            switch slot.phase {
            case .connecting: break
            case .down(let untilMs):
                if case .session = slot.id { break }
                if untilMs <= nowMs, stopAtMs == nil || hasQueue { connect(slot) }
            case .up(let link): checkTimes(slot, link)
            }
        }
        for slot in writers { expire(&slot.queue, isUp: slot.link != nil, slot.lastError) }
        let up = pool.contains { $0.link != nil }
        expire(&poolQueue, isUp: up, pool.compactMap(\.lastError).first)
    }

    private func checkTimes(_ slot: Slot, _ link: Link) {
        if link.isRetired, link.depth == 0 {
            lose(slot)
            return
        }
        if case .session = slot.id { return }
        if let left = link.overdueIn(nowMs: nowMs, replyTimeoutMs: configuration.replyTimeoutMs),
            left <= 0
        {
            let text = "no answer in \(configuration.replyTimeoutMs) ms"
            lose(slot, PostgresError(.timeout, text, outcomeUnknown: true))
        }
    }

    private func expire(_ queue: inout UnitQueue, isUp: Bool, _ lastError: PostgresError?) {
        for unit in queue.takeLate(now) { refuseLate(unit) }
        let waitMax = UInt64(configuration.queueTimeoutMs)
        while let unit = queue.first, unit.submittedAtMs + waitMax <= nowMs {
            _ = queue.popFirst()
            let text = "not sent in \(waitMax) ms"
            let error =
                isUp
                ? PostgresError(.timeout, text)
                : PostgresError(.connectFailed, lastError?.message ?? text)
            deliver(Outcome(unit, .failure(error)))
        }
    }

    /// Milliseconds until a clock needs attention; -1 when none is running.
    private var sleepMs: Int32 {
        var due: [UInt64] = []
        if let stopAtMs { due.append(stopAtMs) }
        let waitMax = UInt64(configuration.queueTimeoutMs)
        for queue in [poolQueue] + writers.map(\.queue) {
            guard let unit = queue.first else { continue }
            due.append(unit.submittedAtMs + waitMax)
            // Rounded up: what is due within this millisecond is not late before its end.
            if queue.nextSweep != .never { due.append(queue.nextSweep.milliseconds + 1) }
        }
        for slot in lanes {
            switch slot.phase {
            case .connecting: break
            case .down(let untilMs): due.append(untilMs)
            case .up(let link):
                let timeout = configuration.replyTimeoutMs
                if let left = link.overdueIn(nowMs: nowMs, replyTimeoutMs: timeout) {
                    due.append(nowMs + UInt64(max(left, 0)))
                }
            }
        }
        guard let first = due.min() else { return -1 }
        return Int32(clamping: first > nowMs ? first - nowMs : 0)
    }

    // MARK: Waiting

    private func wait() {
        let up = allSlots.filter { $0.link != nil }
        var descriptors = [pollfd(fd: inbox.eventDescriptor, events: Int16(POLLIN), revents: 0)]
        for slot in up {
            guard let link = slot.link else { continue }
            let events = link.wantsWrite ? POLLIN | POLLOUT : POLLIN
            descriptors.append(pollfd(fd: link.descriptor, events: Int16(events), revents: 0))
        }
        let timeout = inbox.fallAsleep() ? sleepMs : 0
        let count = unsafe poll(&descriptors, nfds_t(descriptors.count), timeout)
        if count <= 0 {
            invariant(count == 0 || errno == EINTR || errno == EAGAIN, "poll failed: \(errno)")
            return
        }
        if descriptors[0].revents != 0 { inbox.drainEvent() }
        now = .now
        for (slot, descriptor) in zip(up, descriptors.dropFirst()) where descriptor.revents != 0 {
            receive(slot)
        }
        statistics.connectionsUp = lanes.count { $0.link != nil }
    }

    // MARK: The end

    private var hasQueue: Bool {
        !poolQueue.isEmpty || writers.contains { !$0.queue.isEmpty }
    }

    private var isDone: Bool {
        guard let stopAtMs else { return false }
        if nowMs >= stopAtMs { return true }
        return !hasQueue
            && allSlots.allSatisfy { $0.queue.isEmpty && ($0.link?.depth ?? 0) == 0 }
    }

    private func end() {
        for slot in allSlots {
            lose(slot, PostgresError(.shutDown, "", outcomeUnknown: true))
        }
        var units = Array(poolQueue.units)
        for slot in writers { units += slot.queue.units }
        for command in inbox.end() {
            switch command {
            case .submit(let unit, _): units.append(unit)
            case .openSession(_, let opening):
                opening.completion(.failure(PostgresError(.shutDown, "")))
            case .shutDown(_, let completion): stopCompletions.append(completion)
            case .closeSession, .connected: break
            }
        }
        for (slot, opening) in sessions.values {
            if case .connecting = slot.phase {
                opening.completion(.failure(PostgresError(.shutDown, "")))
            }
        }
        for unit in units { deliver(Outcome(unit, .failure(PostgresError(.shutDown, "")))) }
        for completion in stopCompletions { completion() }
    }
}
