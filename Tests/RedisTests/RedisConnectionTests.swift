// One connection against a real server, and against peers that break the rules.

import Loop
import Redis
import TestServers
import Testing

@Suite struct RedisConnectionTests {
    @Test(arguments: [false, true])
    func `ten thousand commands are answered in order`(tcp: Bool) async throws {
        let server = try RedisServer.start(tcp: tcp)
        let address =
            if let port = server.port {
                RedisAddress.tcp(host: "127.0.0.1", port: port)
            } else {
                RedisAddress.unix(server.socketPath)
            }
        // Ten thousand at once may take a while on a slow machine; that is not the point here.
        let patient = RedisConfiguration(replyTimeoutMs: 60_000)
        let replies = try await withConnection(address, configuration: patient) { connection in
            await withCheckedContinuation { continuation in
                var replies: [RedisReply?] = []
                for number in 0..<10_000 {
                    connection.send(RedisCommand("ECHO", "\(number)")) { outcome in
                        replies.append(try? outcome.get())
                        if replies.count == 10_000 { continuation.resume(returning: replies) }
                    }
                }
            }
        }
        #expect(replies.count == 10_000)
        let firstWrong = replies.indices.first { replies[$0]?.text != "\($0)" }
        #expect(firstWrong == nil)
    }

    @Test func `values of every size come back`() async throws {
        let server = try RedisServer.start()
        try await withConnection(.unix(server.socketPath)) { (connection) async throws in
            for size in [0, 1, 100, 65_535, 65_536, 5_000_000] {
                let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                var set = RedisCommand("SET", "k")
                set.append(value)
                #expect(try await connection.send(set) == .status("OK"))
                #expect(try await connection.send(RedisCommand("GET", "k")) == .bytes(value))
            }
        }
    }

