// How the cases talk to the server: typed messages in and out, and failures that say what was expected.

internal import Foundation
internal import InteropMessages
internal import RPC
internal import SwiftProtobuf

/// Why a case did not pass.
struct CaseFailure: Error, Hashable {
    let text: String

    init(_ text: String) {
        self.text = text
    }
}

func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws(CaseFailure) {
    if !condition { throw CaseFailure(text()) }
}

/// The server that a case is played against.
struct InteropPeer: Sendable {
    let client: RPCClient
    let timeoutMilliseconds: Int64
    /// How long `slow_consumer` waits before it reads a message.
    let pauseMilliseconds: Int64

    static func path(_ method: String, service: String = "grpc.testing.TestService") -> String {
        "/\(service)/\(method)"
    }

    /// Makes a unary call.
    func unary(
        _ path: String,
        _ request: some SwiftProtobuf.Message,
        metadata: Metadata = Metadata(),
        compress: Bool = false,
    ) async throws(Status) -> UnaryAnswer {
        try await client.unary(
            path,
            try encode(request),
            metadata: metadata,
            timeoutMilliseconds: timeoutMilliseconds,
            compress: compress,
        )
    }

    /// Makes a `UnaryCall` that succeeds with a payload of the size asked for.
    @discardableResult
    func unaryCall(
        _ request: Grpc_Testing_SimpleRequest,
        metadata: Metadata = Metadata(),
        compress: Bool = false,
    ) async throws(CaseFailure) -> UnaryAnswer {
        let answer = try await succeeding("UnaryCall") { () async throws(Status) in
            try await unary(
                Self.path("UnaryCall"),
                request,
                metadata: metadata,
                compress: compress,
            )
        }
        let reply = try read(Grpc_Testing_SimpleResponse.self, answer.message)
        try expectPayload(reply.payload, size: request.responseSize)
        return answer
    }

    /// Begins a stream.
    func stream<Request, Reply>(
        _ method: String,
        _: Request.Type,
        _: Reply.Type,
        metadata: Metadata = Metadata(),
        timeoutMilliseconds: Int64? = nil,
        compresses: Bool = false,
    ) -> Exchange<Request, Reply> {
        let stream = client.stream(
            Self.path(method),
            metadata: metadata,
            timeoutMilliseconds: timeoutMilliseconds ?? self.timeoutMilliseconds,
            compresses: compresses,
        )
        return Exchange(stream: stream, method: method)
    }

    func fullDuplexCall(
        metadata: Metadata = Metadata(),
        timeoutMilliseconds: Int64? = nil,
    ) -> Exchange<Grpc_Testing_StreamingOutputCallRequest, Grpc_Testing_StreamingOutputCallResponse>
    {
        stream(
            "FullDuplexCall",
            Grpc_Testing_StreamingOutputCallRequest.self,
            Grpc_Testing_StreamingOutputCallResponse.self,
            metadata: metadata,
            timeoutMilliseconds: timeoutMilliseconds,
        )
    }
}

/// A stream with the messages of its method.
struct Exchange<Request: SwiftProtobuf.Message, Reply: SwiftProtobuf.Message>: Sendable {
    let stream: ClientStream
    let method: String

    func send(_ request: Request, compress: Bool = false) async throws(CaseFailure) {
        try await succeeding(method) { () async throws(Status) in
            try await stream.send(try encode(request), compress: compress)
        }
    }

    func finish() async {
        await stream.finish()
    }

    /// The next reply, and whether it was compressed; nil when the call has ended with OK.
    func next() async throws(CaseFailure) -> (reply: Reply, wasCompressed: Bool)? {
        let message = try await succeeding(method) { () async throws(Status) in
            try await stream.next()
        }
        guard let message else { return nil }
        return (try read(Reply.self, message.bytes), message.wasCompressed)
    }

    /// The next reply, which must come.
    func reply() async throws(CaseFailure) -> (reply: Reply, wasCompressed: Bool) {
        guard let next = try await next() else {
            throw CaseFailure("\(method) has ended, a reply was expected")
        }
        return next
    }

    /// Takes the end of the call, which must be OK and without another reply.
    func expectEnd() async throws(CaseFailure) {
        try expect(try await next() == nil, "\(method): a reply came after the last one")
    }

    /// Reads on until the call has ended; the status that it ended with, nil for OK.
    func ending() async -> Status? {
        do throws(Status) {
            while try await stream.next() != nil {}
            return nil
        } catch {
            return error
        }
    }
}

// MARK: Checks

/// Runs a call that must not fail.
func succeeding<Value>(
    _ what: String,
    _ call: () async throws(Status) -> Value,
) async throws(CaseFailure) -> Value {
    do throws(Status) {
        return try await call()
    } catch {
        throw CaseFailure("\(what) ended with \(error)")
    }
}

func read<Message: SwiftProtobuf.Message>(
    _ type: Message.Type,
    _ bytes: [UInt8],
) throws(CaseFailure) -> Message {
    do throws(Status) {
        return try decode(type, bytes)
    } catch {
        throw CaseFailure("a reply is \(error.message)")
    }
}

func expectPayload(_ payload: Grpc_Testing_Payload, size: Int32) throws(CaseFailure) {
    let count = payload.body.count
    try expect(count == Int(size), "a payload has \(count) bytes, \(size) were expected")
    try expect(payload.type == .compressable, "a payload is of type \(payload.type)")
    try expect(payload.body.allSatisfy { $0 == 0 }, "a payload has bytes other than zero")
}

func expect(_ status: Status?, _ code: StatusCode, _ what: String) throws(CaseFailure) {
    let found = status.map { "\($0)" } ?? "OK"
    try expect(status?.code == code, "\(what) ended with \(found), \(code.name) was expected")
}

func zeros(_ size: Int) -> Grpc_Testing_Payload {
    var payload = Grpc_Testing_Payload()
    payload.body = Data(count: size)
    return payload
}
