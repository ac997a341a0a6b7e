// The judge of frames as tables: what came and went before, and the verdict on the last frame.

import Testing

@testable import RPC

/// One thing that a guard is told.
enum GuardStep: Sendable {
    case received(FrameHeader)
    case sent(FrameHeader)
    case sentReset(Int32, HTTP2Code)
    case sentGoAway(Int32)
    case closed(Int32)
    /// Time that passes, in milliseconds.
    case pause(Int64)
    /// The same steps again and again.
    case times(Int, [GuardStep])

    static func headers(_ stream: Int32, end: Bool = false) -> GuardStep {
        .received(header(FrameType.headers, stream, end: end))
    }

    static func data(_ stream: Int32, _ length: Int = 9, end: Bool = false) -> GuardStep {
        .received(header(FrameType.data, stream, length, end: end))
    }

    static func reset(_ stream: Int32) -> GuardStep { .received(header(3, stream, 4)) }

    static func plain(_ type: UInt8, _ length: Int = 8, flags: UInt8 = 0) -> GuardStep {
        .received(FrameHeader(length: length, type: type, flags: flags, stream: 0))
    }

    /// An answer that ends our side.
    static func answer(_ stream: Int32) -> GuardStep {
        .times(
            1,
            [
                .sent(header(FrameType.headers, stream)), .sent(header(FrameType.data, stream)),
                .sent(header(FrameType.headers, stream, end: true)),
            ]
        )
    }

    private static func header(
        _ type: UInt8,
        _ stream: Int32,
        _ length: Int = 9,
        end: Bool = false,
    ) -> FrameHeader {
        let endHeaders: UInt8 = type == FrameType.headers ? 4 : 0
        return FrameHeader(
            length: length,
            type: type,
            flags: endHeaders | (end ? 1 : 0),
            stream: stream,
        )
    }
}

/// A guard, its clock, and the last verdict that was not to go on.
struct GuardRun {
    var frames = FrameGuard(SessionLimits())
    var now: Int64 = 1_000_000_000_000
    /// Verdicts by what they were, in the order in which they changed.
    var verdicts: [FrameVerdict] = []
    /// Frames received until the connection ended.
    var received = 0

    var isOver: Bool {
        if case .end = verdicts.last { return true }
        return false
    }

    mutating func take(_ steps: [GuardStep]) {
        for step in steps where !isOver {
            switch step {
            case .received(let header):
                received += 1
                note(frames.received(header, now: now))
            case .sent(let header): frames.sent(header)
            case .sentReset(let stream, let code):
                note(frames.sentReset(stream: stream, code: code.rawValue, now: now))
            case .sentGoAway(let last): frames.sentGoAway(lastStream: last)
            case .closed(let stream): frames.closed(stream: stream)
            case .pause(let milliseconds): now += milliseconds * 1_000_000
            case .times(let count, let steps): for _ in 0..<count { take(steps) }
            }
        }
    }

    private mutating func note(_ verdict: FrameVerdict) {
        if verdict != verdicts.last { verdicts.append(verdict) }
    }
}