    @Test func `errors, nulls and arrays are replies`() async throws {
        let server = try RedisServer.start()
        try await withConnection(.unix(server.socketPath)) { (connection) async throws in
            #expect(try await connection.send(RedisCommand("GET", "none")) == .null)
            #expect(try await connection.send(RedisCommand("INCR", "n")) == .integer(1))
            let reply = try await connection.send(RedisCommand("LPUSH", "n", "x"))
            guard case .error(let error) = reply else {
                Issue.record("not an error: \(reply)")
                return
            }
            #expect(error.code == "WRONGTYPE")
            let script = "return {1, 'a', {false, {}}, redis.error_reply('MINE no')}"
            #expect(
                try await connection.send(RedisCommand("EVAL", script, "0"))
                    == .array([
                        .integer(1), .bytes([97]), .array([.null, .array([])]),
                        .error(RedisServerError(code: "MINE", message: "no")),
                    ])
            )
        }
    }

    @Test func `an unknown script is a reply and is not loaded`() async throws {
        let server = try RedisServer.start()
        let script = RedisScript(
            text: "return {KEYS[1], ARGV[1], #ARGV}",
            sha1: "4eaa3ff1dfd3ff95d3ce8ce0a8f0ff0ed8d7a2ca",
        )
        try await withConnection(.unix(server.socketPath)) { (connection) async throws in
            let unknown = try await connection.evalsha(sha: script.sha1, keys: [], arguments: [])
            guard case .error(let error) = unknown else {
                Issue.record("not an error: \(unknown)")
                return
            }
            #expect(error.code == "NOSCRIPT")
            let sha = try await connection.send(RedisCommand("SCRIPT", "LOAD", script.text)).text
            let reply = try await connection.evalsha(
                sha: sha ?? "",
                keys: ["k"],
                arguments: [[0, 1], []],
            )
            #expect(reply == .array([.bytes([107]), .bytes([0, 1]), .integer(2)]))
        }
    }

    @Test func `commands of one turn are written at once`() async throws {
        let server = try RedisServer.start()
        let reads = try await withConnection(.unix(server.socketPath)) {
            (connection) async throws in
            let before = try await Self.statistic("total_reads_processed", connection)
            await withCheckedContinuation { continuation in
                for number in 1...100 {
                    connection.send(RedisCommand("PING")) { _ in
                        if number == 100 { continuation.resume() }
                    }
                }
            }
            return try await Self.statistic("total_reads_processed", connection) - before
        }
        // The hundred, and the question itself.
        #expect(reads == 2)
    }

    private static func statistic(_ name: String, _ connection: RedisConnection) async throws -> Int
    {
        let info = try await connection.send(RedisCommand("INFO", "stats")).text ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        return line.flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
    }

    @Test func `a password is sent before anything else`() async throws {
        let server = try RedisServer.start(options: ["--requirepass", "secret"])
        let address = RedisAddress.unix(server.socketPath)
        let right = RedisConfiguration(password: "secret")
        try await withConnection(address, configuration: right) { (connection) async throws in
            #expect(try await connection.send(RedisCommand("PING")) == .status("PONG"))
        }
        let wrong = RedisConfiguration(username: "default", password: "guess")
        let error = await #expect(throws: RedisError.self) {
            try await withConnection(address, configuration: wrong) { _ in }
        }
        #expect(error?.kind == .connectFailed)
        #expect(error?.message == "AUTH: WRONGPASS")
    }

    @Test func `a server that is killed loses what was sent and is found again`() async throws {
        let server = try RedisServer.start()
        try await withConnection(.unix(server.socketPath)) { (connection) async throws in
            server.pause()
            let errors = await withCheckedContinuation { continuation in
                var errors: [RedisError?] = []
                for _ in 0..<3 {
                    connection.send(RedisCommand("PING")) { outcome in
                        if case .failure(let error) = outcome { errors.append(error) }
                        if errors.count == 3 { continuation.resume(returning: errors) }
                    }
                }
                // Once the turn has ended the commands are on their way.
                Task {
                    try await Task.sleep(for: .milliseconds(100))
                    server.kill()
                }
            }
            for error in errors {
                #expect(error?.kind == .connectionLost)
                #expect(error?.outcomeUnknown == true)
                #expect(error?.isRetryable == false)
            }
            let error = await failure {
                try await connection.send(RedisCommand("PING"))
            }
            #expect(error?.kind == .connectFailed)
            #expect(error?.isRetryable == true)
            try server.start()
            #expect(try await untilConnected(connection) == .status("PONG"))
            #expect(connection.connectionsMade == 2)
        }
    }

    @Test func `a silent server is given up, and its late replies reach nobody`() async throws {
        let server = try RedisServer.start()
        let configuration = RedisConfiguration(replyTimeoutMs: 100)
        try await withConnection(.unix(server.socketPath), configuration: configuration) {
            (connection) async throws in
            server.pause()
            let error = await failure {
                try await connection.send(RedisCommand("ECHO", "late"))
            }
            #expect(error?.kind == .timeout)
            #expect(error?.outcomeUnknown == true)
            server.resume()
            #expect(try await untilConnected(connection) == .status("PONG"))
            #expect(try await connection.send(RedisCommand("ECHO", "x")) == .bytes([120]))
        }
    }

    @Test func `without a server connect fails, and so does every command at once`() async throws {
        try await onLoop { loop in
            let connection = RedisConnection(address: .unix("/nonexistent/s"), loop: loop)
            await #expect(throws: RedisError.self) { try await connection.connect() }
            let error = await failure {
                try await connection.send(RedisCommand("PING"))
            }
            #expect(error?.kind == .connectFailed)
            await connection.close()
            let closed = await failure {
                try await connection.send(RedisCommand("PING"))
            }
            #expect(closed?.kind == .shutDown)
        }
    }

    @Test func `closing fails what still waits`() async throws {
        let server = try RedisServer.start()
        let error = try await onLoop { loop in
            let connection = RedisConnection(address: .unix(server.socketPath), loop: loop)
            try await connection.connect()
            var received: RedisError?
            connection.send(RedisCommand("PING")) { outcome in
                if case .failure(let error) = outcome { received = error }
            }
            await connection.close()
            return received
        }
        #expect(error?.kind == .shutDown)
        #expect(error?.outcomeUnknown == false)
    }

    @Test(arguments: ["garbage\r\n", "+OK\r\n+OK\r\n+OK\r\n"])
    func `a peer that breaks the protocol is hung up on`(answer: String) async throws {
        try await withPeer(answering: Array(answer.utf8)) { address in
            try await withConnection(address) { connection in
                let errors = await withCheckedContinuation { continuation in
                    var outcomes: [RedisError?] = []
                    connection.send(RedisCommand("PING")) { outcome in
                        outcomes.append(Self.error(outcome))
                        // The second is sent in a later turn and finds the connection gone, or
                        // goes down with it.
                        connection.send(RedisCommand("PING")) { outcome in
                            outcomes.append(Self.error(outcome))
                            continuation.resume(returning: outcomes)
                        }
                    }
                }
                #expect(errors.contains { $0 != nil })
                #expect(errors[1]?.kind == (errors[0] == nil ? .protocol : .connectFailed))
            }
        }
    }

    @Test func `a peer that hangs up is connected to again`() async throws {
        try await withPeer(answering: [], thenCloses: true) { address in
            try await withConnection(address) { connection in
                let error = await failure {
                    try await connection.send(RedisCommand("PING"))
                }
                #expect(error?.kind == .connectionLost)
                for _ in 0..<500 where !connection.isConnected {
                    try await Task.sleep(for: .milliseconds(10))
                }
                #expect(connection.isConnected)
            }
        }
    }

    private static func error(_ outcome: Result<RedisReply, RedisError>) -> RedisError? {
        if case .failure(let error) = outcome { error } else { nil }
    }
}
