// Fewer streams while there is more than can be served, and as many as before when it is over.

import Testing

@testable import RPC

@Suite struct StreamAllowanceTests {
    private static let window = StreamAllowance.windowNanoseconds

    /// Plays windows in which so many calls run and are refused; `now` moves on.
    private func play(
        _ allowance: inout StreamAllowance,
        windows: Int,
        ran: Int,
        refused: Int,
        inFlight: Int,
        on connections: Int = 8,
        now: inout Int64,
    ) {
        for _ in 0..<windows {
            for _ in 0..<ran { _ = allowance.count(refused: false, now: now) }
            for _ in 0..<refused { _ = allowance.count(refused: true, now: now) }
            now += Self.window
            allowance.roll(inFlight: inFlight, connections: connections, now: now)
        }
    }

    @Test func `only many refusals take streams away`() {
        var allowance = StreamAllowance(streamsMax: 256, callsMax: 4_096)
        var now: Int64 = 1
        play(&allowance, windows: 1, ran: 0, refused: 0, inFlight: 0, now: &now)
        play(&allowance, windows: 20, ran: 1_000, refused: 500, inFlight: 800, now: &now)
        play(&allowance, windows: 20, ran: 10, refused: 99, inFlight: 800, now: &now)
        #expect(allowance.current == 256)
        play(&allowance, windows: 1, ran: 1_000, refused: 501, inFlight: 800, now: &now)
        #expect(allowance.current == 100)
        play(&allowance, windows: 1, ran: 1_000, refused: 501, inFlight: 800, now: &now)
        #expect(allowance.current == 75)
    }

    @Test func `a few streams are left, and it grows back`() {
        var allowance = StreamAllowance(streamsMax: 256, callsMax: 4_096)
        var now: Int64 = 1
        play(&allowance, windows: 1, ran: 0, refused: 0, inFlight: 0, now: &now)
        play(&allowance, windows: 50, ran: 100, refused: 5_000, inFlight: 1, now: &now)
        #expect(allowance.current == StreamAllowance.inFlightMin / 8)
        play(&allowance, windows: 50, ran: 100, refused: 5_000, inFlight: 1, on: 1_000, now: &now)
        #expect(allowance.current == StreamAllowance.streamsMin)
        play(&allowance, windows: 60, ran: 1_000, refused: 0, inFlight: 100, now: &now)
        #expect(allowance.current == 256)
    }

    @Test func `after a pause nothing of it is left`() {
        var allowance = StreamAllowance(streamsMax: 256, callsMax: 4_096)
        var now: Int64 = 1
        play(&allowance, windows: 1, ran: 0, refused: 0, inFlight: 0, now: &now)
        play(&allowance, windows: 9, ran: 100, refused: 5_000, inFlight: 1, now: &now)
        #expect(allowance.current < 256)
        now += 20 * Self.window
        let isOver = allowance.count(refused: true, now: now)
        #expect(isOver)
        allowance.roll(inFlight: 1, connections: 8, now: now)
        #expect(allowance.current == 256)
    }

    @Test func `a limit below the least is kept`() {
        var allowance = StreamAllowance(streamsMax: 2, callsMax: 4_096)
        var now: Int64 = 1
        play(&allowance, windows: 9, ran: 1, refused: 5_000, inFlight: 0, now: &now)
        #expect(allowance.current == 2)
    }

    /// The streams that the server has allowed since its greeting.
    private static func allowed(_ log: PeerLog) -> [UInt32] {
        log.all(FrameType.settings).dropFirst()
            .filter { $0.payload.count == 6 && $0.payload[1] == 3 }
            .map { $0.number(at: 2) }
    }

    @Test func `a peer is told of fewer streams, and of more when it is over`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.callsMax = 20
        let witness = Witness()
        let server = makeServer(configuration, witness: witness, loops: [TestLoops.all[1]])
        let port = try await server.start()
        let peer = try await FramePeer.greeted(port: port)
        let block = HPACK.request(changing: [":path": path("Spin")])
        func call(_ streams: some Sequence<Int>) -> [RawFrame] {
            streams.flatMap { number -> [RawFrame] in
                let stream = UInt32(2 * number + 1)
                return [.headers(stream, block, end: false), .data(stream, [0, 0, 0, 0, 0])]
            }
        }
        try await peer.send(call(0..<200))
        _ = try await peer.wait { $0.answered.count == 180 }
        // The window ends with the first call after it.
        var next = 200
        while Self.allowed(try await peer.now()).isEmpty, next < 300 {
            try await Task.sleep(for: .milliseconds(20))
            try await peer.send(call(next..<(next + 1)))
            next += 1
        }
        #expect(Self.allowed(try await peer.now()) == [20])
        let resets = (0..<20).map { RawFrame.reset(UInt32(2 * $0 + 1)) }
        try await peer.send([.settingsAcknowledgement] + resets)
        // Nothing for more than a second: what was known is out of date.
        try await Task.sleep(for: .milliseconds(1_300))
        try await peer.send(call(next..<(next + 1)))
        let log = try await peer.wait { Self.allowed($0).count == 2 }
        #expect(Self.allowed(log) == [20, 256])
        #expect(!log.isClosed)
        await peer.close()
        await server.shutdown(graceMilliseconds: 0)
    }
}
