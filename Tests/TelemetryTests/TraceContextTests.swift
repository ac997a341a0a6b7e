// The `traceparent` header: the examples of the standard, and everything near them that is none.

import Telemetry
import Testing

@Suite struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"

    @Test func `a header of version 00 is read`() {
        let context = TraceContext("00-\(Self.trace)-\(Self.span)-01")
        #expect(context?.traceID == Self.trace)
        #expect(context?.parentID == Self.span)
        #expect(context?.isSampled == true)
        #expect(TraceContext("00-\(Self.trace)-\(Self.span)-00")?.isSampled == false)
    }

    @Test func `a later version is read as far as version 00 goes`() {
        #expect(TraceContext("01-\(Self.trace)-\(Self.span)-01-more")?.traceID == Self.trace)
        #expect(TraceContext("cc-\(Self.trace)-\(Self.span)-01")?.traceID == Self.trace)
    }

    @Test(arguments: [
        "",
        "00",
        "ff-\(trace)-\(span)-01",
        "00-\(trace)-\(span)-01-more",
        "01-\(trace)-\(span)-01more",
        "00-\(trace.uppercased())-\(span)-01",
        "00-00000000000000000000000000000000-\(span)-01",
        "00-\(trace)-0000000000000000-01",
        "00-\(trace)-\(span)-0g",
        "00_\(trace)_\(span)_01",
        "00-\(trace)\(span)--01",
    ])
    func `anything else is no trace`(header: String) {
        #expect(TraceContext(header) == nil)
    }
}
