// The cases in which messages stream, in one direction or in both.

internal import InteropMessages
internal import RPC
internal import SwiftProtobuf

extension InteropPeer {
    private typealias InputRequest = Grpc_Testing_StreamingInputCallRequest
    private typealias InputResponse = Grpc_Testing_StreamingInputCallResponse
    private typealias OutputRequest = Grpc_Testing_StreamingOutputCallRequest
    private typealias OutputResponse = Grpc_Testing_StreamingOutputCallResponse

    private static let requestSizes = [27_182, 8, 1_828, 45_904]
    private static let replySizes: [Int32] = [31_415, 9, 2_653, 58_979]

    // MARK: To the server

    func clientStreaming() async throws(CaseFailure) {
        let call = stream("StreamingInputCall", InputRequest.self, InputResponse.self)
        for size in Self.requestSizes { try await call.send(.with { $0.payload = zeros(size) }) }
        await call.finish()
        try await expectSum(74_922, call)
    }

    func clientCompressedStreaming() async throws(CaseFailure) {
        let probe = stream("StreamingInputCall", InputRequest.self, InputResponse.self)
        var first = InputRequest()
        first.expectCompressed.value = true
        first.payload = zeros(27_182)
        try await probe.send(first)
        await probe.finish()
        try expect(await probe.ending(), .invalidArgument, "the probe")
        let call = stream(
            "StreamingInputCall",
            InputRequest.self,
            InputResponse.self,
            compresses: true,
        )
        try await call.send(first, compress: true)
        var second = InputRequest()
        second.expectCompressed.value = false
        second.payload = zeros(45_904)
        try await call.send(second)
        await call.finish()
        try await expectSum(73_086, call)
    }

    private func expectSum(
        _ size: Int32,
        _ call: Exchange<InputRequest, InputResponse>,
    ) async throws(CaseFailure) {
        let found = try await call.reply().reply.aggregatedPayloadSize
        try expect(found == size, "the server counted \(found) bytes, \(size) were sent")
        try await call.expectEnd()
    }

    // MARK: From the server

    func serverStreaming() async throws(CaseFailure) {
        let call = stream("StreamingOutputCall", OutputRequest.self, OutputResponse.self)
        var request = OutputRequest()
        request.responseParameters = Self.replySizes.map { size in .with { $0.size = size } }
        try await call.send(request)
        await call.finish()
        for size in Self.replySizes {
            try expectPayload(try await call.reply().reply.payload, size: size)
        }
        try await call.expectEnd()
    }

    func serverCompressedStreaming() async throws(CaseFailure) {
        let expected: [(size: Int32, isCompressed: Bool)] = [(31_415, true), (92_653, false)]
        let call = stream("StreamingOutputCall", OutputRequest.self, OutputResponse.self)
        var request = OutputRequest()
        request.responseParameters = expected.map { reply in
            .with {
                $0.size = reply.size
                $0.compressed.value = reply.isCompressed
            }
        }
        try await call.send(request)
        await call.finish()
        for (size, isCompressed) in expected {
            let (reply, wasCompressed) = try await call.reply()
            try expectPayload(reply.payload, size: size)
            try expect(
                wasCompressed == isCompressed,
                "the reply of \(size) bytes is \(isCompressed ? "not " : "")compressed",
            )
        }
        try await call.expectEnd()
    }

    func slowConsumer() async throws(CaseFailure) {
        let count = 2_000
        let size: Int32 = 1_030
        let call = stream("StreamingOutputCall", OutputRequest.self, OutputResponse.self)
        var request = OutputRequest()
        request.responseParameters = Array(repeating: .with { $0.size = size }, count: count)
        try await call.send(request)
        await call.finish()
        for _ in 0..<count {
            do {
                try await Task.sleep(for: .milliseconds(pauseMilliseconds))
            } catch {
                throw CaseFailure("cancelled")
            }
            try expectPayload(try await call.reply().reply.payload, size: size)
        }
        try await call.expectEnd()
    }

    // MARK: Both ways

    func pingPong() async throws(CaseFailure) {
        let call = fullDuplexCall()
        for (requestSize, replySize) in zip(Self.requestSizes, Self.replySizes) {
            try await call.send(Self.request(requestSize, for: replySize))
            try expectPayload(try await call.reply().reply.payload, size: replySize)
        }
        await call.finish()
        try await call.expectEnd()
    }

    func emptyStream() async throws(CaseFailure) {
        let call = fullDuplexCall()
        await call.finish()
        try await call.expectEnd()
    }

    func halfDuplex() async throws(CaseFailure) {
        let call = stream("HalfDuplexCall", OutputRequest.self, OutputResponse.self)
        for (requestSize, replySize) in zip(Self.requestSizes, Self.replySizes) {
            try await call.send(Self.request(requestSize, for: replySize))
        }
        await call.finish()
        for size in Self.replySizes {
            try expectPayload(try await call.reply().reply.payload, size: size)
        }
        try await call.expectEnd()
    }

    /// A request with a payload that asks for one reply.
    static func request(
        _ requestSize: Int,
        for replySize: Int32,
    ) -> Grpc_Testing_StreamingOutputCallRequest {
        .with { request in
            request.responseParameters = [.with { $0.size = replySize }]
            request.payload = zeros(requestSize)
        }
    }
}
