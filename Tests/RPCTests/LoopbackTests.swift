// Our client against our server, over a socket.

import Loop
import NIOCore
import SwiftProtobuf
import Testing

@testable import RPC

@Suite struct LoopbackTests {
    @Test func `a call is answered, with metadata both ways`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            var metadata = Metadata()
            try metadata.add("key", "value, with comma")
            try metadata.add("raw-bin", bytes: [0, 255, 10])
            let answer = try await client.unary(path("Echo"), [1, 2, 3], metadata: metadata)
            #expect(answer.message == [1, 2, 3])
            #expect(answer.metadata["reply-key"] == "value, with comma")
            #expect(answer.trailers.bytes("reply-raw-bin") == [[0, 255, 10]])
            #expect(await witness.sees("end \(path("Echo")) OK"))
            let reply = try await client.unary(path("Echo"), []).message
            #expect(reply == [])
        }
        #expect(await witness.sees("connection closed"))
    }

    @Test(arguments: [65_530, 65_531, 65_536, 300_000, 4_194_304])
    func `a message larger than the window passes both ways`(count: Int) async throws {
        try await withServer { client, _, _ in
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let answer = try await client.unary(path("Echo"), message, timeoutMilliseconds: 20_000)
            #expect(answer.message == message)
        }
    }

    @Test func `a status comes with message, details and trailers`() async throws {
        try await withServer { client, _, _ in
            let status = await failure { () throws(Status) in
                try await client.unary(path("Fail"), [])
            }
            #expect(status == richStatus)
        }
    }

    @Test(arguments: [
        ("/test.v1.Echo/Missing", "unknown method Missing of service test.v1.Echo"),
        ("/test.v1.Other/Echo", "unknown service test.v1.Other"),
        ("/nonsense", "malformed path /nonsense"),
    ])
    func `an unknown method is named`(path: String, message: String) async throws {
        try await withServer { client, _, _ in
            let status = await failure { () throws(Status) in try await client.unary(path, [1]) }
            #expect(status == Status(.unimplemented, message))
        }
    }

    @Test func `a message over the limit is refused from its length`() async throws {
        try await withServer { client, _, _ in
            let message = [UInt8](repeating: 7, count: 262_145)
            let status = await failure { () throws(Status) in
                try await client.unary(path("Small"), message)
            }
            #expect(status?.code == .resourceExhausted)
            let fits = try await client.unary(path("Small"), Array(message.dropLast()))
            #expect(fits.message.count == 262_144)
        }
    }

    @Test func `a reply over the client's limit is refused`() async throws {
        var configuration = RPCClientConfiguration()
        configuration.messageBytesMax = 10
        try await withServer(client: configuration) { client, _, _ in
            let status = await failure { () throws(Status) in
                try await client.unary(path("Echo"), Array(0..<11))
            }
            #expect(status?.code == .resourceExhausted)
            let reply = try await client.unary(path("Echo"), Array(0..<10)).message.count
            #expect(reply == 10)
        }
    }

    @Test func `a thousand calls share a connection`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            let answers = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        let message = Array("call \(number)".utf8)
                        let answer = try await client.unary(
                            path(number % 3 == 0 ? "Sleep" : "Echo"),
                            number % 3 == 0 ? [1] : message,
                            timeoutMilliseconds: 30_000,
                        )
                        return (number, answer.message)
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(answers.count == 1_000)
            for (number, message) in answers {
                #expect(message == (number % 3 == 0 ? [1] : Array("call \(number)".utf8)))
            }
            #expect(witness.all.count { $0 == "connection opened" } == 1)
        }
    }

    @Test func `calls can be made from the loop itself`() async throws {
        try await withServer { client, _, _ in
            let answer = await TestLoops.first
                .start {
                    await failure { () throws(Status) in try await client.unary(path("Echo"), [1]) }
                }
                .value
            #expect(answer == nil)
        }
    }
}

@Suite struct DeadlineTests {
    @Test func `a deadline that passes in the handler is answered and cancels it`() async throws {
        let witness = Witness()
        var configuration = RPCServerConfiguration()
        configuration.deadlineDefaultMilliseconds = 50
        try await withServer(configuration, witness: witness) { client, _, _ in
            // The client sends no timeout: the server's own default answers.
            let status = await failure { () throws(Status) in
                try await client.unary(path("Sleep"), [100])
            }
            #expect(status?.code == .deadlineExceeded)
            #expect(await witness.sees("cancelled"))
            #expect(await witness.sees("end \(path("Sleep")) DEADLINE_EXCEEDED"))
        }
    }

