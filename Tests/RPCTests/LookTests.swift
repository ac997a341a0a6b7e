// What takes too long, or stays too long, and what becomes of it; with a second, honest client that is
// served throughout.

import Loop
import NIOCore
import NIOPosix
import Testing

@testable import RPC

/// Short times, so that a test sees them end.
private func hasty() -> RPCServerConfiguration {
    var configuration = RPCServerConfiguration()
    configuration.lookMilliseconds = 20
    return configuration
}

/// The preface of a client and empty SETTINGS.
private let greeting: [UInt8] =
    Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

/// A frame of HTTP/2.
private func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ body: [UInt8]) -> [UInt8] {
    [0, UInt8(body.count >> 8), UInt8(body.count & 255), type, flags, 0, 0, 0, stream] + body
}

/// A header block of a call to `path`: literals without indexing.
private func block(_ path: String) -> [UInt8] {
    let fields = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
        ("te", "trailers"), ("content-type", "application/grpc"),
    ]
    var bytes: [UInt8] = []
    for (name, value) in fields {
        bytes.append(0)
        bytes.append(UInt8(name.utf8.count))
        bytes += Array(name.utf8)
        bytes.append(UInt8(value.utf8.count))
        bytes += Array(value.utf8)
    }
    return bytes
}

@Suite struct LookTests {
    /// Sends bytes, waits until the server closes or ends the connection, serves others meanwhile.
    private func isCutOff(
        _ configuration: RPCServerConfiguration,
        _ bytes: [UInt8],
        _ limit: RPCLimit,
    ) async throws {
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            let peer = try await RawSocket(port: port)
            try await peer.send(bytes)
            let ending = Task { try await peer.readToEnd() }
            for _ in 0..<20 {
                let reply = try await client.unary(path("Echo"), [1]).message
                #expect(reply == [1])
                try await Task.sleep(for: .milliseconds(5))
            }
            _ = try await ending.value
            #expect(await witness.sees("limit \(limit.rawValue)"))
            let reply = try await client.unary(path("Echo"), [2]).message
            #expect(reply == [2])
        }
    }

    @Test(arguments: [[], Array("PRI * HTTP/2.0\r\n".utf8), Array(greeting.prefix(30))])
    func `a preface that does not come ends the connection`(bytes: [UInt8]) async throws {
        var configuration = hasty()
        configuration.handshakeMillisecondsMax = 60
        try await isCutOff(configuration, bytes, .prefaceTime)
    }

    @Test func `a header block that does not end ends the connection`() async throws {
        var configuration = hasty()
        configuration.headersMillisecondsMax = 60
        let part = frame(1, stream: 1, block(path("Echo")))
        try await isCutOff(configuration, greeting + part, .headersTime)
    }

    @Test func `a header block whose frame does not end ends the connection`() async throws {
        var configuration = hasty()
        configuration.headersMillisecondsMax = 60
        let part = frame(1, flags: 4, stream: 1, block(path("Echo"))).prefix(20)
        try await isCutOff(configuration, greeting + part, .headersTime)
    }

    @Test func `silence after a call ends the connection`() async throws {
        var configuration = hasty()
        configuration.keepaliveMilliseconds = 60
        configuration.keepaliveMillisecondsMax = 60
        // The call is answered; the PING that follows is not.
        let call = frame(1, flags: 4, stream: 1, block(path("Chat")))
        try await isCutOff(configuration, greeting + call, .keepalive)
    }

    @Test func `a peer that answers pings may be silent`() async throws {
        let witness = Witness()
        var configuration = hasty()
        configuration.keepaliveMilliseconds = 30
        configuration.keepaliveMillisecondsMax = 60
        try await withStreams(configuration, witness: witness) { client, _ in
            let stream = client.stream(path("Chat"))
            try await stream.send([1])
            try await Task.sleep(for: .milliseconds(400))
            let first = try await stream.next()?.bytes
            #expect(first == [1])
            #expect(!witness.all.contains("limit keepalive"))
            await stream.cancel()
        }
    }

    @Test func `a connection without calls is told to go`() async throws {
        var configuration = hasty()
        configuration.idleMillisecondsMax = 60
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            #expect(await witness.sees("limit idle_time"))
            #expect(await witness.sees("connection closed"))
            // The client notices, and makes another connection for its next call.
            let reply = try await client.unary(path("Echo"), [1]).message
            #expect(reply == [1])
        }
    }

    @Test func `an old connection is told to go, its call ends, the next is elsewhere`()
        async throws
    {
        var configuration = hasty()
        configuration.ageMillisecondsMax = 100
        configuration.ageGraceMilliseconds = 5_000
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, _ in
            let stream = client.stream(path("Chat"))
            try await stream.send([1])
            let first = try await stream.next()?.bytes
            #expect(first == [1])
            #expect(await witness.sees("limit connection_age"))
            for number in 0..<20 {
                let reply = try await client.unary(path("Echo"), [UInt8(number)]).message
                #expect(reply == [UInt8(number)])
            }
            try await stream.send([2])
            let second = try await stream.next()?.bytes
            #expect(second == [2])
            await stream.finish()
            let ending = try await stream.next()
            #expect(ending == nil)
            #expect(witness.all.count { $0 == "connection opened" } >= 2)
        }
    }

    @Test func `a call that outstays an old connection is cut off`() async throws {
        var configuration = hasty()
        configuration.ageMillisecondsMax = 60
        configuration.ageGraceMilliseconds = 60
        try await withStreams(configuration) { client, _ in
            let stream = client.stream(path("Chat"))
            try await stream.send([1])
            let outcome = await drained(stream)
            #expect(outcome.messages == [[1]])
            #expect(outcome.failure?.code == .unavailable)
        }
    }

    @Test func `a message that does not end costs its call, not the connection`() async throws {
        var configuration = hasty()
        configuration.messageMillisecondsMax = 60
        configuration.deadlineDefaultMilliseconds = 20_000
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            let peer = try await RawSocket(port: port)
            try await peer.send(greeting + frame(1, flags: 4, stream: 1, block(path("Echo"))))
            try await peer.send(frame(0, stream: 1, [0, 0, 0, 0, 9, 1]))
            #expect(await witness.sees("limit message_time"))
            #expect(await witness.sees("end \(path("Echo")) DEADLINE_EXCEEDED"))
            #expect(!witness.all.contains("connection closed"))
            try await peer.close()
        }
    }

    @Test func `a reader that leaves its replies loses its call`() async throws {
        var configuration = hasty()
        configuration.stallMillisecondsMax = 100
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            let stream = client.stream(path("Flood"))
            try await stream.send([])
            await stream.finish()
            #expect(await witness.sees("flood over: CANCELLED"))
            #expect(await witness.sees("limit reader_stall"))
            let reply = try await client.unary(path("Echo"), [1]).message
            #expect(reply == [1])
            await stream.cancel()
        }
    }

    @Test func `a peer that never reads is given up, and memory stays`() async throws {
        var configuration = hasty()
        configuration.stallMillisecondsMax = 300
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            // Windows as large as they get: only the socket holds the server back.
            let peer = try await DeafSocket(port: port)
            let window = frame(4, [0, 4, 0x7f, 0xff, 0xff, 0xff])
            let more = frame(8, [0x7f, 0, 0, 0])
            let call = frame(1, flags: 4, stream: 1, block(path("Flood")))
            let message = frame(0, flags: 1, stream: 1, [0, 0, 0, 0, 0])
            try await peer.send(greeting + window + more + call + message)
            #expect(await witness.sees("limit reader_stall"))
            #expect(await witness.sees("flood over: CANCELLED"))
            let sent = witness.all.count { $0.hasPrefix("sent") }
            #expect((1...2_000).contains(sent), "20 MB were never in memory: \(sent)")
            let reply = try await client.unary(path("Echo"), [1]).message
            #expect(reply == [1])
            try await peer.close()
        }
    }

    @Test func `an address may have so many connections`() async throws {
        var configuration = hasty()
        configuration.connectionsPerAddressMax = 3
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            let peers = [try await RawSocket(port: port), try await RawSocket(port: port)]
            let last = try await RawSocket(port: port)
            _ = try await last.readToEnd()
            #expect(await witness.sees("limit connections_per_address"))
            let reply = try await client.unary(path("Echo"), [1]).message
            #expect(reply == [1])
            for peer in peers { try await peer.close() }
        }
    }
}
