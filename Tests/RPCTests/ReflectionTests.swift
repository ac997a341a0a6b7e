// Reflection over a real connection: both versions, many questions on one stream, and what it refuses.

import SwiftProtobuf
import Testing

@testable import RPC

private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

@Suite struct ReflectionTests {
    private static func path(_ version: String) -> String {
        "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo"
    }

    /// A server with one descriptor file, `echo.proto`, beside the test service.
    private func withReflection(
        _ body: (_ client: RPCClient) async throws -> Void
    ) async throws {
        let file = Google_Protobuf_FileDescriptorProto.with {
            $0.name = "echo.proto"
            $0.package = "test.v1"
            $0.service = [.with { $0.name = "Echo" }]
        }
        let set = Google_Protobuf_FileDescriptorSet.with { $0.file = [file] }
        let server = RPCServer(
            configuration: RPCServerConfiguration(),
            loops: TestLoops.all,
            registry: { _ in echoRegistry(Witness()) },
            descriptors: try DescriptorIndex(descriptorSet: try set.serializedBytes()),
            logger: quietLogger,
        )
        let port = try await server.start()
        let client = try await RPCClient.connect(
            host: "127.0.0.1",
            port: port,
            loop: TestLoops.first,
        )
        do {
            try await body(client)
        } catch {
            await client.close()
            await server.shutdown(graceMilliseconds: 0)
            throw error
        }
        await client.close()
        await server.shutdown(graceMilliseconds: 1_000)
    }

    @Test(arguments: ["v1", "v1alpha"])
    func `questions are answered in order on one stream`(version: String) async throws {
        try await withReflection { client in
            let stream = client.stream(Self.path(version))
            for question in [
                Request.OneOf_MessageRequest.listServices(""),
                .fileContainingSymbol("test.v1.Echo"), .fileByFilename("none"),
            ] {
                let request = Request.with { $0.messageRequest = question }
                try await stream.send(try request.serializedBytes())
            }
            var answers: [Response] = []
            for _ in 0..<3 {
                let message = try #require(try await stream.next())
                answers.append(try Response(serializedBytes: message.bytes))
            }
            await stream.finish()
            #expect(try await stream.next() == nil)
            #expect(
                answers[0].listServicesResponse.service.map(\.name) == [
                    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                    "grpc.reflection.v1alpha.ServerReflection", service,
                ]
            )
            let file = try #require(answers[1].fileDescriptorResponse.fileDescriptorProto.first)
            #expect(
                try Google_Protobuf_FileDescriptorProto(serializedBytes: file).name == "echo.proto"
            )
            #expect(answers[2].errorResponse.errorCode == Int32(StatusCode.notFound.rawValue))
            #expect(answers[2].originalRequest.fileByFilename == "none")
        }
    }

    @Test func `bytes that are no question end the stream`() async throws {
        try await withReflection { client in
            let stream = client.stream(Self.path("v1"))
            try await stream.send([0x0a, 0x05, 0x01])
            let end = await #expect(throws: Status.self) { try await stream.next() }
            #expect(end?.code == .invalidArgument)
        }
    }

    @Test func `a question of more than 4 KiB is refused`() async throws {
        try await withReflection { client in
            let stream = client.stream(Self.path("v1"))
            let request = Request.with {
                $0.fileContainingSymbol = String(repeating: "x", count: 5_000)
            }
            try await stream.send(try request.serializedBytes())
            let end = await #expect(throws: Status.self) { try await stream.next() }
            #expect(end?.code == .resourceExhausted)
        }
    }

    @Test func `without descriptors there is no reflection`() async throws {
        try await withServer { client, _, _ in
            let stream = client.stream(Self.path("v1"))
            let end = await #expect(throws: Status.self) { try await stream.next() }
            #expect(end?.code == .unimplemented)
        }
    }
}
