// Flow control as RFC 9113 has it, section 6.9: an answer waits for room, and for no more than that.

import Testing

@testable import RPC

@Suite struct WindowTests {
    private static let message: [UInt8] = [0, 0, 0, 0, 3, 7, 8, 9]

    private func withPeer(_ body: (FramePeer) async throws -> Void) async throws {
        let server = makeServer()
        let port = try await server.start()
        let peer = try await FramePeer.greeted(port: port)
        try await body(peer)
        await peer.close()
        await server.shutdown(graceMilliseconds: 0)
    }

    private func call(_ stream: UInt32 = 1) -> [RawFrame] {
        [.headers(stream, end: false), .data(stream, Self.message)]
    }

    private func lengths(_ log: PeerLog) -> [Int] { log.all(FrameType.data).map(\.header.length) }

    @Test func `a window of one byte lets one byte through`() async throws {
        try await withPeer { peer in
            try await peer.send([.settings([(4, 1)])] + call())
            var log = try await peer.wait { !$0.all(FrameType.data).isEmpty }
            #expect(lengths(log) == [1])
            try await peer.send([.windowUpdate(1, 2)])
            log = try await peer.wait { $0.all(FrameType.data).count == 2 }
            #expect(lengths(log) == [1, 2])
            try await peer.send([.windowUpdate(1, 100)])
            log = try await peer.wait { $0.answered.contains(1) }
            #expect(log.all(FrameType.data).flatMap(\.payload) == Self.message)
        }
    }

    @Test func `a larger initial window frees what waits`() async throws {
        try await withPeer { peer in
            try await peer.send([.settings([(4, 0)])] + call())
            try await peer.send([.settings([(4, 3)])])
            let log = try await peer.wait { !$0.all(FrameType.data).isEmpty }
            #expect(lengths(log) == [3])
        }
    }

    @Test func `a window may become negative`() async throws {
        try await withPeer { peer in
            try await peer.send([.settings([(4, 3)])] + call())
            _ = try await peer.wait { !$0.all(FrameType.data).isEmpty }
            // 2 - 3 bytes used: one short of nothing.
            try await peer.send([.settings([(4, 2)]), .windowUpdate(1, 2)])
            let log = try await peer.wait { $0.all(FrameType.data).count == 2 }
            #expect(lengths(log) == [3, 1])
        }
    }

    @Test func `a stream's window beyond its limit resets the stream`() async throws {
        try await withPeer { peer in
            try await peer.send([.settings([(4, 1)])] + call())
            try await peer.send([.windowUpdate(1, 0x7fff_ffff), .windowUpdate(1, 0x7fff_ffff)])
            // The answer may be out before the second one is read.
            let log = try await peer.wait { !$0.resets().isEmpty || $0.answered.contains(1) }
            #expect(log.resets() == [Code.flowControl] || log.answered.contains(1))
            try await peer.send([.headers(3, end: false)])
            try await peer.send([.windowUpdate(3, 0x7fff_ffff), .windowUpdate(3, 0x7fff_ffff)])
            let second = try await peer.wait { !$0.resets(3).isEmpty }
            #expect(second.resets(3) == [Code.flowControl])
        }
    }

    @Test func `a window that overflows with the initial one resets the stream`() async throws {
        try await withPeer { peer in
            try await peer.send([.headers(1, end: false), .windowUpdate(1, 0x7fff_0000)])
            try await peer.send([.settings([(4, 0x7fff_ffff)])])
            let log = try await peer.wait { !$0.resets().isEmpty }
            #expect(log.resets() == [Code.flowControl])
        }
    }

    @Test func `little is taken of a request that has its answer`() async throws {
        try await withPeer { peer in
            let share = [UInt8](repeating: 0, count: 16_384)
            try await peer.send(
                [.headers(1, HPACK.request(changing: ["content-type": nil]), end: false)]
                    + (0..<2).map { _ in .data(1, share, end: false) }
            )
            let log = try await peer.wait { !$0.resets().isEmpty }
            #expect(log.answered == [1])
            #expect(log.resets() == [0])
        }
    }

    @Test func `a call that has its answer is told so at once`() async throws {
        try await withPeer { peer in
            let block = HPACK.request(changing: [":path": path("Missing")])
            try await peer.send([.headers(1, block, end: false)])
            let log = try await peer.wait { !$0.resets().isEmpty }
            #expect(log.answered == [1])
            #expect(log.resets() == [0])
        }
    }

    @Test func `a foreign request that does not end is waited for a second`() async throws {
        try await withPeer { peer in
            let start = ContinuousClock.now
            let block = HPACK.request(changing: ["content-type": nil])
            try await peer.send([.headers(1, block, end: false)])
            let answered = try await peer.wait { $0.answered.contains(1) }
            #expect(answered.resets() == [])
            let log = try await peer.wait { !$0.resets().isEmpty }
            #expect(log.resets() == [0])
            #expect(ContinuousClock.now - start >= .milliseconds(900))
        }
    }
}
