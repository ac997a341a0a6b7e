// How a server leaves its port and its peers: nobody who came in time may be cut off unanswered.

import Foundation
import Loop
import NIOCore
import Testing

@testable import RPC

@Suite struct GoingAwayTests {
    /// The number in a GOAWAY that bars no stream yet.
    private static let anyStream: UInt32 = 0x7fff_ffff
    /// One byte in a message of gRPC: `Sleep` takes it as tenths of a second.
    private static let sleepy: [UInt8] = [0, 0, 0, 0, 1, 5]

    private static func call(_ stream: UInt32, _ method: String) -> [RawFrame] {
        let block = HPACK.request(changing: [":path": path(method)])
        return [.headers(stream, block, end: false), .data(stream, sleepy)]
    }

    @Test func `a server that goes away serves what came before its word arrived, and no more`()
        async throws
    {
        let witness = Witness()
        let server = makeServer(witness: witness)
        let port = try await server.start()
        let peer = try await FramePeer.greeted(port: port)
        try await peer.send(Self.call(1, "Sleep"))
        #expect(await witness.sees("started"))
        async let down: Void = server.shutdown(graceMilliseconds: 20_000)
        let warned = try await peer.wait { !$0.all(FrameType.goAway).isEmpty }
        #expect(warned.all(FrameType.goAway).map { $0.number(at: 0) } == [Self.anyStream])
        // On its way when the peer had not heard the word yet.
        try await peer.send(Self.call(3, "Echo"))
        _ = try await peer.wait { $0.answered.contains(3) }
        try await peer.send([.ping(Array(repeating: 0, count: 8), flags: RawFrame.acknowledgement)])
        let told = try await peer.wait { $0.all(FrameType.goAway).count == 2 }
        // What is above that number may be asked elsewhere: nobody has looked at it here.
        #expect(told.all(FrameType.goAway).last?.number(at: 0) == 3)
        #expect(told.all(FrameType.goAway).last?.number(at: 4) == 0)
        try await peer.send(Self.call(5, "Echo"))
        let log = try await peer.end()
        #expect(Set(log.answered) == [1, 3])
        #expect(witness.all.count { $0 == "start \(path("Echo"))" } == 1)
        await down
    }

    @Test func `who waits to be accepted is told to go, and not reset`() async throws {
        let loop = TestLoops.all[1]
        let server = makeServer(loops: [loop])
        let port = try await server.start()
        let mayGoOn = Flag()
        // While the loop is busy, the kernel lets peers in on its behalf.
        loop.eventLoop.execute {
            for _ in 0..<10_000 where !mayGoOn.isSet { usleep(1_000) }
        }
        var peers: [FramePeer] = []
        for _ in 0..<40 {
            let peer = try await FramePeer(port: port)
            try await peer.write(FramePeer.preface + RawFrame.settings().bytes)
            peers.append(peer)
        }
        async let down: Void = server.shutdown(graceMilliseconds: 20_000)
        try await Task.sleep(for: .milliseconds(50))
        mayGoOn.set()
        for peer in peers {
            let log = try await peer.wait { !$0.all(FrameType.goAway).isEmpty }
            #expect(log.goAway?.code == 0)
        }
        await down
    }

    @Test func `a port is shared by servers that both say so`() async throws {
        let first = makeServer()
        var configuration = RPCServerConfiguration()
        configuration.port = try await first.start()
        let stranger = makeServer(configuration)
        await #expect(throws: RPCServerError.portInUse(host: "127.0.0.1", port: configuration.port))
        {
            try await stranger.start()
        }
        configuration.sharesPort = true
        let second = makeServer(configuration)
        #expect(try await second.start() == configuration.port)
        // Alone on the port, the second one serves all.
        await first.shutdown(graceMilliseconds: 1_000)
        for _ in 0..<8 {
            let client = try await RPCClient.connect(
                host: "127.0.0.1",
                port: configuration.port,
                loop: TestLoops.first,
            )
            #expect(try await client.unary(path("Echo"), [1]).message == [1])
            await client.close()
        }
        await second.shutdown(graceMilliseconds: 1_000)
    }
}
