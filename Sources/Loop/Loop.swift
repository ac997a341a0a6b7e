// One event loop that runs Swift tasks itself, and tells when a turn of it ends.
//
// Handlers are async functions that never leave their loop: a task started here resumes here, so
// state confined to the loop needs no lock. A turn is: handle what was read, run the tasks that this
// woke, then the hooks of the turn's end, in two phases: first `gather` (one script call, one batch
// for everything the turn produced), then `flush` (one write per connection).
//
// This is one of the few files where the house rules allow `@unchecked Sendable`: confinement is
// checked at the door (`preconditionInEventLoop`), not by the compiler.

internal import DequeModule
package import NIOCore

/// A thread's event loop as a task executor, with hooks at the end of each turn.
package final class Loop: TaskExecutor, @unchecked Sendable {
    /// When, at the end of a turn, a hook runs.
    package enum Phase {
        /// Send on what the turn collected: may wake more tasks.
        case gather
        /// Write to sockets: runs when no task is left to run.
        case flush
    }

    /// Jobs of one turn.
    ///
    /// A task that yields again and again must not keep its loop from sockets.
    private static let jobsPerTurnMax = 10_000
    /// How long such a loop looks at its sockets before it goes on, in microseconds.
    ///
    /// Zero would not do: the event loop runs what is due before it looks.
    private static let breathMicroseconds: Int64 = 100

    package let eventLoop: any EventLoop
    /// The deadlines of this loop; only from its own thread.
    package let timers: Timers

    // Confined to the loop's thread.
    private var jobs = Deque<UnownedJob>()
    private var gatherHooks: [() -> Void] = []
    private var flushHooks: [() -> Void] = []
    private var isTurning = false
    private var isScheduled = false

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        timers = Timers(eventLoop)
    }

    /// Runs `operation` as a task that starts, resumes and ends on this loop.
    @discardableResult
    package func start<Success: Sendable>(
        _ operation: sending @escaping () async -> Success
    ) -> Task<Success, Never> {
        Task(executorPreference: self) { await operation() }
    }

    /// Like `start`, for an operation without a result.
    ///
    /// Not generic: this is what every call does, and the compiler cannot specialise the other for
    /// callers in other modules.
    @discardableResult
    package func start(_ operation: sending @escaping () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self) { await operation() }
    }

    /// Like `start`, for an operation that may throw.
    @discardableResult
    package func startThrowing<Success: Sendable>(
        _ operation: sending @escaping () async throws -> Success
    ) -> Task<Success, any Error> {
        Task(executorPreference: self) { try await operation() }
    }

    /// Calls `hook` once when the current turn ends; only from the loop's own thread.
    package func atTurnEnd(_ phase: Phase, _ hook: @escaping () -> Void) {
        eventLoop.preconditionInEventLoop()
        switch phase {
        case .gather: gatherHooks.append(hook)
        case .flush: flushHooks.append(hook)
        }
        scheduleTurn()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if eventLoop.inEventLoop {
            jobs.append(job)
            scheduleTurn()
        } else {
            eventLoop.execute {
                self.jobs.append(job)
                self.scheduleTurn()
            }
        }
    }

    package func asUnownedTaskExecutor() -> UnownedTaskExecutor {
        unsafe UnownedTaskExecutor(ordinary: self)
    }

    private func scheduleTurn() {
        if isTurning || isScheduled { return }
        isScheduled = true
        eventLoop.execute { self.turn() }
    }

    private func turn() {
        isScheduled = false
        isTurning = true
        var jobsLeft = Self.jobsPerTurnMax
        while true {
            while jobsLeft > 0, let job = jobs.popFirst() {
                jobsLeft -= 1
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            }
            if !gatherHooks.isEmpty {
                runAndClear(\.gatherHooks)
            } else if !flushHooks.isEmpty {
                runAndClear(\.flushHooks)
            } else {
                break
            }
        }
        isTurning = false
        if jobs.isEmpty { return }
        isScheduled = true
        eventLoop.scheduleTask(in: .microseconds(Self.breathMicroseconds)) { self.turn() }
    }

    private func runAndClear(_ path: ReferenceWritableKeyPath<Loop, [() -> Void]>) {
        let hooks = self[keyPath: path]
        self[keyPath: path] = []
        for hook in hooks { hook() }
    }
}
