// Streams on one side or on both: order, flow control, cancellation, the ends of calls.

import Loop
import NIOCore
import Testing

@testable import RPC

/// Methods with streams that the tests call.
func streamRegistry(_ witness: Witness) -> ServiceRegistry {
    var registry = echoRegistry(witness)
    registry.bidirectional(service: service, method: "Chat") {
        requests,
        replies,
        call throws(Status) in
        call.loop.eventLoop.preconditionInEventLoop()
        for entry in call.metadata.entries {
            guard case .ascii(let text) = entry.value else { continue }
            do throws(MetadataError) {
                try call.replyMetadata.add("head-" + entry.name, text)
                try call.trailers.add("tail-" + entry.name, text)
            } catch {
                throw Status(.internal, "\(error)")
            }
        }
        while let message = try await requests.next() {
            if message.bytes == Array("fail".utf8) { throw richStatus }
            try await replies.send(message.bytes, compress: message.wasCompressed)
        }
    }
    registry.serverStream(service: service, method: "Count") {
        requests,
        replies,
        _ throws(Status) in
        let count = Int(try await requests.next()?.bytes.first ?? 0)
        for number in 0..<count { try await replies.send([UInt8(number)]) }
    }
    registry.clientStream(service: service, method: "Sum") { requests, replies, _ throws(Status) in
        var sum = 0
        while let message = try await requests.next() { sum += message.bytes.count }
        try await replies.send(Array("\(sum)".utf8))
    }
    registry.clientStream(service: service, method: "Silent") { requests, _, _ throws(Status) in
        while try await requests.next() != nil {}
    }
    registry.clientStream(service: service, method: "Twice") { _, replies, _ throws(Status) in
        try await replies.send([1])
        try await replies.send([2])
    }
    registry.serverStream(service: service, method: "Flood") { _, replies, _ throws(Status) in
        var count = 0
        do throws(Status) {
            while true {
                try await replies.send([UInt8](repeating: 7, count: 10_000))
                count += 1
                witness.note("sent \(count)")
            }
        } catch {
            witness.note("flood over: \(error.code.name)")
            throw error
        }
    }
    registry.bidirectional(service: service, method: "Deaf") { requests, _, call throws(Status) in
        witness.note("deaf")
        while !call.isCancelled {
            do { try await Task.sleep(for: .milliseconds(5)) } catch { break }
        }
        // Told at once, and told why.
        do throws(Status) {
            _ = try await requests.next()
        } catch {
            witness.note("deaf over: \(error.code.name)")
            throw error
        }
    }
    return registry
}

/// A server with streams and a client, both gone afterwards.
func withStreams(
    _ configuration: RPCServerConfiguration = RPCServerConfiguration(),
    witness: Witness = Witness(),
    client clientConfiguration: RPCClientConfiguration = RPCClientConfiguration(),
    _ body: (_ client: RPCClient, _ port: Int) async throws -> Void,
) async throws {
    let server = makeServer(configuration, witness: witness, registry: streamRegistry)
    let port = try await server.start()
    let client = try await RPCClient.connect(
        host: "127.0.0.1",
        port: port,
        loop: TestLoops.first,
        configuration: clientConfiguration,
    )
    do {
        try await body(client, port)
    } catch {
        await client.close()
        await server.shutdown(graceMilliseconds: 0)
        throw error
    }
    await client.close()
    await server.shutdown(graceMilliseconds: 1_000)
}

/// All replies until the end, and how it ended.
func drained(_ stream: ClientStream) async -> (messages: [[UInt8]], failure: Status?) {
    var messages: [[UInt8]] = []
    do throws(Status) {
        while let message = try await stream.next() { messages.append(message.bytes) }
        return (messages, nil)
    } catch {
        return (messages, error)
    }
}

@Suite struct StreamTests {
    @Test func `each message is answered before the next is sent`() async throws {
        try await withStreams { client, _ in
            var metadata = Metadata()
            try metadata.add("key", "value")
            let stream = client.stream(path("Chat"), metadata: metadata)
            for number in 0..<100 {
                let message = [UInt8](repeating: UInt8(number), count: number * 100)
                try await stream.send(message)
                let reply = try await stream.next()?.bytes
                #expect(reply == message)
            }
            let headValue = try await stream.metadata()["head-key"]
            #expect(headValue == "value")
            await stream.finish()
            let ending = try await stream.next()
            #expect(ending == nil)
            #expect(await stream.trailers()["tail-key"] == "value")
        }
    }

