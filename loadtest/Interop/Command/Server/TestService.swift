// The service of gRPC's interoperability tests, after their public description: it does what the
// messages ask for, to the byte.

internal import Base
internal import Foundation
internal import InteropMessages
internal import RPC
internal import SwiftProtobuf

/// `grpc.testing.TestService`.
struct TestService: Sendable {
    private static let name = "grpc.testing.TestService"
    private static let echoedInitial = "x-grpc-test-echo-initial"
    private static let echoedTrailing = "x-grpc-test-echo-trailing-bin"
    /// Replies that a half-duplex call may ask for before it ends its side.
    private static let repliesBufferedMax = 10_000

    /// Tells servers apart.
    private let serverID = UUID().uuidString

    /// Adds all methods; `UnimplementedCall` is none of them.
    func register(on registry: inout ServiceRegistry) {
        let name = Self.name
        registry.unary(service: name, method: "EmptyCall") { message, call throws(Status) in
            try Self.echoMetadata(call)
            return try encode(try decode(Grpc_Testing_Empty.self, message))
        }
        registry.unary(service: name, method: "UnaryCall") { message, call throws(Status) in
            try unaryCall(message, call)
        }
        registry.unary(service: name, method: "CacheableUnaryCall") {
            message,
            call throws(Status) in
            try cacheableUnaryCall(message, call)
        }
        registry.serverStream(service: name, method: "StreamingOutputCall") {
            requests,
            replies,
            call async throws(Status) in
            try Self.echoMetadata(call)
            while let message = try await requests.next() {
                try await reply(to: try decode(OutputRequest.self, message.bytes), replies)
            }
        }
        registry.clientStream(service: name, method: "StreamingInputCall") {
            requests,
            replies,
            call async throws(Status) in
            try await streamingInputCall(requests, replies, call)
        }
        registry.bidirectional(service: name, method: "FullDuplexCall") {
            requests,
            replies,
            call async throws(Status) in
            try Self.echoMetadata(call)
            while let message = try await requests.next() {
                try await reply(to: try decode(OutputRequest.self, message.bytes), replies)
            }
        }
        registry.bidirectional(service: name, method: "HalfDuplexCall") {
            requests,
            replies,
            call async throws(Status) in
            try await halfDuplexCall(requests, replies, call)
        }
    }

    private typealias OutputRequest = Grpc_Testing_StreamingOutputCallRequest

    // MARK: Methods

    private func unaryCall(_ message: [UInt8], _ call: ServerCall) throws(Status) -> [UInt8] {
        try Self.echoMetadata(call)
        let request = try decode(Grpc_Testing_SimpleRequest.self, message)
        if request.hasExpectCompressed {
            try Self.check(call.requestWasCompressed, is: request.expectCompressed.value)
        }
        if request.hasResponseStatus { try Self.end(with: request.responseStatus) }
        var reply = Grpc_Testing_SimpleResponse()
        reply.payload = try Self.payload(request.responseType, size: request.responseSize)
        if request.fillServerID { reply.serverID = serverID }
        call.compressesReply = request.responseCompressed.value
        return try encode(reply)
    }

    private func cacheableUnaryCall(
        _ message: [UInt8],
        _ call: ServerCall,
    ) throws(Status) -> [UInt8] {
        try Self.echoMetadata(call)
        _ = try decode(Grpc_Testing_SimpleRequest.self, message)
        do throws(MetadataError) {
            try call.replyMetadata.add("cache-control", "max-age=60, public")
        } catch {
            throw Status(.internal, "\(error)")
        }
        var reply = Grpc_Testing_SimpleResponse()
        reply.payload.body = Data("\(SystemClock().now().microseconds * 1_000)".utf8)
        return try encode(reply)
    }

    private func streamingInputCall(
        _ requests: MessageReader,
        _ replies: MessageWriter,
        _ call: ServerCall,
    ) async throws(Status) {
        try Self.echoMetadata(call)
        var total = 0
        while let message = try await requests.next() {
            let request = try decode(Grpc_Testing_StreamingInputCallRequest.self, message.bytes)
            if request.hasExpectCompressed {
                try Self.check(message.wasCompressed, is: request.expectCompressed.value)
            }
            total += request.payload.body.count
        }
        guard let size = Int32(exactly: total) else {
            throw Status(.outOfRange, "\(total) bytes are more than the reply can say")
        }
        var reply = Grpc_Testing_StreamingInputCallResponse()
        reply.aggregatedPayloadSize = size
        try await replies.send(try encode(reply))
    }

