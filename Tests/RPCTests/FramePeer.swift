// A peer that writes any frames, lawful or not, and reads back the ones that it gets.

import Loop
import NIOCore
import NIOPosix

@testable import RPC

/// A frame to send: what stands before its payload may lie.
struct RawFrame: Sendable {
    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []
    /// What the header says, if that is not the truth.
    var statedLength: Int?

    static let endStream: UInt8 = 1
    static let acknowledgement: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let prioritized: UInt8 = 32

    var bytes: [UInt8] {
        let length = statedLength ?? payload.count
        return bigEndian(UInt32(length), bytes: 3) + [type, flags] + bigEndian(stream) + payload
    }
}

func bigEndian(_ number: UInt32, bytes count: Int = 4) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> UInt32($0 * 8)) }
}

extension RawFrame {
    static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = true) -> RawFrame {
        RawFrame(type: 0, flags: end ? endStream : 0, stream: stream, payload: payload)
    }

    static func headers(
        _ stream: UInt32,
        _ block: [UInt8] = HPACK.request(),
        end: Bool = true,
        flags: UInt8 = endHeaders,
    ) -> RawFrame {
        RawFrame(
            type: 1,
            flags: flags | (end ? endStream : 0),
            stream: stream,
            payload: block,
        )
    }

    static func priority(_ stream: UInt32, on other: UInt32 = 0) -> RawFrame {
        RawFrame(type: 2, stream: stream, payload: bigEndian(other) + [15])
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> RawFrame {
        RawFrame(type: 3, stream: stream, payload: bigEndian(code))
    }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> RawFrame {
        RawFrame(
            type: 4,
            payload: entries.flatMap { bigEndian(UInt32($0.0), bytes: 2) + bigEndian($0.1) },
        )
    }

    static let settingsAcknowledgement = RawFrame(type: 4, flags: acknowledgement)

    static func ping(_ payload: [UInt8] = Array(1...8), flags: UInt8 = 0) -> RawFrame {
        RawFrame(type: 6, flags: flags, payload: payload)
    }

    static func goAway(stream: UInt32 = 0) -> RawFrame {
        RawFrame(type: 7, stream: stream, payload: bigEndian(0) + bigEndian(0))
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> RawFrame {
        RawFrame(type: 8, stream: stream, payload: bigEndian(increment))
    }

    static func continuation(
        _ stream: UInt32,
        _ block: [UInt8],
        flags: UInt8 = endHeaders,
    ) -> RawFrame {
        RawFrame(type: 9, flags: flags, stream: stream, payload: block)
    }
}

/// Header blocks of literal fields, without tables or Huffman.
enum HPACK {
    static func field(_ name: String, _ value: String) -> [UInt8] {
        [0] + string(name) + string(value)
    }

    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { field($0.0, $0.1) }
    }

    /// A request of gRPC that is in order, unless it is changed.
    static func request(
        changing changed: [String: String?] = [:],
        adding added: [(String, String)] = [],
    ) -> [UInt8] {
        block(RawRequest.headers(changing: changed, adding: added))
    }

    private static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        if bytes.count < 127 { return [UInt8(bytes.count)] + bytes }
        var rest = bytes.count - 127
        var prefix: [UInt8] = [127]
        while rest >= 128 {
            prefix.append(UInt8(rest % 128) | 128)
            rest /= 128
        }
        return prefix + [UInt8(rest)] + bytes
    }
}

/// What a frame peer has got back.
struct PeerLog: Sendable {
    /// A frame in full.
    struct Frame: Hashable, Sendable {
        var header: FrameHeader
        var payload: [UInt8]

