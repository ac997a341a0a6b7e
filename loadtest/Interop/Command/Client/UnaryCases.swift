// The cases with one request and one reply.

internal import InteropMessages
internal import RPC
internal import SwiftProtobuf

extension InteropPeer {
    /// The request of most cases: 271,828 bytes there, 314,159 bytes back.
    var largeRequest: Grpc_Testing_SimpleRequest {
        .with {
            $0.responseSize = 314_159
            $0.payload = zeros(271_828)
        }
    }

    func emptyUnary() async throws(CaseFailure) {
        let answer = try await succeeding("EmptyCall") { () async throws(Status) in
            try await unary(Self.path("EmptyCall"), Grpc_Testing_Empty())
        }
        try expect(answer.message.isEmpty, "the empty reply has \(answer.message.count) bytes")
    }

    func largeUnary() async throws(CaseFailure) {
        try await unaryCall(largeRequest)
    }

    func clientCompressedUnary() async throws(CaseFailure) {
        var request = largeRequest
        request.expectCompressed.value = true
        // A server that does not notice that this one is not compressed can show nothing.
        let probe = await failure { () async throws(Status) in
            try await unary(Self.path("UnaryCall"), request)
        }
        try expect(probe, .invalidArgument, "the probe")
        try await unaryCall(request, compress: true)
        request.expectCompressed.value = false
        try await unaryCall(request)
    }

    func serverCompressedUnary() async throws(CaseFailure) {
        for isCompressed in [true, false] {
            var request = largeRequest
            request.responseCompressed.value = isCompressed
            let answer = try await unaryCall(request)
            try expect(
                answer.wasCompressed == isCompressed,
                "the reply is \(isCompressed ? "not " : "")compressed",
            )
        }
    }

    func unimplemented(_ service: String) async throws(CaseFailure) {
        let status = await failure { () async throws(Status) in
            try await unary(Self.path("UnimplementedCall", service: service), Grpc_Testing_Empty())
        }
        try expect(status, .unimplemented, "UnimplementedCall")
    }
}

/// The status that a unary call fails with; nil when it succeeds.
func failure(_ call: () async throws(Status) -> UnaryAnswer) async -> Status? {
    do throws(Status) {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}
