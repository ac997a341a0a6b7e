// Health, watched: over real connections, with readers fast and slow.

import SwiftProtobuf
import Testing

@testable import RPC

private typealias Reply = Grpc_Health_V1_HealthCheckResponse

private let watchPath = "/grpc.health.v1.Health/Watch"

private func question(_ service: String) throws -> [UInt8] {
    var request = Grpc_Health_V1_HealthCheckRequest()
    request.service = service
    return try request.serializedBytes()
}

/// Begins to watch a service.
private func watch(_ client: RPCClient, _ service: String) async throws -> ClientStream {
    let stream = client.stream(watchPath)
    try await stream.send(try question(service))
    await stream.finish()
    return stream
}

private func status(_ stream: ClientStream) async throws -> Reply.ServingStatus? {
    try await stream.next().map { try Reply(serializedBytes: $0.bytes).status }
}

/// Waits until the server has so many watchers, for at most five seconds.
private func watchers(_ server: RPCServer, _ count: Int) async -> Bool {
    for _ in 0..<1_000 {
        if server.health.watcherCount == count { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return false
}

@Suite struct HealthWatchTests {
    @Test(arguments: ["", service])
    func `a watcher hears what is and each change`(service: String) async throws {
        try await withServer { client, _, server in
            let stream = try await watch(client, service)
            #expect(try await status(stream) == .serving)
            server.health.setServing(service, false)
            #expect(try await status(stream) == .notServing)
            // No change, no message: the next that comes is the change after it.
            server.health.setServing(service, false)
            server.health.setServing("another", false)
            server.health.setServing(service, true)
            #expect(try await status(stream) == .serving)
            await stream.cancel()
            #expect(await watchers(server, 0))
        }
    }

    @Test func `an unknown service is watched until it is known`() async throws {
        try await withServer { client, _, server in
            let stream = try await watch(client, "later.v1.Service")
            #expect(try await status(stream) == .serviceUnknown)
            server.health.setServing("later.v1.Service", false)
            #expect(try await status(stream) == .notServing)
            server.health.setServing("later.v1.Service", true)
            #expect(try await status(stream) == .serving)
            let checked = await failure {
                () async throws(Status) in
                try await client.unary("/grpc.health.v1.Health/Check", Array("\n\u{1}x".utf8))
            }
            #expect(checked?.code == .notFound)
        }
    }

    @Test func `watchers on all loops hear of a change`() async throws {
        try await withServer { first, port, server in
            var streams: [ClientStream] = []
            var clients: [RPCClient] = []
            // More connections than loops: the kernel spreads them.
            for _ in 0..<8 {
                let client = try await RPCClient.connect(
                    host: "127.0.0.1",
                    port: port,
                    loop: TestLoops.first,
                )
                clients.append(client)
                streams.append(try await watch(client, service))
            }
            for stream in streams { #expect(try await status(stream) == .serving) }
            server.health.setServing(service, false)
            for stream in streams { #expect(try await status(stream) == .notServing) }
            for client in clients { await client.close() }
            #expect(await watchers(server, 0))
        }
    }

    @Test func `watching ends with the server, NOT_SERVING first`() async throws {
        try await withServer { client, _, server in
            let known = try await watch(client, service)
            let unknown = try await watch(client, "no.such.Service")
            #expect(try await status(known) == .serving)
            #expect(try await status(unknown) == .serviceUnknown)
            async let down: Void = server.shutdown(graceMilliseconds: 10_000)
            #expect(try await status(known) == .notServing)
            for stream in [known, unknown] {
                let end = await #expect(throws: Status.self) { try await status(stream) }
                #expect(end?.code == .unavailable)
            }
            await client.close()
            await down
        }
    }

    @Test func `a watcher that does not read gets the latest, not the past`() async throws {
        var configuration = RPCClientConfiguration()
        // Room for two messages of seven bytes.
        configuration.session.streamWindowBytes = 14
        try await withServer(client: configuration) { client, _, server in
            let stream = try await watch(client, service)
            #expect(await watchers(server, 1))
            for change in 0..<100 {
                server.health.setServing(service, change % 2 == 1)
                try await Task.sleep(for: .milliseconds(2))
            }
            async let down: Void = server.shutdown(graceMilliseconds: 10_000)
            var heard: [Reply.ServingStatus] = []
            let end = await #expect(throws: Status.self) {
                while let next = try await status(stream) { heard.append(next) }
            }
            #expect(end?.code == .unavailable)
            // Two that the window let through, one that waited behind them, and the last word.
            #expect(heard.count <= 4, "\(heard)")
            #expect(heard.last == .notServing)
            await client.close()
            await down
        }
    }

    @Test func `more watchers than allowed are turned away`() async throws {
        try await withServer { client, port, server in
            let second = try await RPCClient.connect(
                host: "127.0.0.1",
                port: port,
                loop: TestLoops.first,
            )
            var streams: [ClientStream] = []
            for number in 0..<256 {
                let stream = try await watch(number < 128 ? client : second, "")
                streams.append(stream)
                #expect(try await status(stream) == .serving)
            }
            let end = await #expect(throws: Status.self) {
                try await status(try await watch(client, ""))
            }
            #expect(end?.code == .resourceExhausted)
            await streams[0].cancel()
            #expect(await watchers(server, 255))
            #expect(try await status(try await watch(client, "")) == .serving)
            await second.close()
        }
    }
}
