// The two ways to make load: callers who wait for their answers, and a rate that waits for nobody.

internal import Foundation
internal import Loop
internal import NIOCore
internal import RPC

/// Callers with one call at a time each.
struct ClosedLoop: Sendable {
    /// Holds that are made in advance, at most.
    private static let holdsMax = 500_000
    private static let holdSecondsMax = 60

    let calls: OverloadCalls
    let loop: Loop
    let callers: Int

    /// Plays the mix for so many seconds.
    func run(seconds: Int) async -> OverloadLevel {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let processorStart = clock()
        await all { book in
            guard ContinuousClock.now < end else { return nil }
            let number = book.nextNumber()
            return (book.nextKind(number), number)
        }
        return await close(calls.book, loop, start, end, processorStart)
    }

    /// Reserves until there are so many holds to confirm, or a minute is over.
    func hold(_ count: Int) async {
        let start = ContinuousClock.now
        let end = start + .seconds(Self.holdSecondsMax)
        await all { book in
            guard book.heldCount + book.open < min(count, Self.holdsMax), ContinuousClock.now < end
            else { return nil }
            return (.reserve, book.nextNumber())
        }
        // These calls are part of no level.
        _ = await close(calls.book, loop, start, start, clock())
    }

    private func all(
        _ next: @escaping @Sendable (OverloadBook) -> (OverloadCall, Int)?
    ) async {
        let workers = (0..<callers)
            .map { _ in
                loop.start {
                    while let (kind, number) = next(calls.book.value) {
                        let status = await calls.make(kind, number, meant: .now)
                        guard let status else { continue }
                        // Who was sent away comes again when it was told to.
                        try? await Task.sleep(for: .milliseconds(status.retryMs ?? 20))
                    }
                }
            }
        for worker in workers { await worker.value }
    }
}

/// Arrivals at a constant rate.
struct OpenLoop: Sendable {
    let calls: OverloadCalls
    let loop: Loop
    let openMax: Int

    /// Makes calls at that rate, in calls per second, and waits for what became of them.
    func run(rate: Double, seconds: Int) async -> OverloadLevel {
        let start = ContinuousClock.now
        let count = Int(rate * Double(seconds))
        let processorStart = clock()
        let begun = loop.start {
            var made = 0
            while made < count {
                let passed = (ContinuousClock.now - start) / .seconds(1)
                let due = min(count, Int(passed * rate) + 1)
                while made < due {
                    begin(meant: start + .seconds(Double(made) / rate))
                    made += 1
                }
                try? await Task.sleep(for: .milliseconds(1))
            }
        }
        await begun.value
        // Every call has a deadline, so this ends.
        while await loop.start({ calls.book.value.open }).value > 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
        let end = start + .seconds(seconds)
        return await close(calls.book, loop, start, end, processorStart)
    }

    private func begin(meant: ContinuousClock.Instant) {
        let book = calls.book.value
        let number = book.nextNumber()
        let kind = book.nextKind(number)
        guard book.open < openMax else {
            book.unmade(kind)
            return
        }
        loop.start { await calls.make(kind, number, meant: meant) }
    }
}

/// Closes a level in the book.
private func close(
    _ book: NIOLoopBound<OverloadBook>,
    _ loop: Loop,
    _ start: ContinuousClock.Instant,
    _ end: ContinuousClock.Instant,
    _ processorStart: clock_t,
) async -> OverloadLevel {
    // `clock` counts in microseconds on every system of POSIX.
    let processorSeconds = Double(clock() - processorStart) / 1_000_000
    let wallSeconds = (ContinuousClock.now - start) / .seconds(1)
    return
        await loop.start {
            let last = max(end, book.value.lastAcceptedAt ?? end)
            var level = book.value.close(seconds: (last - start) / .seconds(1))
            level.generatorCores = processorSeconds / max(wallSeconds, 0.001)
            return level
        }
        .value
}