    private func halfDuplexCall(
        _ requests: MessageReader,
        _ replies: MessageWriter,
        _ call: ServerCall,
    ) async throws(Status) {
        try Self.echoMetadata(call)
        var kept: [OutputRequest] = []
        var repliesAsked = 0
        while let message = try await requests.next() {
            var request = try decode(OutputRequest.self, message.bytes)
            // Nobody looks at it again.
            request.clearPayload()
            // A request counts even when it asks for nothing: it is kept all the same.
            repliesAsked += max(1, request.responseParameters.count)
            if repliesAsked > Self.repliesBufferedMax {
                throw Status(.resourceExhausted, "at most \(Self.repliesBufferedMax) replies")
            }
            kept.append(request)
        }
        for request in kept { try await reply(to: request, replies) }
    }

    // MARK: Parts

    /// Sends the replies that a request asks for, or ends the call as it asks.
    private func reply(
        to request: OutputRequest,
        _ replies: MessageWriter,
    ) async throws(Status) {
        if request.hasResponseStatus { try Self.end(with: request.responseStatus) }
        for parameters in request.responseParameters {
            if parameters.intervalUs > 0 { try await Self.sleep(parameters.intervalUs) }
            var reply = Grpc_Testing_StreamingOutputCallResponse()
            reply.payload = try Self.payload(request.responseType, size: parameters.size)
            try await replies.send(try encode(reply), compress: parameters.compressed.value)
        }
    }

    private static func echoMetadata(_ call: ServerCall) throws(Status) {
        do throws(MetadataError) {
            for text in call.metadata.strings(echoedInitial) {
                try call.replyMetadata.add(echoedInitial, text)
            }
            for bytes in call.metadata.bytes(echoedTrailing) {
                try call.trailers.add(echoedTrailing, bytes: bytes)
            }
        } catch {
            throw Status(.invalidArgument, "metadata cannot be echoed: \(error)")
        }
    }

    private static func check(_ wasCompressed: Bool, is expected: Bool) throws(Status) {
        if wasCompressed == expected { return }
        throw Status(
            .invalidArgument,
            "the request is \(wasCompressed ? "" : "not ")compressed, against expectation",
        )
    }

    private static func end(with echo: Grpc_Testing_EchoStatus) throws(Status) {
        let code = StatusCode(rawValue: Int(echo.code)) ?? .unknown
        if code != .ok { throw Status(code, echo.message) }
    }

    private static func payload(
        _ type: Grpc_Testing_PayloadType,
        size: Int32,
    ) throws(Status) -> Grpc_Testing_Payload {
        guard type == .compressable else {
            throw Status(.invalidArgument, "unknown payload type \(type.rawValue)")
        }
        // The message around the payload has a few bytes too.
        let sizes = 0...Int32(InteropLimits.messageBytesMax - 64)
        guard sizes.contains(size) else {
            throw Status(.invalidArgument, "a payload of \(size) bytes")
        }
        var payload = Grpc_Testing_Payload()
        payload.body = Data(count: Int(size))
        return payload
    }

    private static func sleep(_ microseconds: Int32) async throws(Status) {
        do {
            try await Task.sleep(for: .microseconds(Int(microseconds)))
        } catch {
            throw Status(.cancelled, "the call is over")
        }
    }
}

// MARK: Messages

func decode<Message: SwiftProtobuf.Message>(
    _: Message.Type,
    _ bytes: [UInt8],
) throws(Status) -> Message {
    do {
        return try Message(serializedBytes: bytes)
    } catch {
        throw Status(.invalidArgument, "no \(Message.protoMessageName)")
    }
}

func encode(_ message: some SwiftProtobuf.Message) throws(Status) -> [UInt8] {
    do {
        return try message.serializedBytes()
    } catch {
        throw Status(.internal, "\(type(of: message).protoMessageName) cannot be written")
    }
}
