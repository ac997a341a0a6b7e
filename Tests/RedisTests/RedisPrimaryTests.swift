// A connection that is given several addresses and wants the primary: it finds it, leaves a process
// that is none any more, and goes on looking while there is none.

import Loop
import Redis
import TestServers
import Testing

@Suite struct RedisPrimaryTests {
    private static let wanting = RedisConfiguration(
        connectTimeoutMs: 300,
        wantsPrimary: true,
        backoffMaxMs: 50,
    )

    private func address(_ server: RedisServer) -> RedisAddress { .unix(server.socketPath) }

    /// Runs `body` with a connection to the primary among `servers`, in that order.
    private func withPrimary(
        _ servers: [RedisServer],
        _ body: sending @escaping (RedisConnection) async throws -> Void,
    ) async throws {
        let addresses = servers.map(address)
        try await onLoop { loop in
            let connection = RedisConnection(
                addresses: addresses,
                loop: loop,
                configuration: Self.wanting,
            )
            let outcome: Result<Void, any Error>
            do {
                try await connection.connect()
                try await body(connection)
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            await connection.close()
            try outcome.get()
        }
    }

    @Test func `of several the primary is connected, wherever it stands`() async throws {
        let primary = try RedisServer.start(tcp: true)
        let replica = try RedisServer.startReplica(of: primary)
        let gone = try RedisServer.start()
        gone.kill()
        for servers in [[primary, replica], [replica, primary], [gone, replica, primary]] {
            try await withPrimary(servers) { (connection) async throws in
                #expect(connection.address == self.address(primary))
                #expect(try await connection.send(RedisCommand("SET", "k", "v")) == .status("OK"))
            }
        }
    }

    @Test func `a replica alone is no primary, and becomes one`() async throws {
        let primary = try RedisServer.start(tcp: true)
        let replica = try RedisServer.startReplica(of: primary)
        let address = address(replica)
        try await onLoop { loop in
            let connection = RedisConnection(
                addresses: [address],
                loop: loop,
                configuration: Self.wanting,
            )
            let error = await #expect(throws: RedisError.self) { try await connection.connect() }
            #expect(error?.kind == .connectFailed)
            #expect(error?.message.contains("its role is slave") == true)
            try replica.command("REPLICAOF", "NO", "ONE")
            #expect(try await untilConnected(connection) == .status("PONG"))
            await connection.close()
        }
    }

    @Test(arguments: [false, true])
    func `when the primary dies its successor is found`(isFrozen: Bool) async throws {
        let primary = try RedisServer.start(tcp: true)
        let replica = try RedisServer.startReplica(of: primary)
        try await withPrimary([primary, replica]) { (connection) async throws in
            if isFrozen { primary.pause() } else { primary.kill() }
            try replica.command("REPLICAOF", "NO", "ONE")
            // The first command may still go to the dead one, and never be answered.
            _ = try? await connection.send(RedisCommand("PING"))
            #expect(try await untilConnected(connection) == .status("PONG"))
            #expect(connection.address == self.address(replica))
            if isFrozen { primary.resume() }
        }
    }

    @Test func `who is sent away by a process that was the primary finds the new one`() async throws
    {
        let first = try RedisServer.start(tcp: true)
        let second = try RedisServer.startReplica(of: first)
        try await withPrimary([first, second]) { (connection) async throws in
            try second.command("REPLICAOF", "NO", "ONE")
            try first.command("REPLICAOF", "127.0.0.1", "\(second.port ?? 0)")
            // The connection lives on: nobody tells a client that its server was demoted.
            let reply = try await connection.send(RedisCommand("SET", "k", "v"))
            guard case .error(let error) = reply else {
                Issue.record("a demoted server answers \(reply)")
                return
            }
            #expect(error.code == "READONLY")
            connection.reconnect(because: "it is no primary any more")
            #expect(!connection.isConnected)
            #expect(try await untilConnected(connection) == .status("PONG"))
            #expect(connection.address == self.address(second))
        }
    }
}
