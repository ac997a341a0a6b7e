// A client that sends what our own would not: any headers, any body, any bytes.

import Loop
import NIOCore
import NIOPosix

@testable import RPC

/// Bytes on a connection, without any protocol.
final class RawSocket {
    private let channel: any Channel
    private let received: Received

    /// Collects what arrives; confined to the channel's loop, read through it.
    private final class Received: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer
        var bytes: [UInt8] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        }
    }

    init(port: Int) async throws {
        let received = Received()
        self.received = received
        channel = try await ClientBootstrap(group: TestLoops.first.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(received)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// Waits until the peer has closed, and returns all that it sent.
    func readToEnd() async throws -> [UInt8] {
        try await channel.closeFuture.get()
        return try await channel.eventLoop.submit { [received] in received.bytes }.get()
    }

    func close() async throws {
        try await channel.close().get()
    }
}

/// What a raw request was answered with.
struct RawAnswer: Hashable, Sendable {
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// The code that the stream ended with; 0 when in order.
    var errorCode: UInt32 = 0
    var grpcStatus: StatusCode? {
        headers["grpc-status"].flatMap { Int($0) }.flatMap(StatusCode.init(rawValue:))
    }
}

/// One request of any shape on a connection of its own; confined to its loop.
final class RawRequest: ChannelInboundHandler, SessionEvents, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let wire = Wire(loop: TestLoops.first)
    private let headers: [(String, String)]
    private var body: [UInt8]
    private var answer = RawAnswer()
    private let done: EventLoopPromise<RawAnswer>

    private init(_ headers: [(String, String)], _ body: [UInt8]) {
        self.headers = headers
        self.body = body
        done = TestLoops.first.eventLoop.makePromise()
    }

    /// Headers of a well-formed request.
    static func headers(
        path: String = path("Echo"),
        changing changed: [String: String?] = [:],
        adding added: [(String, String)] = [],
    ) -> [(String, String)] {
        let standard = [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
            ("te", "trailers"), ("content-type", "application/grpc"),
        ]
        return standard.compactMap { name, value in
            guard let change = changed[name] else { return (name, value) }
            return change.map { (name, $0) }
        } + added
    }

    /// Sends a request and waits until its stream is closed.
    static func send(
        port: Int,
        _ headers: [(String, String)],
        body: [UInt8],
    ) async throws -> RawAnswer {
        let request = RawRequest(headers, body)
        let channel = try await ClientBootstrap(group: TestLoops.first.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(request)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let answer = try await request.done.futureResult.get()
        try? await channel.close().get()
        return answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let session = Session(role: .client, limits: SessionLimits(), events: self)
        wire.open(context, session)
        var block = HeaderBlock()
        for (name, value) in headers { block.add(name, value) }
        _ = session.submitRequest(block)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        wire.receive(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        wire.release()
        done.fail(Status(.unavailable, "closed before an answer"))
    }

    func headersBegan(stream: Int32) {}

    func headerReceived(stream: Int32, name: LentBytes, value: LentBytes) -> Bool {
        let name = unsafe String(decoding: name, as: UTF8.self)
        answer.headers[name] = unsafe String(decoding: value, as: UTF8.self)
        return true
    }

    func headersReceived(stream: Int32, endsStream: Bool) {}

    func dataReceived(stream: Int32, _ bytes: LentBytes) {
        unsafe answer.body.append(contentsOf: bytes)
        wire.session?.consumeConnection(count: bytes.count)
        wire.session?.consume(stream: stream, count: bytes.count)
    }

    func dataEnded(stream: Int32) {}

    func bodyWanted(
        stream: Int32,
        into buffer: UnsafeMutableBufferPointer<UInt8>,
    ) -> BodyPart {
        let count = min(body.count, buffer.count)
        for index in 0..<count { unsafe buffer[index] = body[index] }
        body.removeFirst(count)
        return .bytes(count, isLast: body.isEmpty)
    }

    func headersSentLast(stream: Int32) {}

    func streamClosed(stream: Int32, errorCode: UInt32) {
        answer.errorCode = errorCode
        done.succeed(answer)
    }

    func settingsReceived() {}
    func pingAcknowledged() {}
    func goAwayReceived(lastStream: Int32, errorCode: UInt32) {}
}

/// Answers whatever comes as a server of HTTP/1.1 would.
final class RefusesInHTTP1: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let reply = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
    }
}

extension MessageDeframer {
    /// Takes bytes of the test's own.
    mutating func feed(
        _ bytes: some Sequence<UInt8>,
        onMessage: (InboundMessage) -> Void,
    ) throws(Violation) {
        let bytes = Array(bytes)
        let result: Result<Void, Violation> = unsafe bytes.withUnsafeBufferPointer { bytes in
            do throws(Violation) {
                return .success(try unsafe feed(bytes, onMessage: onMessage))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}

/// A connection that never takes anything off its socket.
final class DeafSocket {
    private let channel: any Channel

    init(port: Int) async throws {
        channel = try await ClientBootstrap(group: TestLoops.first.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.so_rcvbuf), value: 4_096)
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    func close() async throws {
        try await channel.close().get()
    }
}
