// One queue of deadlines per event loop, with one timer of NIO armed for the earliest.
//
// A deadline per call must cost no task of the event loop per call: nearly all of them are cancelled
// long before they fire. So cancelling only forgets the action (its place in the heap goes stale),
// and the armed timer is left alone when its deadline has gone: it fires, finds nothing due and arms
// itself for whatever is then first. Never used off its loop.

package import NIOCore

/// Names one scheduled action of a `Timers`.
package struct TimerToken: Hashable, Sendable {
    fileprivate let slot: Int
    fileprivate let generation: UInt64
}

/// The deadlines of one event loop; confined to that loop.
package final class Timers: @unchecked Sendable {
    private struct Entry {
        let deadline: NIODeadline
        let generation: UInt64
        let slot: Int

        /// Earlier first; of equals, the one scheduled first.
        func precedes(_ other: Entry) -> Bool {
            (deadline, generation) < (other.deadline, other.generation)
        }
    }

    private struct Slot {
        var generation: UInt64
        var action: (() -> Void)?
    }

    /// Below this many stale entries the heap is not worth sweeping.
    private static let staleEntriesMin = 64

    private let eventLoop: any EventLoop
    private var heap: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var generations: UInt64 = 0
    private var armed: (deadline: NIODeadline, timer: Scheduled<Void>)?
    private var isFiring = false

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// How many actions are waiting.
    package var count: Int {
        eventLoop.preconditionInEventLoop()
        return slots.count - freeSlots.count
    }

    /// Entries of the heap, stale ones included; for tests of the sweeping.
    package var entryCount: Int { heap.count }

    /// Calls `action` on the loop once `deadline` has come, never before this call returns.
    @discardableResult
    package func schedule(
        at deadline: NIODeadline,
        _ action: @escaping () -> Void,
    ) -> TimerToken {
        eventLoop.preconditionInEventLoop()
        generations += 1
        let slot = occupySlot(generation: generations, action: action)
        push(Entry(deadline: deadline, generation: generations, slot: slot))
        if !isFiring { arm() }
        return TimerToken(slot: slot, generation: generations)
    }

    /// Forgets the action.
    ///
    /// One that has already run, or was cancelled before, is left alone.
    package func cancel(_ token: TimerToken) {
        eventLoop.preconditionInEventLoop()
        guard slots[token.slot].generation == token.generation else { return }
        vacate(token.slot)
        let staleCount = heap.count - (slots.count - freeSlots.count)
        if staleCount > Self.staleEntriesMin, staleCount > heap.count / 2 { sweep() }
    }

    // MARK: Firing

    private func arm() {
        guard let first = heap.first else { return }
        if let armed {
            if armed.deadline <= first.deadline { return }
            armed.timer.cancel()
        }
        let timer = eventLoop.scheduleTask(deadline: first.deadline) { self.fire() }
        armed = (first.deadline, timer)
    }

    private func fire() {
        armed = nil
        isFiring = true
        let now = NIODeadline.now()
        while let first = heap.first {
            let isStale = slots[first.slot].generation != first.generation
            if !isStale, first.deadline > now { break }
            popFirst()
            if isStale { continue }
            let action = slots[first.slot].action
            vacate(first.slot)
            action?()
        }
        isFiring = false
        arm()
    }

    // MARK: Slots

    private func occupySlot(generation: UInt64, action: @escaping () -> Void) -> Int {
        if let slot = freeSlots.popLast() {
            slots[slot] = Slot(generation: generation, action: action)
            return slot
        }
        slots.append(Slot(generation: generation, action: action))
        return slots.count - 1
    }

    private func vacate(_ slot: Int) {
        slots[slot] = Slot(generation: 0, action: nil)
        freeSlots.append(slot)
    }

    // MARK: Heap

    private func sweep() {
        heap.removeAll { slots[$0.slot].generation != $0.generation }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    private func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private func popFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
    }

    private func siftDown(_ start: Int) {
        var parent = start
        while true {
            var earliest = parent
            for child in (2 * parent + 1)..<(2 * parent + 3) where child < heap.count {
                if heap[child].precedes(heap[earliest]) { earliest = child }
            }
            if earliest == parent { return }
            heap.swapAt(parent, earliest)
            parent = earliest
        }
    }
}