    @Test func `a handler that never rests does not stop its loop`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            // The loop of the client is, or is not, the one that is kept busy.
            let spinning = (0..<4)
                .map { _ in
                    Task {
                        await failure { () throws(Status) in
                            try await client.unary(path("Spin"), [], timeoutMilliseconds: 1_000)
                        }
                    }
                }
            #expect(await witness.sees("started", times: 4))
            let answer = try await client.unary(path("Echo"), [1], timeoutMilliseconds: 900)
            #expect(answer.message == [1])
            for call in spinning {
                let status = await call.value
                #expect(status?.code == .deadlineExceeded)
            }
            #expect(await witness.sees("cancelled", times: 4))
        }
    }

    @Test func `the client gives up on its own deadline`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            let status = await failure { () throws(Status) in
                try await client.unary(path("Sleep"), [100], timeoutMilliseconds: 50)
            }
            #expect(status?.code == .deadlineExceeded)
            #expect(await witness.sees("cancelled"))
        }
    }

    @Test func `a deadline is cut to the longest allowed`() async throws {
        try await withServer { client, _, _ in
            func remaining(_ timeout: Int64?) async throws -> Int {
                let answer = try await client.unary(
                    path("Remaining"),
                    [],
                    timeoutMilliseconds: timeout,
                )
                let text = String(decoding: answer.message, as: UTF8.self)
                #expect(text.contains(" 127.0.0.1:"))
                return try #require(Int(text.prefix { $0 != " " }))
            }
            let cut = try await remaining(600_000)
            #expect((25_000...30_000).contains(cut))
            let standard = try await remaining(nil)
            #expect((0...2_000).contains(standard))
            let own = try await remaining(10_000)
            #expect((5_000...10_000).contains(own))
        }
    }
}

@Suite struct CancellationTests {
    @Test func `a cancelled task resets its stream and the handler sees it`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            let task = Task {
                await failure { () throws(Status) in try await client.unary(path("Sleep"), [100]) }
            }
            #expect(await witness.sees("started"))
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(await witness.sees("cancelled"))
            #expect(await witness.sees("end \(path("Sleep")) CANCELLED"))
            let reply = try await client.unary(path("Echo"), [5]).message
            #expect(reply == [5])
        }
    }

    @Test func `a call of a cancelled task is never sent`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return await failure { () throws(Status) in
                    try await client.unary(path("Sleep"), [1])
                }
            }
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            _ = try await client.unary(path("Echo"), [])
            #expect(!witness.all.contains("started"))
        }
    }

    @Test func `a lost connection cancels its handlers`() async throws {
        let witness = Witness()
        try await withServer(witness: witness) { client, _, _ in
            let task = Task {
                await failure { () throws(Status) in try await client.unary(path("Sleep"), [100]) }
            }
            #expect(await witness.sees("started"))
            await client.close()
            #expect(await task.value?.code == .unavailable)
            #expect(await witness.sees("cancelled"))
            let late = await failure { () throws(Status) in try await client.unary(path("Echo"), [])
            }
            #expect(late?.code == .unavailable)
        }
    }
}

