// Peers that are no good client of gRPC, and what the server tells them.

import Loop
import NIOCore
import NIOPosix
import Testing

@testable import RPC

@Suite struct ForeignPeerTests {
    private static let message: [UInt8] = [0, 0, 0, 0, 2, 7, 8]

    /// What is wrong with a request, and what the server answers.
    struct Flaw: CustomTestStringConvertible, Sendable {
        var what: String
        var path = RPCTests.path("Echo")
        var changed: [String: String?] = [:]
        var added: [(String, String)] = []
        var body = message
        /// Nil: a good call gets its own message back.
        var reply: [UInt8]?
        var httpStatus = "200"
        var status: StatusCode
        var testDescription: String { what }
    }

    /// A message of a few hundred bytes that unfolds to more than the limit.
    private static let bomb: [UInt8] = {
        let packed = Gzip.compress([UInt8](repeating: 0, count: 262_145))
        return [1, 0, 0, UInt8(packed.count >> 8), UInt8(packed.count & 255)] + packed
    }()

    private static let flaws = [
        Flaw(what: "nothing", status: .ok),
        Flaw(what: "proto", changed: ["content-type": "application/grpc+proto"], status: .ok),
        Flaw(
            what: "content-type",
            changed: ["content-type": "application/json"],
            httpStatus: "415",
            status: .invalidArgument,
        ),
        Flaw(
            what: "no content-type",
            changed: ["content-type": nil],
            httpStatus: "415",
            status: .invalidArgument,
        ),
        Flaw(what: "method", changed: [":method": "PUT"], httpStatus: "405", status: .internal),
        Flaw(what: "no te", changed: ["te": nil], status: .internal),
        Flaw(what: "timeout", added: [("grpc-timeout", "5x")], status: .internal),
        Flaw(what: "long timeout", added: [("grpc-timeout", "123456789S")], status: .internal),
        Flaw(what: "expired", added: [("grpc-timeout", "0m")], status: .deadlineExceeded),
        Flaw(what: "metadata", added: [("x-bin", "!!")], status: .internal),
        Flaw(what: "encoding", added: [("grpc-encoding", "zstd")], status: .unimplemented),
        Flaw(what: "gzip, not packed", added: [("grpc-encoding", "gzip")], status: .ok),
        Flaw(
            what: "gzip, packed",
            added: [("grpc-encoding", "gzip")],
            body: [1, 0, 0, 0, UInt8(Gzip.compress([7, 8]).count)] + Gzip.compress([7, 8]),
            reply: message,
            status: .ok,
        ),
        Flaw(
            what: "gzip, nonsense",
            added: [("grpc-encoding", "gzip")],
            body: [1, 0, 0, 0, 3, 1, 2, 3],
            status: .internal,
        ),
        Flaw(
            what: "gzip, a bomb",
            path: RPCTests.path("Small"),
            added: [("grpc-encoding", "gzip")],
            body: bomb,
            status: .resourceExhausted,
        ),
        Flaw(what: "identity", added: [("grpc-encoding", "identity")], status: .ok),
        Flaw(what: "compressed flag", body: [1, 0, 0, 0, 1, 7], status: .internal),
        Flaw(what: "cut in the message", body: [0, 0, 0, 0, 9, 7], status: .internal),
        Flaw(what: "cut in the prefix", body: [0, 0, 0], status: .internal),
        Flaw(what: "cut after a message", body: message + [0, 0], status: .internal),
        Flaw(what: "no message", body: [], status: .internal),
        Flaw(what: "two messages", body: message + message, status: .internal),
        Flaw(
            what: "too long",
            path: RPCTests.path("Small"),
            body: [0, 0, 4, 0, 1],
            status: .resourceExhausted,
        ),
    ]

    @Test(arguments: flaws)
    func `a request is judged`(flaw: Flaw) async throws {
        let witness = Witness()
        try await withServer(witness: witness) { _, port, _ in
            let answer = try await RawRequest.send(
                port: port,
                RawRequest.headers(path: flaw.path, changing: flaw.changed, adding: flaw.added),
                body: flaw.body,
            )
            #expect(answer.headers[":status"] == flaw.httpStatus)
            #expect(answer.grpcStatus == flaw.status)
            #expect(answer.errorCode == 0)
            #expect(answer.body == (flaw.status == .ok ? flaw.reply ?? flaw.body : []))
            if flaw.what == "encoding" {
                #expect(answer.headers["grpc-accept-encoding"] == "identity,gzip")
            }
        }
    }

    @Test func `a body that is not read any more does not hold up the answer`() async throws {
        try await withServer { _, port, _ in
            let answer = try await RawRequest.send(
                port: port,
                RawRequest.headers(path: "/test.v1.Echo/Missing"),
                body: [UInt8](repeating: 0, count: 10_000_000),
            )
            #expect(answer.grpcStatus == .unimplemented)
        }
    }

    @Test(arguments: [(1, 9_000), (70, 1)])
    func `headers over the limit reset the stream`(count: Int, length: Int) async throws {
        try await withServer { client, port, _ in
            let value = String(repeating: "v", count: length)
            let answer = try await RawRequest.send(
                port: port,
                RawRequest.headers(adding: (0..<count).map { ("x-\($0)", value) }),
                body: Self.message,
            )
            #expect(answer.errorCode == 11)
            #expect(answer.headers.isEmpty)
            _ = try await client.unary(path("Echo"), [])
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "garbage garbage garbage garbage",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0\0\0\0\0\0",
    ])
    func `a peer that does not speak HTTP 2 is cut off`(text: String) async throws {
        try await withServer { client, port, _ in
            let socket = try await RawSocket(port: port)
            try await socket.send(Array(text.utf8))
            _ = try await socket.readToEnd()
            _ = try await client.unary(path("Echo"), [])
        }
    }

    @Test func `a silent peer is cut off`() async throws {
        var configuration = RPCServerConfiguration()
        configuration.handshakeMillisecondsMax = 50
        try await withServer(configuration) { client, port, _ in
            let socket = try await RawSocket(port: port)
            _ = try await socket.readToEnd()
            _ = try await client.unary(path("Echo"), [])
        }
    }

    @Test func `resets beyond the budget end the connection`() async throws {
        let witness = Witness()
        var configuration = RPCServerConfiguration()
        configuration.session.resetBurst = 5
        configuration.session.resetsPerSecond = 1
        try await withServer(configuration, witness: witness) { client, _, _ in
            for _ in 0..<200 where !witness.all.contains("connection closed") {
                let task = Task {
                    await failure { () throws(Status) in
                        try await client.unary(path("Sleep"), [100])
                    }
                }
                try await Task.sleep(for: .milliseconds(10))
                task.cancel()
                _ = await task.value
            }
            #expect(await witness.sees("connection closed"))
        }
    }

    @Test func `a server that does not speak HTTP 2 is UNAVAILABLE`() async throws {
        let listener = try await ServerBootstrap(group: TestLoops.first.eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RefusesInHTTP1())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        let status = await failure { () throws(Status) in
            try await client.unary(path("Echo"), [], timeoutMilliseconds: 5_000)
        }
        #expect(status?.code == .unavailable)
        await client.close()
        try await listener.close().get()
    }
}
