// Gathers what is asked for within a turn of a loop, and while the answer before it is awaited, into
// one question. At low load nothing waits: a batch of one leaves at the end of its turn.

internal import DequeModule
internal import NIOCore

/// Batches questions of one kind on one loop; at most one batch is under way.
package final class TurnBatch<Item: Sendable, Answer: Sendable> {
    private let loop: Loop
    private let itemsMax: Int
    private let ask: ([Item]) async -> [Answer]
    private var waiting = Deque<(item: Item, continuation: CheckedContinuation<Answer, Never>)>()
    private var isAsking = false
    private var isScheduled = false

    /// `ask` gets at most `itemsMax` items and returns an answer for each, in their order.
    package init(loop: Loop, itemsMax: Int, ask: @escaping ([Item]) async -> [Answer]) {
        self.loop = loop
        self.itemsMax = itemsMax
        self.ask = ask
    }

    /// Adds a question to the next batch and waits for its answer.
    package func answer(_ item: Item) async -> Answer {
        loop.eventLoop.preconditionInEventLoop()
        return await withCheckedContinuation { continuation in
            waiting.append((item, continuation))
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
        isAsking = true
        let batch = Array(waiting.prefix(itemsMax))
        waiting.removeFirst(batch.count)
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let items = batch.map(\.item)
        let continuations = batch.map(\.continuation)
        loop.start {
            let answers = await bound.value.ask(items)
            for (continuation, answer) in zip(continuations, answers) {
                continuation.resume(returning: answer)
            }
            bound.value.ended()
        }
    }

    private func ended() {
        isAsking = false
        if !waiting.isEmpty { schedule() }
    }
}
