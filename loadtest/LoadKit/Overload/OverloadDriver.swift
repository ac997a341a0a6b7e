// Makes the calls of an overload run, in the two ways to make load: callers who wait for their
// answers, and a rate that waits for nobody.
//
// Confined to the generator's loop, and no task for a call: what the generator costs is taken from the
// server, where both share a machine.

internal import Base
internal import DequeModule
internal import Foundation
internal import Loop
internal import NIOCore
internal import RPC

/// One call that is under way.
private struct OverloadOperation {
    var kind = OverloadCall.read
    var subject = ID(high: 0, low: 0)
    /// The number of its connection.
    var client = 0
    /// When it was meant to be made, in nanoseconds.
    var meant: UInt64 = 0
}

/// A call that is due and waits for a stream.
private struct OverloadDue {
    var kind: OverloadCall
    var number: Int
    var meant: UInt64
}

final class OverloadDriver {
    /// Holds that are made in advance, at most, and how long that may take.
    private static let holdsMax = 500_000
    private static let holdSecondsMax = 60.0
    /// How often the open loop looks for calls that are due, in nanoseconds.
    private static let lookNanoseconds: UInt64 = 500_000
    private static let pauseMilliseconds = 20

    private let loop: Loop
    private let plan: OverloadPlan
    private let openMax: Int
    let book: OverloadBook
    private var clients: [ClientDirect] = []
    private var operations: [OverloadOperation] = []
    private var free: [Int] = []
    private var waiting = Deque<OverloadDue>()
    private var nextClient = 0
    private var isSending = false
    private var phase = Phase.idle
    private var finished: (() -> Void)?

    private enum Phase {
        case idle
        /// Callers who wait; `next` is nil when there is nothing more to call.
        case closed(callers: Int, next: (OverloadDriver) -> OverloadDue?)
        case open(OpenPhase)
    }

    private struct OpenPhase {
        var began: UInt64
        var rate: Double
        var count: Int
        var made = 0
    }

    init(_ options: OverloadOptions, loop: Loop) {
        self.loop = loop
        plan = OverloadPlan(options)
        openMax = options.openMax
        book = OverloadBook(options)
    }

    func use(_ clients: [ClientDirect]) { self.clients = clients }

    private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    private func after(_ nanoseconds: UInt64, _ body: @escaping (OverloadDriver) -> Void) {
        let bound = NIOLoopBound((self, body), eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: .nanoseconds(Int64(nanoseconds))) {
            bound.value.1(bound.value.0)
        }
    }

    // MARK: Phases

    /// Plays the mix for so many seconds with callers who wait for their answers.
    func closed(callers: Int, seconds: Int, finished: @escaping () -> Void) {
        let end = now + UInt64(seconds) * 1_000_000_000
        callAll(callers, finished) { driver in
            let now = driver.now
            guard now < end else { return nil }
            let number = driver.book.nextNumber()
            return OverloadDue(kind: driver.book.nextKind(number), number: number, meant: now)
        }
    }

    /// Reserves until there are so many holds to confirm, or a minute is over.
    func hold(_ count: Int, callers: Int, finished: @escaping () -> Void) {
        let end = now + UInt64(Self.holdSecondsMax * 1e9)
        callAll(callers, finished) { driver in
            let now = driver.now
            let book = driver.book
            guard book.heldCount + book.open < min(count, Self.holdsMax), now < end else {
                return nil
            }
            return OverloadDue(kind: .reserve, number: book.nextNumber(), meant: now)
        }
    }

    private func callAll(
        _ callers: Int,
        _ finished: @escaping () -> Void,
        _ next: @escaping (OverloadDriver) -> OverloadDue?,
    ) {
        self.finished = finished
        phase = .closed(callers: callers, next: next)
        for _ in 0..<callers { callAgain() }
    }

    /// The next call of one caller; or the caller leaves.
    private func callAgain() {
        guard case .closed(let callers, let next) = phase else { return }
        if let due = next(self) {
            make(due)
            return
        }
        phase = .closed(callers: callers - 1, next: next)
        if callers == 1 { finish() }
    }

    /// Makes calls at that rate, in calls per second, and waits for what became of them.
    func open(rate: Double, seconds: Int, finished: @escaping () -> Void) {
        self.finished = finished
        phase = .open(
            OpenPhase(began: now, rate: rate, count: Int(rate * Double(seconds)))
        )
        look()
    }

