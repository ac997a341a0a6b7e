// The memory of what was found empty, with a clock of its own.

import Base
import Domain
import Testing

@testable import Promising

@Suite struct SoldOutTests {
    private let begin = Deadline(nanoseconds: 1_000_000_000)
    private let memory = SoldOut()

    private func after(_ milliseconds: Int64) -> Deadline {
        begin.advanced(milliseconds: milliseconds)
    }

    private func lines(_ positions: PositionID...) -> [(position: PositionID, quantity: Int64)] {
        positions.map { ($0, 1) }
    }

    @Test func `nothing is remembered before something was found empty`() {
        #expect(memory.firstLine(of: lines(1, 2), at: begin) == nil)
        #expect(memory.firstLine(of: [], at: begin) == nil)
    }

    @Test func `the first line that was found empty is named`() {
        memory.insert(7, at: begin)
        memory.insert(8, at: begin)
        #expect(memory.firstLine(of: lines(1, 2), at: begin) == nil)
        #expect(memory.firstLine(of: lines(1, 8, 7), at: begin) == 1)
        #expect(memory.firstLine(of: lines(7), at: begin) == 0)
    }

    @Test func `it is forgotten after 50 ms, and by who finds stock`() {
        memory.insert(7, at: begin)
        #expect(memory.firstLine(of: lines(7), at: after(49)) == 0)
        #expect(memory.firstLine(of: lines(7), at: after(50)) == nil)
        // What has passed is gone, also for a clock that was behind.
        #expect(memory.firstLine(of: lines(7), at: after(10)) == nil)
        memory.insert(7, at: after(60))
        memory.remove(7)
        #expect(memory.firstLine(of: lines(7), at: after(61)) == nil)
    }

    @Test func `found empty again it is remembered from then on`() {
        memory.insert(7, at: begin)
        memory.insert(7, at: after(40))
        #expect(memory.firstLine(of: lines(7), at: after(80)) == 0)
        #expect(memory.firstLine(of: lines(7), at: after(90)) == nil)
    }

    @Test func `it does not grow without bound`() {
        for position in 0..<10_000 { memory.insert(PositionID(position), at: begin) }
        #expect(memory.firstLine(of: lines(0), at: begin) == 0)
        memory.insert(10_000, at: begin)
        #expect(memory.firstLine(of: lines(0), at: begin) == nil)
        #expect(memory.firstLine(of: lines(10_000), at: begin) == 0)
    }
}
