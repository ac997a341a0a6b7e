// Peers that flood: each loses its connection with the right code after a bounded number of frames,
// while a client on the same loop is served and memory stays where it was.

import Foundation
import Loop
import Testing

@testable import RPC

/// Frames that are harmless one by one.
struct Flood: Sendable, CustomTestStringConvertible {
    var what: String
    var limit: RPCLimit
    /// Units that may pass at once, and each second.
    var burst: Int
    var perSecond: Int
    var debug: String?
    /// Whether the peer has said that it knows our limits.
    var isWarned = true
    /// Sent once, before the flood.
    var opening: [RawFrame] = []
    /// The frames of a unit; the number begins at 0.
    var unit: @Sendable (_ number: UInt32) -> [RawFrame]

    var testDescription: String { what }

    /// Streams of floods; those of the questions in between are higher.
    fileprivate static func stream(_ number: UInt32) -> UInt32 { 2 * number + 3 }
}

@Suite(.serialized) struct FloodTests {
    private static let call = HPACK.request(changing: [":path": path("Sleep")])
    private static let shortCall = HPACK.request(
        changing: [":path": path("Sleep")],
        adding: [("grpc-timeout", "50m")],
    )
    private static let message: [UInt8] = [0, 0, 0, 0, 1, 255]
    private static let upperCase = HPACK.request(adding: [("Upper", "1")])

    private static let resets = [
        Flood(what: "resets", limit: .resets, burst: 200, perSecond: 50) {
            [.headers(Flood.stream($0), call, end: false), .reset(Flood.stream($0))]
        },
        Flood(what: "resets of running calls", limit: .resets, burst: 200, perSecond: 50) {
            [
                .headers(Flood.stream($0), call, end: false),
                .data(Flood.stream($0), message), .reset(Flood.stream($0)),
            ]
        },
        Flood(
            what: "resets of calls without time",
            limit: .unknownFrames,
            burst: 10_000,
            perSecond: 1_000
        ) {
            [
                .headers(Flood.stream($0), shortCall, end: false),
                .data(Flood.stream($0), message), .reset(Flood.stream($0)),
            ]
        },
        Flood(what: "windows beyond the limit", limit: .provokedResets, burst: 100, perSecond: 33) {
            [
                .headers(Flood.stream($0), call, end: false),
                .windowUpdate(Flood.stream($0), 0x7fff_ffff),
            ]
        },
        Flood(what: "false lengths", limit: .provokedResets, burst: 100, perSecond: 33) {
            [
                .headers(
                    Flood.stream($0),
                    HPACK.request(adding: [("content-length", "1")]),
                    end: false,
                ),
                .data(Flood.stream($0), message),
            ]
        },
        Flood(what: "malformed headers", limit: .provokedResets, burst: 100, perSecond: 33) {
            [.headers(Flood.stream($0), upperCase)]
        },
        Flood(what: "trailers that end nothing", limit: .provokedResets, burst: 100, perSecond: 33)
        {
            [
                .headers(Flood.stream($0), call, end: false),
                .headers(Flood.stream($0), HPACK.field("x", "y"), end: false),
            ]
        },
        Flood(
            what: "refused streams",
            limit: .streams,
            burst: 1_256,
            perSecond: 100,
            isWarned: false,
        ) {
            [.headers(Flood.stream($0), call, end: false)]
        },
    ]

    private static let control = [
        Flood(what: "PING", limit: .pings, burst: 3, perSecond: 1, debug: "too_many_pings") { _ in
            [.ping()]
        },
        Flood(what: "SETTINGS", limit: .settings, burst: 8, perSecond: 1) { _ in [.settings()] },
        Flood(what: "PRIORITY", limit: .priorities, burst: 10_000, perSecond: 1_000) {
            [.priority(2 * $0 + 1)]
        },
        Flood(what: "WINDOW_UPDATE", limit: .windowUpdates, burst: 10_000, perSecond: 1_000) { _ in
            [.windowUpdate(0, 1)]
        },
        Flood(
            what: "empty DATA",
            limit: .emptyData,
            burst: 10_000,
            perSecond: 1_000,
            opening: [.headers(3, call, end: false)],
        ) { _ in [.data(3, [], end: false)] },
        Flood(
            what: "DATA of nothing but padding",
            limit: .emptyData,
            burst: 10_000,
            perSecond: 1_000,
            opening: [.headers(3, call, end: false)],
        ) { _ in [RawFrame(type: 0, flags: 8, stream: 3, payload: [1, 0])] },
        Flood(what: "unknown frames", limit: .unknownFrames, burst: 10_000, perSecond: 1_000) { _ in
            [RawFrame(type: 0x42, payload: [1])]
        },
        Flood(what: "acknowledgements", limit: .unknownFrames, burst: 10_000, perSecond: 1_000) {
            _ in
            [.ping(flags: 1)]
        },
        Flood(
            what: "resets of what is over",
            limit: .unknownFrames,
            burst: 10_000,
            perSecond: 1_000,
            opening: [.headers(3, call, end: false), .reset(3)],
        ) { _ in [.reset(3)] },
        Flood(
            what: "DATA after our reset",
            limit: .unknownFrames,
            burst: 10_000,
            perSecond: 1_000,
            opening: [.headers(3, upperCase, end: false)],
        ) { _ in [.data(3, [1], end: false)] },
        Flood(
            what: "HEADERS after our reset",
            limit: .provokedResets,
            burst: 100,
            perSecond: 33,
            opening: [.headers(3, upperCase, end: false)],
        ) { _ in [.headers(3, HPACK.field("x", "y"), end: false)] },
    ]

