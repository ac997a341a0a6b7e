// The queue of deadlines of a loop, which every call of the transport relies on.

import Loop
import NIOCore
import Testing

@Suite struct TimersTests {
    /// Runs `body` on a loop and waits for the event that it leaves in the promise.
    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (Timers, EventLoopPromise<Value>) -> Void
    ) async throws -> Value {
        let loop = TestLoops.first
        let promise = loop.eventLoop.makePromise(of: Value.self)
        loop.eventLoop.execute { body(Timers(loop.eventLoop), promise) }
        return try await promise.futureResult.get()
    }

    private final class Log: @unchecked Sendable {
        var entries: [Int] = []
    }

    @Test func `actions run in the order of their deadlines`() async throws {
        let order = try await onLoop { timers, promise in
            let start = NIODeadline.now()
            let log = Log()
            for delay in [30, 10, 20, 10, 0, 40, 5] {
                timers.schedule(at: start + .milliseconds(Int64(delay))) {
                    log.entries.append(delay)
                    if log.entries.count == 7 { promise.succeed(log.entries) }
                }
            }
        }
        #expect(order == [0, 5, 10, 10, 20, 30, 40])
    }

    @Test func `a cancelled action never runs and an earlier one overtakes`() async throws {
        let order = try await onLoop { timers, promise in
            let start = NIODeadline.now()
            let log = Log()
            timers.schedule(at: start + .milliseconds(60)) { promise.succeed(log.entries) }
            let cancelled = timers.schedule(at: start + .milliseconds(20)) { log.entries.append(1) }
            timers.schedule(at: start + .milliseconds(10)) { log.entries.append(2) }
            timers.cancel(cancelled)
            timers.cancel(cancelled)
            // Takes the place of the cancelled one, which must not be cancelled by its token.
            timers.schedule(at: start + .milliseconds(30)) { log.entries.append(3) }
            timers.cancel(cancelled)
        }
        #expect(order == [2, 3])
    }

    @Test func `cancelled deadlines do not pile up`() async throws {
        let (entries, count) = try await onLoop { timers, promise in
            let far = NIODeadline.now() + .hours(1)
            timers.schedule(at: far) {}
            for _ in 0..<100_000 { timers.cancel(timers.schedule(at: far) {}) }
            promise.succeed((timers.entryCount, timers.count))
        }
        #expect(entries < 1_000)
        #expect(count == 1)
    }

    @Test func `an action may schedule the next`() async throws {
        let order = try await onLoop { timers, promise in
            let log = Log()
            timers.schedule(at: .now()) {
                log.entries.append(1)
                timers.schedule(at: .now()) {
                    log.entries.append(2)
                    promise.succeed(log.entries)
                }
            }
        }
        #expect(order == [1, 2])
    }
}
