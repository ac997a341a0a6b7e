// A server that tells what it offers: to grpcurl, which has no .proto files, and to a client of ours;
// and its health as a load balancer watches it.

import API
import Foundation
import Messages
import RPC
import SwiftProtobuf
import Testing

/// grpcurl, installed beside the interpreter of the foreign client.
private let grpcurl = Client.interpreter.map {
    ($0 as NSString).deletingLastPathComponent + "/grpcurl"
}

/// What grpcurl makes of a server, with flags before the address and words after it.
private func ask(
    _ server: ServerProcess,
    flags: [String] = [],
    _ words: String...,
) throws -> Ended {
    guard let grpcurl else { throw HarnessFailure(description: "HOLDFAST_TEST_PYTHON is not set") }
    return try Binary.run(
        [grpcurl, "-plaintext"] + flags + ["127.0.0.1:\(server.grpcPort)"] + words
    )
}

/// The services that are served.
private let services = Set(ServedMethods.paths.map { $0.split(separator: "/")[0] }).sorted()

@Suite struct ReflectionTests {
    private static let deployment = Result { try Deployment() }

    private static func server() throws -> ServerProcess { try deployment.get().server }

    // MARK: grpcurl

    @Test(.enabled(if: grpcurl != nil))
    func `grpcurl lists the services`() throws {
        let listed = try ask(try Self.server(), "list")
        #expect(listed.output.split(separator: "\n") == services)
        #expect(listed.status == 0)
        let methods = try ask(try Self.server(), "list", "holdfast.v1.OrderService")
        #expect(methods.output.contains("holdfast.v1.OrderService.PlaceOrder\n"))
    }

    @Test(.enabled(if: grpcurl != nil))
    func `grpcurl describes a service and a message`() throws {
        let service = try ask(try Self.server(), "describe", "holdfast.v1.ReservationService")
        #expect(
            service.output.contains(
                "rpc Reserve ( .holdfast.v1.ReserveRequest ) returns ( .holdfast.v1.Reservation );"
            )
        )
        let message = try ask(try Self.server(), "describe", "holdfast.v1.ReserveRequest")
        #expect(message.output.contains("string idempotency_key = 1;"))
        let unknown = try ask(try Self.server(), "describe", "holdfast.v1.NoSuchService")
        #expect(unknown.status != 0)
        #expect(unknown.errors.contains("not found"))
    }

    @Test(.enabled(if: grpcurl != nil))
    func `grpcurl makes calls with what reflection told it`() throws {
        let received = try ask(
            try Self.server(),
            flags: [
                "-d",
                #"{"idempotency_key":"by-hand","lines":[{"sku":"MUG","node":"DC","quantity":7}]}"#,
            ],
            "holdfast.v1.InventoryService/Receive",
        )
        #expect(received.status == 0, "\(received.errors)")
        let available = try ask(
            try Self.server(),
            flags: ["-d", #"{"items":[{"sku":"MUG"}]}"#],
            "holdfast.v1.InventoryService/GetAvailability",
        )
        #expect(available.output.contains(#""available": "7""#))
        // The details of a refusal are of types that only reflection can tell of.
        let refused = try ask(
            try Self.server(),
            flags: ["-d", "{}"],
            "holdfast.v1.InventoryService/Receive",
        )
        #expect(refused.errors.contains("Code: InvalidArgument"))
        #expect(refused.errors.contains(#""field":"idempotency_key""#), "\(refused.errors)")
    }

    // MARK: Our client

    @Test(arguments: ["v1", "v1alpha"])
    func `every method that is served is described, with all it needs`(
        version: String
    ) async throws {
        let caller = try await Caller(try Self.server())
        let stream = caller.client.stream(
            "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo",
            timeoutMilliseconds: 60_000,
        )
        for path in ServedMethods.paths {
            let symbol = String(path.dropFirst().replacing("/", with: "."))
            var request = Grpc_Reflection_V1_ServerReflectionRequest()
            request.fileContainingSymbol = symbol
            try await stream.send(try request.serializedBytes())
            let message = try #require(try await stream.next())
            let answer = try Grpc_Reflection_V1_ServerReflectionResponse(
                serializedBytes: message.bytes
            )
            var set = Google_Protobuf_FileDescriptorSet()
            set.file = try answer.fileDescriptorResponse.fileDescriptorProto.map {
                try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
            }
            // Throws when a file is missing that another one imports.
            let index = try DescriptorIndex(descriptorSet: try set.serializedBytes())
            #expect(index.files(defining: symbol) != nil, "\(symbol)")
        }
        await stream.finish()
        #expect(try await stream.next() == nil)
    }

    // MARK: Health

    @Test func `who watches health hears that the server goes`() async throws {
        let server = try Self.deployment.get().makeServer(number: 7)
        try server.start()
        let caller = try await Caller(server)
        let stream = caller.client.stream("/grpc.health.v1.Health/Watch")
        var request = Grpc_Health_V1_HealthCheckRequest()
        request.service = "holdfast.v1.ReservationService"
        try await stream.send(try request.serializedBytes())
        await stream.finish()
        var heard: [Grpc_Health_V1_HealthCheckResponse.ServingStatus] = []
        let end = await #expect(throws: Status.self) {
            while let message = try await stream.next() {
                heard.append(
                    try Grpc_Health_V1_HealthCheckResponse(serializedBytes: message.bytes).status
                )
                if heard.count == 1 { server.send(SIGTERM) }
            }
        }
        #expect(heard == [.serving, .notServing])
        #expect(end?.code == .unavailable)
        #expect(try server.wait() == 0)
    }
}
