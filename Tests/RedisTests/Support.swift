// What the suites share: a loop to run on, connections that are closed whatever happens, and peers
// that misbehave.

import Loop
import NIOCore
import NIOPosix
import Redis
import TestServers
import Testing

/// Runs `body` as a task of a loop of its own.
func onLoop<Value: Sendable>(
    _ body: sending @escaping (Loop) async throws -> Value
) async throws -> Value {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = Loop(group.next())
    let outcome = await loop.startThrowing { try await body(loop) }.result
    try await group.shutdownGracefully()
    return try outcome.get()
}

/// Runs `body` on a loop with a connection to `address`.
func withConnection<Value: Sendable>(
    _ address: RedisAddress,
    configuration: RedisConfiguration = RedisConfiguration(),
    _ body: sending @escaping (RedisConnection) async throws -> Value,
) async throws -> Value {
    try await onLoop { loop in
        let connection = RedisConnection(
            address: address,
            loop: loop,
            configuration: configuration,
        )
        do {
            try await connection.connect()
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }
}

/// The error of a command, if it has one.
func failure(_ body: () async throws -> RedisReply) async -> RedisError? {
    do {
        _ = try await body()
        return nil
    } catch {
        let redisError = error as? RedisError
        #expect(redisError != nil, "another error: \(error)")
        return redisError
    }
}

/// Sends commands until one gets through.
func untilConnected(_ connection: RedisConnection) async throws -> RedisReply? {
    for _ in 0..<1_000 {
        do {
            let reply = try await connection.send(RedisCommand("PING"))
            // A server that has just been started may still be loading.
            if case .status = reply { return reply }
        } catch {
            guard error.isRetryable || error.kind == .timeout else { throw error }
        }
        try await Task.sleep(for: .milliseconds(10))
    }
    return nil
}

/// A server on a Unix socket that answers whatever it reads with `answer`.
func withPeer<Value>(
    answering answer: [UInt8],
    thenCloses: Bool = false,
    _ body: (RedisAddress) async throws -> Value,
) async throws -> Value {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let port = try freePort()
    let listener = try await ServerBootstrap(group: group)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = AnsweringHandler(answer: answer, thenCloses: thenCloses)
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }
        .bind(host: "127.0.0.1", port: port)
        .get()
    let outcome: Result<Value, any Error>
    do {
        outcome = .success(try await body(.tcp(host: "127.0.0.1", port: port)))
    } catch {
        outcome = .failure(error)
    }
    try await listener.close()
    try await group.shutdownGracefully()
    return try outcome.get()
}

private final class AnsweringHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let answer: [UInt8]
    private let thenCloses: Bool

    init(answer: [UInt8], thenCloses: Bool) {
        self.answer = answer
        self.thenCloses = thenCloses
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(NIOAny(ByteBuffer(bytes: answer)), promise: nil)
        if thenCloses { context.close(promise: nil) }
    }
}
