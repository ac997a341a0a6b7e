// Log lines and progress, with a clock of the test's own.

import Base
import Foundation
import Logging
import Synchronization
import Testing

@testable import holdfast

@Suite struct LogAndProgressTests {
    /// Collects what is written.
    private final class Sink: Sendable {
        private let text = Mutex("")
        func write(_ part: String) { text.withLock { $0 += part } }
        var written: String { text.withLock { $0 } }
    }

    /// A clock that a test sets.
    private final class SetClock: Base.Clock {
        private let moment = Mutex(Instant(seconds: 1_000))
        func now() -> Instant { moment.withLock { $0 } }
        func advance(_ milliseconds: Int64) {
            moment.withLock { $0 = $0.advanced(milliseconds: milliseconds) }
        }
    }

    private func logger(_ format: ServeConfiguration.LogFormat, _ sink: Sink) -> Logger {
        Logger(label: "test") { _ in
            LineLogHandler(
                level: .info,
                format: format,
                now: { Date(timeIntervalSince1970: 1_795_420_186.25) },
                write: { sink.write($0) },
            )
        }
    }

    @Test func `an event is one line of text, whatever a peer has sent`() {
        let sink = Sink()
        let logger = logger(.text, sink)
        logger.debug("not shown")
        logger.notice("stopping", metadata: ["signal": "SIGTERM", "note": "two\nlines \"x\""])
        #expect(
            sink.written == """
                2026-11-23T07:49:46.250Z NOTICE   stopping note="two\\u{a}lines \\"x\\"" \
                signal=SIGTERM

                """
        )
    }

    @Test func `an event is one object of JSON`() throws {
        let sink = Sink()
        logger(.json, sink).error("no\nanswer", metadata: ["port": "1"])
        #expect(sink.written.count { $0 == "\n" } == 1)
        let object = try JSONSerialization.jsonObject(with: Data(sink.written.utf8))
        let line = object as? [String: Any]
        #expect(line?["level"] as? String == "error")
        #expect(line?["message"] as? String == "no\nanswer")
        #expect(line?["time"] as? String == "2026-11-23T07:49:46.250Z")
        #expect(line?["fields"] as? [String: String] == ["port": "1"])
    }

    @Test func `a terminal's line renews itself and ends once`() {
        let sink = Sink()
        let clock = SetClock()
        let progress = Progress(
            "rows",
            total: 10,
            isWatched: true,
            clock: clock,
            write: { sink.write($0) },
        )
        progress.update(1)
        progress.update(2)
        clock.advance(200)
        progress.update(5)
        progress.finish(10)
        #expect(
            sink.written
                == "\rrows: 1 of 10 (10 %)\rrows: 5 of 10 (50 %)\rrows: 10 of 10 (100 %)\n"
        )
    }

    @Test func `a log gets a line every few seconds, and none for short work`() {
        let sink = Sink()
        let clock = SetClock()
        let progress = Progress(
            "rows",
            total: 10,
            isWatched: false,
            clock: clock,
            write: { sink.write($0) },
        )
        progress.update(1)
        clock.advance(4_000)
        progress.update(4)
        #expect(sink.written.isEmpty)
        clock.advance(1_000)
        progress.update(5)
        progress.finish(10)
        #expect(sink.written == "rows: 5 of 10 (50 %)\n")
    }
}
