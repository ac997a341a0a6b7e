// HTTP/2 to the letter: every rule that a client can break, and what RFC 9113 says has to follow.

import Testing

@testable import RPC

@Suite(.serialized) struct ConformanceTests {
    private static let cases =
        ConformanceCase.frameFormat + ConformanceCase.idleStreams + ConformanceCase.endedStreams
        + ConformanceCase.dataAndHeaders + ConformanceCase.settings
        + ConformanceCase.connectionFrames + ConformanceCase.continuations
        + ConformanceCase.headerFields + ConformanceCase.bodies + ConformanceCase.headerCoding

    /// What is wrong in one write is wrong in several, when the answer may be out in between.
    @Test(arguments: cases)
    func `a rule of HTTP 2 is kept`(rule: ConformanceCase) async throws {
        let server = makeServer()
        let port = try await server.start()
        for kind in RequestKind.allCases {
            for isApart in [false, true] {
                let peer = try await FramePeer.greeted(port: port)
                if isApart {
                    for frame in rule.frames(kind) {
                        // The server may have closed by now, which is all right.
                        try? await peer.send([frame])
                        try await Task.sleep(for: .milliseconds(15))
                    }
                } else {
                    try await peer.send(rule.frames(kind))
                }
                let fault = try await rule.expected.fault(peer)
                #expect(fault == nil, "\(kind), \(isApart ? "apart" : "at once")")
                await peer.close()
            }
        }
        await server.shutdown(graceMilliseconds: 0)
    }

    @Test func `one stream too many is refused`() async throws {
        let witness = Witness()
        let server = makeServer(witness: witness)
        let port = try await server.start()
        let streams = (0...256).map { UInt32(2 * $0 + 1) }
        let peer = try await FramePeer.greeted(port: port, acknowledging: false)
        try await peer.send(streams.map { .headers($0, end: false) })
        let fault = try await Expected.reset(Code.refusedStream, stream: 513).fault(peer)
        #expect(fault == nil)
        #expect(witness.all.count { $0 == "limit streams" } == 1)
        // Room for one more, and this one is taken.
        try await peer.send([.reset(1), .headers(515)])
        let log = try await peer.wait { $0.answered.contains(515) }
        #expect(log.answered == [515])
        await peer.close()
        await server.shutdown(graceMilliseconds: 0)
    }

    @Test func `one stream too many of a client that knows the limit ends it`() async throws {
        let witness = Witness()
        let server = makeServer(witness: witness)
        let port = try await server.start()
        let peer = try await FramePeer.greeted(port: port)
        try await peer.send((0...256).map { .headers(UInt32(2 * $0 + 1), end: false) })
        let fault = try await Expected.goAway(Code.protocolError).fault(peer)
        #expect(fault == nil)
        #expect(witness.all.contains("limit streams"))
        await server.shutdown(graceMilliseconds: 0)
    }

    @Test(arguments: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r?", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
    func `a wrong preface is a PROTOCOL_ERROR`(text: String) async throws {
        let server = makeServer()
        let port = try await server.start()
        let peer = try await FramePeer(port: port)
        try await peer.write(Array(text.utf8))
        let log = try await peer.end()
        #expect(log.goAway?.code == Code.protocolError)
        await server.shutdown(graceMilliseconds: 0)
    }

    @Test func `the first frame must be SETTINGS`() async throws {
        let server = makeServer()
        let port = try await server.start()
        for frame in [RawFrame.ping(), .settingsAcknowledgement, .headers(1)] {
            let peer = try await FramePeer(port: port)
            try await peer.write(FramePeer.preface + frame.bytes)
            let log = try await peer.end()
            #expect(log.goAway?.code == Code.protocolError)
        }
        await server.shutdown(graceMilliseconds: 0)
    }

    @Test func `frames are found whatever the cuts`() async throws {
        let server = makeServer()
        let port = try await server.start()
        let peer = try await FramePeer(port: port)
        let frames: [RawFrame] = [
            .settings(), .headers(1, end: false), .data(1, [0, 0, 0, 0, 0]), .headers(5),
            .headers(3),
        ]
        for byte in FramePeer.preface + frames.flatMap(\.bytes) {
            try? await peer.write([byte])
        }
        let log = try await peer.end()
        #expect(log.answered.contains(1))
        #expect(!log.answered.contains(3))
        #expect(log.goAway?.code == Code.protocolError)
        await server.shutdown(graceMilliseconds: 0)
    }
}
