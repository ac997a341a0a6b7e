// How long somebody waits: arithmetic that never overflows, and a value that goes with the task.

import Base
import Testing

@Suite struct DeadlineTests {
    private let moment = Deadline(nanoseconds: 5_000_000_000)

    @Test func `what is left is rounded up and never below zero`() {
        #expect(moment.milliseconds(from: moment) == 0)
        #expect(moment.milliseconds(from: Deadline(nanoseconds: 6_000_000_000)) == 0)
        #expect(moment.milliseconds(from: Deadline(nanoseconds: 4_999_999_999)) == 1)
        #expect(moment.milliseconds(from: Deadline(nanoseconds: 4_998_999_999)) == 2)
        #expect(moment.milliseconds(from: moment.advanced(milliseconds: -3_000)) == 3_000)
        #expect(Deadline.never.milliseconds(from: moment) > 1_000_000_000_000)
    }

    @Test func `never does not pass and stays never`() {
        #expect(!Deadline.never.hasPassed)
        #expect(Deadline.never.advanced(milliseconds: 1) == .never)
        #expect(Deadline.now.hasPassed)
        #expect(!Deadline.now.advanced(milliseconds: 60_000).hasPassed)
        #expect(moment.hasPassed(at: moment))
    }

    @Test func `it goes with the task and its children, and ends with its scope`() async {
        #expect(Deadline.current == .never)
        let (inner, child) = await Deadline.$current.withValue(moment) {
            async let child = Deadline.current
            return (Deadline.current, await child)
        }
        #expect(inner == moment)
        #expect(child == moment)
        #expect(Deadline.current == .never)
    }
}
