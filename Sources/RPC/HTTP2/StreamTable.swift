// What is known of the streams of a connection that are not over, by number.
//
// Stream numbers come in order and are odd, so half of the number is a hash that hardly collides.
// A table of our own costs a few nanoseconds for each step of a call, a dictionary ten times that.

internal import Base

/// States of streams, by their numbers; a stream without an entry is over or was never opened.
struct StreamTable {
    enum State: UInt8 {
        case open
        /// The peer has ended its side.
        case peerEnded
        /// We have ended our side.
        case weEnded
        /// We have reset it, and the peer may not know yet.
        case resetByUs
    }

    private struct Slot {
        /// 0 marks a free slot.
        var stream: Int32 = 0
        var state = State.open
    }

    private var slots = [Slot](repeating: Slot(), count: 32)
    /// Streams that stand elsewhere than at home: hardly ever any, and with none a slot is freed without
    /// a look at those behind it, which with numbers in order would be all the others.
    private var displacedCount = 0
    private(set) var count = 0

    /// The state of a stream; nil takes its entry away.
    subscript(stream: Int32) -> State? {
        get {
            // 0, the connection itself, looks like a free slot.
            guard stream > 0 else { return nil }
            let index = place(of: stream)
            return slots[index].stream == stream ? slots[index].state : nil
        }
        set {
            invariant(stream > 0, "the connection itself has no state of a stream")
            let index = place(of: stream)
            let isKnown = slots[index].stream == stream
            guard let newValue else {
                if isKnown { vacate(index) }
                return
            }
            slots[index] = Slot(stream: stream, state: newValue)
            if isKnown { return }
            if index != home(of: stream) { displacedCount += 1 }
            count += 1
            if count * 2 > slots.count { grow() }
        }
    }

    private func home(of stream: Int32) -> Int {
        Int(stream >> 1) & (slots.count - 1)
    }

    /// Where a stream is, or the free slot where it would go.
    private func place(of stream: Int32) -> Int {
        var index = home(of: stream)
        while slots[index].stream != 0, slots[index].stream != stream {
            index = (index + 1) & (slots.count - 1)
        }
        return index
    }

    /// Frees a slot and moves up those behind it that would not be found any more.
    private mutating func vacate(_ index: Int) {
        count -= 1
        if displacedCount == 0 {
            slots[index] = Slot()
            return
        }
        let mask = slots.count - 1
        if index != home(of: slots[index].stream) { displacedCount -= 1 }
        var hole = index
        var next = (hole + 1) & mask
        while slots[next].stream != 0 {
            let wanted = home(of: slots[next].stream)
            if (next - wanted) & mask >= (next - hole) & mask {
                // It was displaced, or it would not have to move; it may come home.
                if hole == wanted { displacedCount -= 1 }
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Slot()
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 2)
        displacedCount = 0
        for slot in old where slot.stream != 0 {
            let index = place(of: slot.stream)
            if index != home(of: slot.stream) { displacedCount += 1 }
            slots[index] = slot
        }
    }
}
