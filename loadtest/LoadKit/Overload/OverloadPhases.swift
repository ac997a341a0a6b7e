// The phases of an overload run as something to wait for, each with what it came to.

internal import Foundation
internal import Loop
internal import NIOCore

struct OverloadPhases: Sendable {
    let driver: NIOLoopBound<OverloadDriver>
    let loop: Loop

    /// Plays the mix for so many seconds with callers who wait for their answers.
    func closed(callers: Int, seconds: Int) async -> OverloadLevel {
        await level(seconds: seconds) { driver, finished in
            driver.closed(callers: callers, seconds: seconds, finished: finished)
        }
    }

    /// Makes calls at a constant rate, in calls per second, whatever becomes of those before.
    func open(rate: Double, seconds: Int) async -> OverloadLevel {
        await level(seconds: seconds) { driver, finished in
            driver.open(rate: rate, seconds: seconds, finished: finished)
        }
    }

    /// Makes so many holds that nobody has confirmed; these calls are part of no level.
    func hold(_ count: Int, callers: Int) async {
        _ = await level(seconds: 0) { driver, finished in
            driver.hold(count, callers: callers, finished: finished)
        }
    }

    /// Ids that the server has given out and confirmed, in all phases.
    func ever() async -> (reserved: Int, confirmed: Int) {
        await loop.start {
            (driver.value.book.reservedEver, driver.value.book.confirmedEver)
        }
        .value
    }

    /// Plays a phase to its end and closes it in the book; it lasts so many seconds, or until the
    /// last accepted call.
    private func level(
        seconds: Int,
        _ play: @escaping @Sendable (OverloadDriver, _ finished: @escaping () -> Void) -> Void,
    ) async -> OverloadLevel {
        let start = NIODeadline.now().uptimeNanoseconds
        let processorStart = clock()
        await loop.start {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                play(driver.value) { done.resume() }
            }
        }
        .value
        // `clock` counts in microseconds on every system of POSIX.
        let processorSeconds = Double(clock() - processorStart) / 1_000_000
        let wallSeconds = Double(NIODeadline.now().uptimeNanoseconds - start) / 1e9
        return
            await loop.start {
                let book = driver.value.book
                let end = start + UInt64(seconds) * 1_000_000_000
                let last = max(end, book.lastAcceptedAt ?? end)
                var level = book.close(seconds: Double(last - start) / 1e9)
                level.generatorCores = processorSeconds / max(wallSeconds, 0.001)
                return level
            }
            .value
    }
}