    @Test func `a stream without messages ends well`() async throws {
        try await withStreams { client, _ in
            let stream = client.stream(path("Chat"))
            await stream.finish()
            let outcome = await drained(stream)
            #expect(outcome.messages.isEmpty && outcome.failure == nil)
        }
    }

    @Test func `one request brings many replies, in order`() async throws {
        try await withStreams { client, _ in
            let stream = client.stream(path("Count"))
            try await stream.send([200])
            await stream.finish()
            let outcome = await drained(stream)
            #expect(outcome.failure == nil)
            #expect(outcome.messages == (0..<200).map { [UInt8($0)] })
        }
    }

    @Test func `many requests bring one reply`() async throws {
        try await withStreams { client, _ in
            let stream = client.stream(path("Sum"))
            for _ in 0..<50 { try await stream.send([UInt8](repeating: 1, count: 20_000)) }
            await stream.finish()
            let outcome = await drained(stream)
            #expect(outcome.failure == nil)
            #expect(outcome.messages == [Array("1000000".utf8)])
        }
    }

    @Test(arguments: [
        ("Silent", 1, StatusCode.internal), ("Twice", 1, .internal), ("Count", 2, .internal),
        ("Count", 0, .internal), ("Sum", 0, .ok), ("Echo", 2, .internal),
    ])
    func `the number of messages is what the method says`(
        method: String,
        count: Int,
        code: StatusCode,
    ) async throws {
        try await withStreams { client, _ in
            let stream = client.stream(path(method))
            for _ in 0..<count { try? await stream.send([1]) }
            await stream.finish()
            let failure = await drained(stream).failure
            #expect(failure?.code ?? .ok == code)
        }
    }

    @Test func `what was sent arrives before the status of a failure`() async throws {
        try await withStreams { client, _ in
            let stream = client.stream(path("Chat"))
            for _ in 0..<10 { try await stream.send([UInt8](repeating: 3, count: 3_000)) }
            try await stream.send(Array("fail".utf8))
            let outcome = await drained(stream)
            #expect(outcome.messages.count == 10)
            #expect(outcome.failure == richStatus)
        }
    }

    @Test func `messages are packed one by one`() async throws {
        try await withStreams { client, _ in
            let stream = client.stream(path("Chat"), compresses: true)
            let long = [UInt8](repeating: 65, count: 100_000)
            for isPacked in [true, false, true] {
                try await stream.send(long, compress: isPacked)
                let reply = try await stream.next()
                #expect(reply == InboundMessage(bytes: long, wasCompressed: isPacked))
            }
            await stream.finish()
            let ending = try await stream.next()
            #expect(ending == nil)
        }
    }
}

@Suite struct FlowControlTests {
    @Test func `a slow reader slows the writer`() async throws {
        let witness = Witness()
        var configuration = RPCClientConfiguration()
        configuration.session.streamWindowBytes = 65_536
        try await withStreams(witness: witness, client: configuration) { client, _ in
            let stream = client.stream(path("Flood"))
            try await stream.send([])
            await stream.finish()
            let first = try await stream.next()
            #expect(first != nil)
            // Window, what waits for it, and what is on the way; far from all that could be sent.
            try await Task.sleep(for: .milliseconds(300))
            let sent = witness.all.count { $0.hasPrefix("sent") }
            #expect((5...30).contains(sent), "sent \(sent)")
            for _ in 0..<200 { _ = try await stream.next() }
            #expect(await witness.sees("sent 200"))
            await stream.cancel()
            #expect(await witness.sees("flood over: CANCELLED"))
        }
    }

    @Test func `a slow handler slows the caller, and other streams go on`() async throws {
        let witness = Witness()
        try await withStreams(witness: witness) { client, _ in
            let stream = client.stream(path("Deaf"))
            let sender = Task {
                var count = 0
                do throws(Status) {
                    while count < 1_000 {
                        try await stream.send([UInt8](repeating: 1, count: 10_000))
                        count += 1
                    }
                } catch {
                    return (count, error.code)
                }
                return (count, StatusCode.ok)
            }
            #expect(await witness.sees("deaf"))
            for number in 0..<200 {
                let message = [UInt8](repeating: UInt8(number), count: 5_000)
                let echoed = try await client.unary(path("Echo"), message).message
                #expect(echoed == message)
            }
            await stream.cancel()
            let (count, code) = await sender.value
            #expect(code == .cancelled)
            #expect((5...30).contains(count), "sent \(count)")
            #expect(await witness.sees("deaf over: CANCELLED"))
        }
    }

