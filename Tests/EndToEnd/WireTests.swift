// Requests that no client of gRPC makes, sent with curl: frames that are cut, the wrong content type,
// the wrong method. Each is refused, and none leaves a trace.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import Testing

/// A request over HTTP/2 with prior knowledge, of any shape.
struct RawCall: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var path = Path.reservation("Reserve")
    var headers = ["content-type: application/grpc", "te: trailers"]
    var body: [UInt8]
    /// `grpc-status`, or the status of HTTP when it is none of success.
    ///
    /// With `or reset` the stream may also end at once; `*` is any refusal.
    var expected: String

    /// What a client of gRPC would send, with its five bytes in front.
    static let whole: [UInt8] = {
        let request = Holdfast_V1_ReserveRequest([Units("WIRE", 1)], key: "over the wire")
        let message: [UInt8] = (try? request.serializedBytes()) ?? []
        return [0, 0, 0, 0, UInt8(message.count)] + message
    }()

    static let all: [RawCall] = [
        RawCall(
            testDescription: "a message that ends early",
            body: Array(whole.dropLast(4)),
            expected: "13"
        ),
        RawCall(
            testDescription: "a head of three bytes",
            body: Array(whole.prefix(3)),
            expected: "13"
        ),
        RawCall(testDescription: "two messages", body: whole + whole, expected: "13"),
        RawCall(
            testDescription: "bytes after the message",
            body: whole + [1, 2],
            expected: "13"
        ),
        RawCall(
            testDescription: "a message that says it is compressed",
            body: [1] + whole.dropFirst(),
            expected: "13"
        ),
        RawCall(
            testDescription: "a message that says it is huge",
            body: [0, 127, 255, 255, 255] + whole.dropFirst(5),
            expected: "8"
        ),
        RawCall(
            testDescription: "JSON",
            headers: ["content-type: application/json", "te: trailers"],
            body: whole,
            expected: "415 or reset"
        ),
        RawCall(
            testDescription: "a time to live that is over",
            headers: ["content-type: application/grpc", "te: trailers", "grpc-timeout: 0n"],
            body: whole,
            expected: "4 or reset"
        ),
        RawCall(
            testDescription: "a time to live that is nonsense",
            headers: ["content-type: application/grpc", "te: trailers", "grpc-timeout: soon"],
            body: whole,
            expected: "*"
        ),
        RawCall(
            testDescription: "no path of a method",
            path: "/",
            body: whole,
            expected: "12 or reset"
        ),
        RawCall(
            testDescription: "a path without a service",
            path: "//Reserve",
            body: whole,
            expected: "12 or reset"
        ),
    ]
}

@Suite(.serialized) struct WireTests {
    private static let deployment = Result { try Deployment() }
    private static let curl = ["/usr/bin/curl", "/usr/local/bin/curl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    private func send(_ raw: RawCall) throws -> Ended {
        let deployment = try Self.deployment.get()
        let body = FileManager.default.temporaryDirectory
            .appendingPathComponent("hf-wire-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: body) }
        try Data(raw.body).write(to: body)
        var arguments = [
            Self.curl ?? "", "-s", "-i", "--http2-prior-knowledge", "--max-time", "10", "-X",
            "POST", "--data-binary", "@\(body.path)",
        ]
        for header in raw.headers { arguments += ["-H", header] }
        arguments.append("http://127.0.0.1:\(deployment.server.grpcPort)\(raw.path)")
        return try Binary.run(arguments)
    }

    @Test(.enabled(if: curl != nil, "curl is not installed"), arguments: RawCall.all)
    func `a request that no client makes is refused and leaves no trace`(raw: RawCall) async throws
    {
        let deployment = try Self.deployment.get()
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("WIRE", 5)], key: "stock of the wire")
        let before = try Auditor(deployment: deployment).traces()
        let ended = try send(raw)
        let refused = ended.output.firstMatch(of: /^HTTP\/2 ([45]\d\d)/)
        let status = (refused ?? ended.output.firstMatch(of: /grpc-status: (\d+)/))
            .map { String($0.1) }
        if raw.expected.hasSuffix(" or reset") {
            // Answered before the body came: curl 7.88 reports the reset that follows (92) and
            // drops the answer.
            #expect(status.map { raw.expected.hasPrefix("\($0) ") } ?? (ended.status == 92))
        } else if raw.expected == "*" {
            #expect(status != "0", "\(ended)")
        } else {
            #expect(status == raw.expected, "\(ended)")
        }
        #expect(try Auditor(deployment: deployment).traces() == before)
        #expect(deployment.server.isRunning)
    }

    @Test(.enabled(if: curl != nil, "curl is not installed"))
    func `the same bytes, whole, are a reservation`() async throws {
        let deployment = try Self.deployment.get()
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("WIRE", 5)], key: "stock of the wire")
        let whole = RawCall(testDescription: "whole", body: RawCall.whole, expected: "0")
        let ended = try send(whole)
        #expect(ended.output.contains("grpc-status: 0"), "\(ended)")
        #expect(try await caller.position("WIRE").reserved == 1)
    }
}