        /// The 32 bits from `offset` of the payload.
        func number(at offset: Int) -> UInt32 {
            payload[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    var frames: [Frame] = []
    var isClosed = false

    func all(_ type: UInt8) -> [Frame] { frames.filter { $0.header.type == type } }

    /// Code and debug data of the last GOAWAY.
    var goAway: (code: UInt32, debug: String)? {
        all(FrameType.goAway).last
            .map { ($0.number(at: 4), String(decoding: $0.payload[8...], as: UTF8.self)) }
    }

    /// The codes of RST_STREAM on a stream.
    func resets(_ stream: Int32 = 1) -> [UInt32] {
        all(FrameType.resetStream).filter { $0.header.stream == stream }.map { $0.number(at: 0) }
    }

    /// Streams that the server has ended in order.
    var answered: [Int32] {
        frames.filter { [0, 1].contains($0.header.type) && $0.header.endsStream }
            .map(\.header.stream)
    }

    var pingAcknowledgements: Int {
        all(FrameType.ping).count { $0.header.isAcknowledgement }
    }
}

/// What was waited for has not come in ten seconds.
struct PeerIsSilent: Error {}

/// A connection that speaks frames; everything but waiting happens on the loop of its channel.
final class FramePeer: Sendable {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let channel: any Channel
    private let reader: Reader

    private final class Reader: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer
        private var bytes = ByteBuffer()
        var log = PeerLog()
        private var waiting: [(until: (PeerLog) -> Bool, promise: EventLoopPromise<PeerLog>)] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var part = unwrapInboundIn(data)
            bytes.writeBuffer(&part)
            while let head = bytes.getBytes(at: bytes.readerIndex, length: 9) {
                let length = head[..<3].reduce(0) { $0 << 8 | Int($1) }
                guard bytes.readableBytes >= 9 + length else { break }
                bytes.moveReaderIndex(forwardBy: 9)
                let payload = bytes.readBytes(length: length) ?? []
                let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                let header = FrameHeader(
                    length: length,
                    type: head[3],
                    flags: head[4],
                    stream: Int32(stream & 0x7fff_ffff),
                )
                log.frames.append(PeerLog.Frame(header: header, payload: payload))
            }
            bytes.discardReadBytes()
            wake()
        }

        func channelInactive(context: ChannelHandlerContext) {
            log.isClosed = true
            wake()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        func wait(_ until: @escaping (PeerLog) -> Bool, _ promise: EventLoopPromise<PeerLog>) {
            waiting.append((until, promise))
            promise.futureResult.eventLoop.scheduleTask(in: .seconds(10)) {
                promise.fail(PeerIsSilent())
            }
            wake()
        }

        private func wake() {
            for (until, promise) in waiting where log.isClosed || until(log) {
                promise.succeed(log)
            }
            waiting.removeAll { log.isClosed || $0.until(log) }
        }
    }

    init(port: Int) async throws {
        let reader = Reader()
        self.reader = reader
        channel = try await ClientBootstrap(group: TestLoops.first.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(reader)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// A peer whose greeting is over: both sides have each other's SETTINGS.
    ///
    /// - Parameter acknowledging: false leaves the server waiting for the word that its limits count.
    static func greeted(port: Int, acknowledging: Bool = true) async throws -> FramePeer {
        let peer = try await FramePeer(port: port)
        try await peer.write(preface + RawFrame.settings().bytes)
        _ = try await peer.wait { log in
            log.all(FrameType.settings).count { $0.header.isAcknowledgement } == 1
                && log.all(FrameType.settings).count == 2
        }
        if acknowledging { try await peer.write(RawFrame.settingsAcknowledgement.bytes) }
        return peer
    }

    func write(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// All frames in one write.
    func send(_ frames: [RawFrame]) async throws {
        try await write(frames.flatMap(\.bytes))
    }

    /// What has come when `until` is true or the server has closed, for at most ten seconds.
    func wait(until: @escaping @Sendable (PeerLog) -> Bool) async throws -> PeerLog {
        let promise = channel.eventLoop.makePromise(of: PeerLog.self)
        channel.eventLoop.execute { [reader] in reader.wait(until, promise) }
        return try await promise.futureResult.get()
    }

    /// What has come so far.
    func now() async throws -> PeerLog { try await wait { _ in true } }

    /// What has come when the server has closed.
    func end() async throws -> PeerLog { try await wait { _ in false } }

    func close() async {
        try? await channel.close().get()
    }
}
