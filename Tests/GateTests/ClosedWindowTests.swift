// The refusal window, with a clock of its own.

import Base
import Testing

@testable import Gate

@Suite struct ClosedWindowTests {
    private func at(_ milliseconds: Int64) -> Deadline {
        Deadline(nanoseconds: milliseconds * 1_000_000)
    }

    @Test func `it lasts from the first failure to the first answer after it`() {
        var window = ClosedWindow()
        window.end(at: at(5))
        #expect(window.count == 0)
        window.begin(at: at(10))
        window.begin(at: at(20))
        #expect(window.totalMs(at: at(25)) == 15)
        #expect(window.longestMs(at: at(25)) == 15)
        window.end(at: at(40))
        window.end(at: at(50))
        #expect(window.count == 1)
        #expect(window.totalMs(at: at(99)) == 30)
    }

    @Test func `several are summed, and the longest is known`() {
        var window = ClosedWindow()
        for (begin, end) in [(0, 10), (100, 150), (200, 220)] as [(Int64, Int64)] {
            window.begin(at: at(begin))
            window.end(at: at(end))
        }
        #expect(window.count == 3)
        #expect(window.totalMs(at: at(1_000)) == 80)
        #expect(window.longestMs(at: at(1_000)) == 50)
        window.begin(at: at(1_000))
        #expect(window.longestMs(at: at(1_100)) == 100)
    }
}
