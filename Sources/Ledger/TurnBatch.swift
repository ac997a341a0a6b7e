// Gathers what is asked for within a turn of a loop, and while the answer before it is awaited, into
// one question. At low load nothing waits: a batch of one leaves at the end of its turn. What nobody
// waits for any more when the batch leaves is not asked.

internal import Base
internal import DequeModule
internal import Loop
internal import NIOCore

/// Batches questions of one kind on one loop; at most one batch is under way.
final class TurnBatch<Item: Sendable, Answer: Sendable> {
    private let loop: Loop
    private let itemsMax: Int
    private let late: Answer
    private let ask: ([Item]) async -> [Answer]
    private var waiting = Deque<Waiting>()
    private var isAsking = false
    private var isScheduled = false

    private struct Waiting {
        let item: Item
        let deadline: Deadline
        let continuation: CheckedContinuation<Answer, Never>
    }

    /// `ask` gets at most `itemsMax` items and returns an answer for each, in their order; its
    /// deadline is the latest of theirs.
    ///
    /// `late` is the answer to what was not asked, because its deadline had passed.
    init(
        loop: Loop,
        itemsMax: Int,
        late: Answer,
        ask: @escaping ([Item]) async -> [Answer],
    ) {
        self.loop = loop
        self.itemsMax = itemsMax
        self.late = late
        self.ask = ask
    }

    /// Adds a question to the next batch and waits for its answer.
    func answer(_ item: Item) async -> Answer {
        loop.eventLoop.preconditionInEventLoop()
        let deadline = Deadline.current
        return await withCheckedContinuation { continuation in
            waiting.append(Waiting(item: item, deadline: deadline, continuation: continuation))
            schedule()
        }
    }

    private func schedule() {
        if isAsking || isScheduled { return }
        isScheduled = true
        loop.atTurnEnd(.gather) { self.begin() }
    }

    private func begin() {
        isScheduled = false
        let batch = nextBatch()
        if batch.isEmpty { return }
        isAsking = true
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let items = batch.map(\.item)
        let continuations = batch.map(\.continuation)
        let latest = batch.lazy.map(\.deadline).max() ?? .never
        loop.start {
            let answers = await Deadline.$current.withValue(latest) {
                await bound.value.ask(items)
            }
            for (continuation, answer) in zip(continuations, answers) {
                continuation.resume(returning: answer)
            }
            bound.value.ended()
        }
    }

    /// Takes as many items as one batch may have; answers those that are late.
    private func nextBatch() -> [Waiting] {
        let now = Deadline.now
        var batch: [Waiting] = []
        while batch.count < itemsMax, let next = waiting.popFirst() {
            if next.deadline.hasPassed(at: now) {
                next.continuation.resume(returning: late)
            } else {
                batch.append(next)
            }
        }
        return batch
    }

    private func ended() {
        isAsking = false
        if !waiting.isEmpty { schedule() }
    }
}