@Suite struct FrameGuardTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var what: String
        var last: FrameVerdict
        var steps: [GuardStep]
        var testDescription: String { what }

        init(_ what: String, _ last: FrameVerdict, _ steps: [GuardStep]) {
            self.what = what
            self.last = last
            self.steps = steps
        }
    }

    private static func end(_ code: HTTP2Code, _ limit: RPCLimit? = nil) -> FrameVerdict {
        .end(ConnectionEnd(code: code, limit: limit, debug: ""))
    }

    private static func calm(_ limit: RPCLimit) -> FrameVerdict { end(.enhanceYourCalm, limit) }

    private static let manyGaps: [GuardStep] =
        (0...20).map { number in GuardStep.headers(3 + 4 * number) } + [.headers(5)]

    private static let manyResets: [GuardStep] =
        (0..<300)
        .flatMap { number -> [GuardStep] in
            [.headers(2 * number + 1), .sentReset(2 * number + 1, .noError)]
        } + [.data(1)]

    private static let states: [Case] = [
        Case("a call", .goOn, [.headers(1), .data(1, end: true), .answer(1), .closed(1)]),
        Case("trailers", .goOn, [.headers(1), .data(1), .headers(1, end: true)]),
        Case("back", end(.protocolError), [.headers(5), .headers(3)]),
        Case("back by DATA", end(.protocolError), [.headers(5), .data(3)]),
        Case("back before the first", end(.protocolError), [.headers(3), .headers(1)]),
        Case(
            "back beyond what is remembered",
            end(.streamClosed),
            manyGaps,
        ),
        Case("after the end", end(.streamClosed), [.headers(1, end: true), .data(1)]),
        Case("again", end(.streamClosed), [.headers(1, end: true), .headers(1)]),
        Case("after RST_STREAM", end(.streamClosed), [.headers(1), .reset(1), .data(1)]),
        Case(
            "after both ends",
            end(.streamClosed),
            [.headers(1, end: true), .answer(1), .closed(1), .data(1)],
        ),
        Case("behind an early answer", .goOn, [.headers(1), .answer(1), .data(1, end: true)]),
        Case(
            "behind the end that follows an early answer",
            end(.streamClosed),
            [.headers(1), .answer(1), .data(1, end: true), .closed(1), .data(1)],
        ),
        Case(
            "behind our reset",
            .ignore,
            [.headers(1), .sentReset(1, .protocolError), .closed(1), .data(1), .headers(1)],
        ),
        Case(
            "behind our reset and the peer's end",
            end(.streamClosed),
            [.headers(1), .sentReset(1, .protocolError), .data(1, end: true), .data(1)],
        ),
        Case(
            "behind our reset of a request that was complete",
            end(.streamClosed),
            [.headers(1, end: true), .sentReset(1, .internalError), .closed(1), .data(1)],
        ),
        Case(
            "behind a reset that is forgotten",
            .ignore,
            manyResets,
        ),
        Case("behind GOAWAY", .ignore, [.headers(1), .sentGoAway(1), .headers(3), .data(3)]),
        Case("before GOAWAY", .goOn, [.headers(1), .sentGoAway(1), .data(1, end: true)]),
        Case(
            "within a block",
            end(.protocolError),
            [
                .received(FrameHeader(length: 1, type: 1, flags: 0, stream: 1)),
                .plain(FrameType.ping),
            ],
        ),
    ]

    private static let early: GuardStep = .times(3, [.plain(FrameType.ping), .pause(9_000)])

    private static let pings: [Case] = [
        Case("pings in time", .goOn, [.times(99, [.plain(FrameType.ping), .pause(10_000)])]),
        Case("two early pings", .goOn, [early]),
        Case("three early pings", calm(.pings), [early, .plain(FrameType.ping)]),
        Case(
            "pings while we send",
            .goOn,
            [.headers(1), .times(999, [.plain(FrameType.ping), .answer(1)])],
        ),
        Case("what we send forgives", .goOn, [early, .answer(1), early, .answer(1), early]),
        Case("acknowledgements", .goOn, [.times(99, [.plain(FrameType.ping, flags: 1)])]),
    ]

    private static func nine(_ milliseconds: Int64) -> [GuardStep] {
        [.times(8, [.plain(FrameType.settings, 0)]), .pause(milliseconds), .plain(4, 0)]
    }

    private static let settings: [Case] = [
        Case("nine SETTINGS in time", .goOn, nine(1_250)),
        Case("nine SETTINGS", calm(.settings), nine(1_249)),
        Case("16 entries", .goOn, [.plain(FrameType.settings, 96)]),
        Case("17 entries", calm(.settings), [.plain(FrameType.settings, 102)]),
    ]

    @Test(arguments: states + pings + settings)
    func `the last verdict`(rule: Case) {
        var run = GuardRun()
        run.take(rule.steps)
        #expect(run.verdicts.last == rule.last)
    }

    /// A flood by its frames, and how many may come at once and each second.
    struct Budget: Sendable, CustomTestStringConvertible {
        var limit: RPCLimit
        var burst: Int
        var perSecond: Int
        var steps: @Sendable (Int32) -> [GuardStep]
        var testDescription: String { limit.rawValue }
    }

    private static let budgets: [Budget] = [
        Budget(limit: .resets, burst: 200, perSecond: 50) { [.headers($0), .reset($0)] },
        Budget(limit: .provokedResets, burst: 100, perSecond: 33) {
            [.headers($0), .sentReset($0, .streamClosed)]
        },
        Budget(limit: .streams, burst: 1_000, perSecond: 100) {
            [.headers($0), .sentReset($0, .refusedStream)]
        },
        Budget(limit: .priorities, burst: 10_000, perSecond: 1_000) { _ in [.plain(2, 5)] },
        Budget(limit: .windowUpdates, burst: 10_000, perSecond: 1_000) { _ in [.plain(8, 4)] },
        Budget(limit: .emptyData, burst: 10_000, perSecond: 1_000) {
            [.headers($0), .data($0, 0)]
        },
        Budget(limit: .unknownFrames, burst: 10_000, perSecond: 1_000) { _ in [.plain(77)] },
    ]

    @Test(arguments: budgets)
    func `a budget is spent at once and comes back by the second`(budget: Budget) {
        var run = GuardRun()
        var stream: Int32 = -1
        func spend(_ count: Int) {
            for _ in 0..<count {
                stream += 2
                run.take(budget.steps(stream))
            }
        }
        spend(budget.burst)
        #expect(run.verdicts == [.goOn])
        run.now += 1_000_000_000
        spend(budget.perSecond)
        #expect(run.verdicts == [.goOn])
        // A little comes back while this is spent in no time.
        spend(2)
        #expect(run.verdicts.last == Self.calm(budget.limit))
    }

    @Test func `taking back calls whose time is over is no rapid reset`() {
        var frames = FrameGuard(SessionLimits())
        var stream: Int32 = -1
        func reset(_ givenUp: GivenUp) -> FrameVerdict {
            stream += 2
            let head = FrameHeader(length: 1, type: FrameType.headers, flags: 5, stream: stream)
            _ = frames.received(head, now: 1)
            let reset = FrameHeader(length: 4, type: 3, flags: 0, stream: stream)
            return frames.received(reset, now: 1, givenUp: givenUp)
        }
        for _ in 0..<5_000 {
            let verdict = reset(.overdue)
            #expect(verdict == .goOn)
        }
        for _ in 0..<200 {
            let verdict = reset(.early)
            #expect(verdict == .goOn)
        }
        let verdict = reset(.early)
        #expect(verdict == Self.calm(.resets))
    }

    @Test func `resets of our own accord cost the peer nothing`() {
        var run = GuardRun()
        for code in [HTTP2Code.noError, .cancel, .internalError] {
            run.take([.times(9_999, [.sentReset(1, code)])])
        }
        #expect(run.verdicts == [.goOn])
    }

    /// What a fast client of many unary calls sends: for each call HEADERS and DATA, a WINDOW_UPDATE
    /// of stream and connection, a PING to measure the path, and now and then a call taken back.
    @Test func `200000 honest calls trip nothing and leave nothing behind`() {
        var run = GuardRun()
        var stream: Int32 = -1
        for number in 0..<200_000 {
            stream += 2
            run.take([
                .headers(stream), .data(stream, end: true), .answer(stream), .closed(stream),
                .plain(FrameType.windowUpdate, 4), .plain(FrameType.windowUpdate, 4),
                .plain(FrameType.ping),
            ])
            // 50,000 calls a second; one in a thousand is taken back.
            run.now += 20_000
            guard number % 1_000 == 0 else { continue }
            stream += 2
            run.take([
                .headers(stream), .data(stream, end: true), .reset(stream), .closed(stream),
            ])
        }
        #expect(run.verdicts == [.goOn])
        #expect(run.frames.streamsKept == 0)
    }

    @Test func `streams are found again among many`() {
        var table = StreamTable()
        var model: [Int32: StreamTable.State] = [:]
        var seed: UInt64 = 2_026
        for _ in 0..<200_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let stream = Int32(truncatingIfNeeded: (seed >> 33) % 400) * 2 + 1
            let state = StreamTable.State(rawValue: UInt8(seed >> 60) & 7)
            table[stream] = state
            model[stream] = state
            #expect(table[stream] == model[stream])
        }
        #expect(table.count == model.count)
        for stream in stride(from: Int32(1), to: 800, by: 2) {
            #expect(table[stream] == model[stream])
        }
        #expect(table[0] == nil)
    }
}