    @Test func `while too many replies wait, a connection gets no new calls`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.unsentBytesMax = 200_000
        let witness = Witness()
        try await withStreams(configuration, witness: witness) { client, port in
            let streams = (0..<4).map { _ in client.stream(path("Flood")) }
            for stream in streams {
                try await stream.send([])
                await stream.finish()
            }
            // Each fills its window, and then what may wait for it.
            #expect(await witness.sees("sent 12", times: 4))
            let status = await failure { () throws(Status) in
                try await client.unary(path("Echo"), [1])
            }
            #expect(status?.code == .resourceExhausted)
            #expect(witness.all.contains("limit unsent_replies"))
            let other = try await RPCClient.connect(
                host: "127.0.0.1",
                port: port,
                loop: TestLoops.first,
            )
            let served = try await other.unary(path("Echo"), [2]).message
            #expect(served == [2])
            await other.close()
            // Room again: calls again.
            for stream in streams { await stream.cancel() }
            #expect(await witness.sees("flood over: CANCELLED", times: 4))
            let again = try await client.unary(path("Echo"), [3]).message
            #expect(again == [3])
        }
    }

    @Test func `what nobody takes is bounded for the whole connection`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.unreadBytesMax = 200_000
        let hits = Witness()
        try await withStreams(configuration, witness: hits) { client, _ in
            let streams = (0..<8).map { _ in client.stream(path("Deaf")) }
            var refused = 0
            for stream in streams {
                do throws(Status) {
                    for _ in 0..<3 { try await stream.send([UInt8](repeating: 1, count: 20_000)) }
                } catch {
                    #expect(error.code == .resourceExhausted)
                }
            }
            #expect(await hits.sees("limit unread_body"))
            for stream in streams {
                await stream.cancel()
                if await drained(stream).failure?.code == .resourceExhausted { refused += 1 }
            }
            #expect(refused > 0 && refused < 8)
            let echoed = try await client.unary(path("Echo"), [1]).message
            #expect(echoed == [1])
        }
    }
}

@Suite struct StreamEndTests {
    @Test func `a deadline reaches a handler that waits for a message`() async throws {
        let witness = Witness()
        try await withStreams(witness: witness) { client, _ in
            let stream = client.stream(path("Chat"), timeoutMilliseconds: 50)
            try await stream.send([1])
            #expect(await drained(stream).failure?.code == .deadlineExceeded)
            // The caller gives up at the same moment: whichever the server hears of first.
            let ends = ["DEADLINE_EXCEEDED", "CANCELLED"].map { "end \(path("Chat")) \($0)" }
            #expect(await witness.seesOne(of: ends))
        }
    }

    @Test func `a deadline reaches a handler that waits to send`() async throws {
        let witness = Witness()
        try await withStreams(witness: witness) { client, _ in
            let stream = client.stream(path("Flood"), timeoutMilliseconds: 100)
            try await stream.send([])
            await stream.finish()
            let ends = ["DEADLINE_EXCEEDED", "CANCELLED"].map { "flood over: \($0)" }
            #expect(await witness.seesOne(of: ends))
        }
    }

    @Test func `cancelling before the first reply reaches the handler`() async throws {
        let witness = Witness()
        try await withStreams(witness: witness) { client, _ in
            let stream = client.stream(path("Deaf"))
            #expect(await witness.sees("deaf"))
            await stream.cancel()
            #expect(await witness.sees("deaf over: CANCELLED"))
            #expect(await drained(stream).failure?.code == .cancelled)
        }
    }

    @Test func `a lost connection reaches handler and caller`() async throws {
        let witness = Witness()
        try await withStreams(witness: witness) { client, _ in
            let stream = client.stream(path("Deaf"))
            #expect(await witness.sees("deaf"))
            await client.close()
            #expect(await drained(stream).failure?.code == .unavailable)
            #expect(await witness.sees("deaf over: CANCELLED"))
        }
    }

    @Test func `a shutdown lets a stream finish, then cuts it off`() async throws {
        let witness = Witness()
        let server = makeServer(witness: witness, registry: streamRegistry)
        let port = try await server.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        let stream = client.stream(path("Chat"))
        try await stream.send([1])
        let one = try await stream.next()?.bytes
        #expect(one == [1])
        let stopping = Task { await server.shutdown(graceMilliseconds: 400) }
        try await Task.sleep(for: .milliseconds(100))
        try await stream.send([2])
        let two = try await stream.next()?.bytes
        #expect(two == [2])
        #expect(await drained(stream).failure?.code == .unavailable)
        await stopping.value
        await client.close()
    }
}