@Suite struct LifecycleTests {
    /// Whether the server answers after a restart.
    ///
    /// A call that is on its way while the old connection dies may still fail, as nobody knows
    /// whether the old server had seen it.
    private func answersAgain(_ client: RPCClient) async -> Bool {
        for _ in 0..<100 {
            let status = await failure { () throws(Status) in
                try await client.unary(path("Echo"), [2])
            }
            guard let status else { return true }
            #expect(status.code == .unavailable)
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    @Test func `a shutdown lets running calls finish and takes no new ones`() async throws {
        let witness = Witness()
        let server = makeServer(witness: witness)
        let port = try await server.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        let running = Task { try await client.unary(path("Sleep"), [3]).message }
        #expect(await witness.sees("started"))
        await server.shutdown(graceMilliseconds: 5_000)
        let reply = try await running.value
        #expect(reply == [3])
        #expect(witness.all.contains("slept"))
        let late = await failure { () throws(Status) in try await client.unary(path("Echo"), []) }
        #expect(late?.code == .unavailable)
        await client.close()
    }

    @Test func `what outlasts the grace is answered with UNAVAILABLE`() async throws {
        let witness = Witness()
        let server = makeServer(witness: witness)
        let port = try await server.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        let running = Task {
            await failure { () throws(Status) in try await client.unary(path("Sleep"), [100]) }
        }
        #expect(await witness.sees("started"))
        await server.shutdown(graceMilliseconds: 50)
        #expect(await running.value == Status(.unavailable, "the server is shutting down"))
        #expect(await witness.sees("cancelled"))
        await client.close()
    }

    @Test func `a client survives a restart of its server`() async throws {
        let first = makeServer()
        let port = try await first.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        let reply = try await client.unary(path("Echo"), [1]).message
        #expect(reply == [1])
        await first.shutdown(graceMilliseconds: 0)
        let second = makeServer(RPCServerConfiguration(port: port))
        let sharedPort = try await second.start()
        #expect(sharedPort == port)
        #expect(await answersAgain(client))
        await client.close()
        await second.shutdown(graceMilliseconds: 0)
    }

    @Test func `calls across a restart succeed or are UNAVAILABLE`() async throws {
        let first = makeServer()
        let port = try await first.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        let callers = (0..<20)
            .map { number in
                Task {
                    var outcomes: [StatusCode] = []
                    while !Task.isCancelled {
                        let message = [UInt8](repeating: UInt8(number), count: number * 5_000)
                        do throws(Status) {
                            let answer = try await client.unary(path("Echo"), message)
                            outcomes.append(answer.message == message ? .ok : .dataLoss)
                        } catch {
                            outcomes.append(error.code)
                        }
                    }
                    return outcomes
                }
            }
        try await Task.sleep(for: .milliseconds(50))
        await first.shutdown(graceMilliseconds: 2_000)
        let second = makeServer(RPCServerConfiguration(port: port))
        _ = try await second.start()
        #expect(await answersAgain(client))
        for caller in callers { caller.cancel() }
        for caller in callers {
            let outcomes = await caller.value
            #expect(outcomes.contains(.ok))
            #expect(Set(outcomes).isSubset(of: [.ok, .unavailable, .cancelled]))
        }
        await client.close()
        await second.shutdown(graceMilliseconds: 1_000)
    }

    @Test func `a reply with more metadata than the client takes ends the call`() async throws {
        var configuration = RPCClientConfiguration()
        configuration.session.headerListBytesMax = 1_000
        try await withServer(client: configuration) { client, _, _ in
            var metadata = Metadata()
            try metadata.add("blob-bin", bytes: [UInt8](repeating: 0, count: 1_000))
            let status = await failure { () throws(Status) in
                try await client.unary(path("Echo"), [], metadata: metadata)
            }
            #expect(status?.code == .resourceExhausted)
            _ = try await client.unary(path("Echo"), [])
        }
    }

    @Test func `a port in use is named`() async throws {
        try await withServer { _, port, server in
            let other = makeServer(RPCServerConfiguration(port: port))
            await #expect(throws: RPCServerError.portInUse(host: "127.0.0.1", port: port)) {
                _ = try await other.start()
            }
            await #expect(throws: RPCServerError.alreadyStarted) { _ = try await server.start() }
        }
    }

    @Test func `a client that reaches nobody says so`() async throws {
        let server = makeServer()
        let port = try await server.start()
        await server.shutdown(graceMilliseconds: 0)
        await #expect {
            _ = try await RPCClient.connect(host: "127.0.0.1", port: port, loop: TestLoops.first)
        } throws: { error in
            (error as? Status)?.code == .unavailable
        }
    }

    @Test func `connections over the limit are closed`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.connectionsMax = 1
        try await withServer(configuration) { client, port, _ in
            let reply = try await client.unary(path("Echo"), [1]).message
            #expect(reply == [1])
            let second = try await RPCClient.connect(
                host: "127.0.0.1",
                port: port,
                loop: TestLoops.first,
            )
            let status = await failure { () throws(Status) in
                try await second.unary(path("Echo"), [1])
            }
            #expect(status?.code == .unavailable)
            await second.close()
        }
    }

    @Test func `calls over the limit are refused`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.callsMax = 2
        let witness = Witness()
        try await withServer(configuration, witness: witness) { client, _, _ in
            let running = Task { try await client.unary(path("Sleep"), [5]).message }
            #expect(await witness.sees("started"))
            let status = await failure { () throws(Status) in
                try await client.unary(path("Echo"), [1])
            }
            #expect(status?.code == .resourceExhausted)
            let reply = try await running.value
            #expect(reply == [5])
        }
    }
}

@Suite struct HealthTests {
    private func check(_ client: RPCClient, _ name: String) async throws -> Int {
        var request = Grpc_Health_V1_HealthCheckRequest()
        request.service = name
        let answer = try await client.unary(
            "/grpc.health.v1.Health/Check",
            request.serializedBytes(),
        )
        return try Grpc_Health_V1_HealthCheckResponse(serializedBytes: answer.message)
            .status.rawValue
    }

    @Test func `health follows what it is told`() async throws {
        try await withServer { client, _, server in
            let whole = try await check(client, "")
            #expect(whole == 1)
            let echo = try await check(client, service)
            #expect(echo == 1)
            server.health.setServing(service, false)
            let stopped = try await check(client, service)
            #expect(stopped == 2)
            let still = try await check(client, "")
            #expect(still == 1)
            await #expect(throws: Status(.notFound, "unknown service nobody")) {
                _ = try await check(client, "nobody")
            }
        }
    }
}