    /// Looks again and again for calls that are due.
    private func look() {
        guard case .open(var open) = phase else { return }
        let now = now
        dropLate(now)
        // A server that allows more streams than before frees some without an answer.
        if !waiting.isEmpty { for client in clients.indices { sendWaiting(on: client) } }
        while open.made < open.count {
            let meant = open.began + UInt64(Double(open.made) * 1e9 / open.rate)
            if meant > now { break }
            open.made += 1
            begin(meant: meant)
        }
        phase = .open(open)
        if open.made == open.count, book.open == 0 {
            finish()
        } else {
            after(Self.lookNanoseconds) { $0.look() }
        }
    }

    private func begin(meant: UInt64) {
        let number = book.nextNumber()
        let kind = book.nextKind(number)
        guard book.open < openMax else {
            book.unmade(kind)
            return
        }
        make(OverloadDue(kind: kind, number: number, meant: meant))
    }

    private func finish() {
        phase = .idle
        let finished = finished
        self.finished = nil
        finished?()
    }

    // MARK: Calls

    /// Sends a call, or lets it wait until a stream is free.
    private func make(_ due: OverloadDue) {
        book.due(microsecondsBehind: Int((now - min(now, due.meant)) / 1_000))
        if waiting.isEmpty, let client = clientWithRoom() {
            send(due, on: client)
        } else {
            waiting.append(due)
        }
    }

    private func clientWithRoom() -> Int? {
        for _ in clients.indices {
            nextClient = nextClient + 1 == clients.count ? 0 : nextClient + 1
            if canSend(on: nextClient) { return nextClient }
        }
        return nil
    }

    /// A lost connection takes calls too, and answers that it is lost.
    private func canSend(on client: Int) -> Bool {
        clients[client].hasRoom || !clients[client].isOpen
    }

    private func send(_ due: OverloadDue, on client: Int) {
        let passed = now - min(now, due.meant)
        guard let head = plan.head(due.kind, passed: passed) else {
            late(due)
            return
        }
        var operation = OverloadOperation(kind: due.kind, client: client, meant: due.meant)
        switch due.kind {
        case .reserve: break
        case .confirm:
            if let hold = book.takeHold() {
                operation.subject = hold
            } else {
                // Another confirmation was quicker.
                operation.kind = .reserve
            }
        case .read: operation.subject = book.known(due.number)
        }
        book.started(operation.kind)
        let request = plan.request(operation.kind, due.number, subject: operation.subject)
        let tag: Int
        if let last = free.popLast() {
            tag = last
            operations[tag] = operation
        } else {
            tag = operations.count
            operations.append(operation)
        }
        let moved = plan.head(operation.kind, passed: passed) ?? head
        clients[client].call(head: moved, request, tag: tag)
    }

    /// A call whose time was over before a stream was free for it.
    private func late(_ due: OverloadDue) {
        book.tooLate(due.kind)
        if case .closed = phase { callLater(Self.pauseMilliseconds) }
    }

    private func dropLate(_ now: UInt64) {
        while let first = waiting.first, now - min(now, first.meant) >= plan.deadlineNanoseconds {
            waiting.removeFirst()
            late(first)
        }
    }

    /// An answer has come.
    func answered(_ tag: Int, _ answer: borrowing DirectAnswer) {
        let operation = operations[tag]
        free.append(tag)
        let now = now
        var pause: Int?
        if answer.status == 0, let id = ReplyScan.id(framed: answer.framed) {
            switch operation.kind {
            case .reserve: book.reserved(id)
            case .confirm: book.confirmed()
            case .read: break
            }
            let microseconds = Int((now - min(now, operation.meant)) / 1_000)
            book.accepted(operation.kind, microseconds: microseconds, at: now)
        } else {
            // A confirmation can be made again whatever became of it.
            if operation.kind == .confirm { book.putBack(operation.subject) }
            pause = book.ended(operation.kind, answer) ?? Self.pauseMilliseconds
        }
        sendWaiting(on: operation.client)
        guard case .closed = phase else { return }
        if let pause { callLater(pause) } else { callAgain() }
    }

    /// What waits goes where an answer has freed a stream.
    private func sendWaiting(on client: Int) {
        // On a lost connection a call is answered before it was made: what waits is sent by the
        // outermost of these.
        guard !isSending else { return }
        isSending = true
        defer { isSending = false }
        while let first = waiting.first, canSend(on: client) {
            waiting.removeFirst()
            send(first, on: client)
        }
    }

    /// Who was sent away comes again when it was told to.
    private func callLater(_ milliseconds: Int) {
        after(UInt64(milliseconds) * 1_000_000) { $0.callAgain() }
    }
}
