// The cases about what surrounds the messages: status, metadata, cancellation, deadlines.

internal import InteropMessages
internal import RPC
internal import SwiftProtobuf

extension InteropPeer {
    private static let echoedInitial = "x-grpc-test-echo-initial"
    private static let echoedTrailing = "x-grpc-test-echo-trailing-bin"

    // MARK: Status

    func statusCodeAndMessage() async throws(CaseFailure) {
        let message = "test status message"
        try await playEcho(message)
        let call = fullDuplexCall()
        var request = Grpc_Testing_StreamingOutputCallRequest()
        request.responseStatus = Self.echo(message)
        try await call.send(request)
        await call.finish()
        try Self.requireEcho(of: message, await call.ending())
    }

    func specialStatusMessage() async throws(CaseFailure) {
        try await playEcho(
            "\t\ntest with whitespace\r\nand Unicode BMP \u{263A} and non-BMP \u{1F608}\t\n"
        )
    }

    private func playEcho(_ message: String) async throws(CaseFailure) {
        var request = Grpc_Testing_SimpleRequest()
        request.responseStatus = Self.echo(message)
        let status = await failure { () async throws(Status) in
            try await unary(Self.path("UnaryCall"), request)
        }
        try Self.requireEcho(of: message, status)
    }

    private static func echo(_ message: String) -> Grpc_Testing_EchoStatus {
        .with {
            $0.code = Int32(StatusCode.unknown.rawValue)
            $0.message = message
        }
    }

    private static func requireEcho(
        of message: String,
        _ status: Status?,
    ) throws(CaseFailure) {
        try expect(status, .unknown, "the call")
        // Swift holds "\r\n" and its like to be equal in ways that bytes are not.
        let found = status?.message ?? ""
        try expect(
            found.utf8.elementsEqual(message.utf8),
            "the message is \(found.debugDescription)",
        )
    }

    // MARK: Metadata

    func customMetadata() async throws(CaseFailure) {
        let metadata = try Self.customMetadata()
        let answer = try await unaryCall(largeRequest, metadata: metadata)
        try Self.requireEcho("UnaryCall", answer.metadata, answer.trailers)
        let call = fullDuplexCall(metadata: metadata)
        try await call.send(Self.request(271_828, for: 314_159))
        await call.finish()
        let initial = try await succeeding("FullDuplexCall") { () async throws(Status) in
            try await call.stream.metadata()
        }
        try expectPayload(try await call.reply().reply.payload, size: 314_159)
        try await call.expectEnd()
        try Self.requireEcho("FullDuplexCall", initial, await call.stream.trailers())
    }

    private static func customMetadata() throws(CaseFailure) -> Metadata {
        var metadata = Metadata()
        do throws(MetadataError) {
            try metadata.add(echoedInitial, "test_initial_metadata_value")
            try metadata.add(echoedTrailing, bytes: [0xab, 0xab, 0xab])
        } catch {
            throw CaseFailure("\(error)")
        }
        return metadata
    }

    private static func requireEcho(
        _ method: String,
        _ initial: Metadata,
        _ trailers: Metadata,
    ) throws(CaseFailure) {
        let texts = initial.strings(echoedInitial)
        try expect(
            texts == ["test_initial_metadata_value"],
            "\(method): \(echoedInitial) came as \(texts)",
        )
        let values = trailers.bytes(echoedTrailing)
        try expect(
            values == [[0xab, 0xab, 0xab]],
            "\(method): \(echoedTrailing) came as \(values)",
        )
    }

    // MARK: Cut short

    func cancelAfterBegin() async throws(CaseFailure) {
        let call = stream(
            "StreamingInputCall",
            Grpc_Testing_StreamingInputCallRequest.self,
            Grpc_Testing_StreamingInputCallResponse.self,
        )
        await call.stream.cancel()
        try expect(await call.ending(), .cancelled, "the call")
    }

    func cancelAfterFirstResponse() async throws(CaseFailure) {
        let call = fullDuplexCall()
        try await call.send(Self.request(27_182, for: 31_415))
        try expectPayload(try await call.reply().reply.payload, size: 31_415)
        await call.stream.cancel()
        try expect(await call.ending(), .cancelled, "the call")
    }

    func timeoutOnSleepingServer() async throws(CaseFailure) {
        let call = fullDuplexCall(timeoutMilliseconds: 1)
        let request = Grpc_Testing_StreamingOutputCallRequest.with { $0.payload = zeros(27_182) }
        do throws(Status) {
            try await call.stream.send(try encode(request))
        } catch {
            // The deadline may have passed before it could be sent.
            try expect(error, .deadlineExceeded, "sending")
        }
        try expect(await call.ending(), .deadlineExceeded, "the call")
    }
}