    private static let blocks = [
        Flood(what: "CONTINUATION", limit: .continuations, burst: 2, perSecond: 1) {
            $0 == 0 ? [.headers(3, call, flags: 0)] : [.continuation(3, [], flags: 0)]
        },
        Flood(what: "large header blocks", limit: .headerList, burst: 9, perSecond: 1) {
            [
                .headers(
                    Flood.stream($0),
                    HPACK.request(adding: [("x", String(repeating: "v", count: 9_000))]),
                )
            ]
        },
        Flood(
            what: "references to a large field",
            limit: .headerList,
            burst: 9,
            perSecond: 1,
            // Goes into the table, where the first of its own entries has the number 62.
            opening: [
                .headers(
                    3,
                    call + [0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]
                        + [UInt8](repeating: 0x76, count: 4_000),
                    end: false,
                )
            ],
        ) {
            [.headers(Flood.stream($0 + 1), call + [UInt8](repeating: 0xbe, count: 16_000))]
        },
    ]

    /// A client that calls without a pause until it is told to stop.
    private static func honestCalls(
        _ client: RPCClient,
        until isOver: @escaping @Sendable () -> Bool,
    ) -> Task<(answered: Int, failed: Int), Never> {
        Task {
            var counts = (answered: 0, failed: 0)
            while !isOver() {
                let status = await failure { () throws(Status) in
                    try await client.unary(path("Echo"), [7], timeoutMilliseconds: 5_000)
                }
                if status == nil { counts.answered += 1 } else { counts.failed += 1 }
            }
            return counts
        }
    }

    /// A sanitizer keeps what was freed for a while, so that it can tell of late uses.
    private static let growthBytesMax =
        ProcessInfo.processInfo.environment["HOLDFAST_TEST_SANITIZER"] == nil
        ? 33_554_432 : 536_870_912

    /// Pages of memory that are resident, in bytes.
    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * 4_096
    }

    /// Sends units, a few at a time, until the server has had enough; says how many went out.
    private func send(_ flood: Flood, to peer: FramePeer, unitsMax: Int) async throws -> Int {
        try await peer.send(flood.opening)
        let share = max(1, flood.burst / 50)
        var sent = 0
        while sent < unitsMax {
            let units = sent..<(sent + share)
            do {
                try await peer.send(units.flatMap { flood.unit(UInt32($0)) })
            } catch {
                break
            }
            sent += share
            // The pause lets the server read, so that what is in flight does not count.
            try await Task.sleep(for: .milliseconds(2))
            if try await peer.now().isClosed { break }
        }
        return sent
    }

    @Test(arguments: resets + control + blocks)
    func `a flood ends its own connection and no other`(flood: Flood) async throws {
        let witness = Witness()
        let server = makeServer(witness: witness, loops: [TestLoops.all[1]])
        let port = try await server.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        _ = try await client.unary(path("Echo"), [])
        let before = try Self.residentBytes()
        let start = ContinuousClock.now

        let isOver = Flag()
        let calls = Self.honestCalls(client) { isOver.isSet }
        let peer = try await FramePeer.greeted(port: port, acknowledging: flood.isWarned)
        let sent = try await send(flood, to: peer, unitsMax: 40_000)
        let log = try await peer.end()
        isOver.set()
        let counts = await calls.value

        let seconds = Int((ContinuousClock.now - start).components.seconds) + 1
        #expect(log.goAway?.code == Code.calm)
        if let debug = flood.debug { #expect(log.goAway?.debug == debug) }
        #expect(witness.all.contains("limit \(flood.limit.rawValue)"))
        // As much again for what is on its way when the verdict falls, on a machine that does other things.
        #expect(sent >= min(flood.burst / 2, 100))
        #expect(sent <= (flood.burst + flood.perSecond * seconds) * 2 + 16)
        #expect(counts.failed == 0)
        #expect(counts.answered > 0)
        let growth = try Self.residentBytes() - before
        #expect(growth < Self.growthBytesMax, "bytes of memory that were not there before")
        await client.close()
        await server.shutdown(graceMilliseconds: 0)
    }
}
