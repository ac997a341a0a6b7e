// Questions of a turn travel together; what nobody waits for any more is not asked.

import Base
import Loop
import NIOCore
import NIOPosix
import Testing

@testable import Ledger

@Suite struct TurnBatchTests {
    /// What was asked, and a gate that holds the first question up.
    private final class Asked {
        var batches: [[Int]] = []
        var deadlines: [Deadline] = []
        var open: CheckedContinuation<Void, Never>?
    }

    @Test func `the clock of deadlines is the one of the event loops`() {
        let before = NIODeadline.now().uptimeNanoseconds
        let ours = UInt64(Deadline.now.nanoseconds)
        let after = NIODeadline.now().uptimeNanoseconds
        #expect((before...after).contains(ours))
    }

    @Test func `a question whose deadline passes while it waits is answered and not asked`()
        async throws
    {
        let loop = Loop(MultiThreadedEventLoopGroup.singleton.next())
        let (answers, batches, deadlines) =
            await loop.start {
                let asked = Asked()
                let batch = TurnBatch<Int, Int>(loop: loop, itemsMax: 10, late: -1) { items in
                    asked.batches.append(items)
                    asked.deadlines.append(.current)
                    if items == [1] { await withCheckedContinuation { asked.open = $0 } }
                    return items.map { $0 * 10 }
                }
                let bound = NIOLoopBound(batch, eventLoop: loop.eventLoop)
                func ask(_ item: Int, _ deadline: Deadline) -> Task<Int, Never> {
                    loop.start {
                        await Deadline.$current.withValue(deadline) {
                            await bound.value.answer(item)
                        }
                    }
                }
                let first = ask(1, .never)
                while asked.open == nil { await Task.yield() }
                // These wait behind the first; the time of one is over before it comes back.
                let soon = Deadline.now.advanced(milliseconds: 5)
                let later = Deadline.now.advanced(milliseconds: 60_000)
                let waiting = [
                    ask(2, later), ask(3, soon), ask(4, later.advanced(milliseconds: 1)),
                ]
                while !soon.hasPassed { try? await Task.sleep(for: .milliseconds(1)) }
                asked.open?.resume()
                var answers = [await first.value]
                for task in waiting { answers.append(await task.value) }
                // The batch goes on after one that was late as a whole.
                answers.append(await ask(5, soon).value)
                answers.append(await ask(6, later).value)
                return (
                    answers, asked.batches,
                    asked.deadlines.map { $0 == .never ? 0 : $0 > later ? 2 : 1 }
                )
            }
            .value
        #expect(answers == [10, 20, -1, 40, -1, 60])
        #expect(batches == [[1], [2, 4], [6]])
        #expect(deadlines == [0, 2, 1], "the deadline of a batch is the latest of its questions")
    }
}
