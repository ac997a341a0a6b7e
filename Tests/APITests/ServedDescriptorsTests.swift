// The descriptors in the program fit the methods that it serves, and what ops/generate reads.

import API
import RPC
import SwiftProtobuf
import Testing

@Suite struct ServedDescriptorsTests {
    private let index: DescriptorIndex

    init() throws {
        index = try DescriptorIndex(descriptorSet: ServedDescriptors.set)
    }

    @Test(arguments: ServedMethods.paths)
    func `a served method is described`(path: String) {
        let symbol = path.dropFirst().replacing("/", with: ".")
        #expect(index.files(defining: String(symbol)) != nil)
    }

    @Test(arguments: [
        "google.rpc.BadRequest.FieldViolation", "google.rpc.Status.details",
        "google.protobuf.Timestamp", "google.protobuf.Duration.nanos",
        "holdfast.v1.ReserveRequest.idempotency_key",
        "grpc.health.v1.HealthCheckResponse.NOT_SERVING",
    ])
    func `what answers are made of is described`(symbol: String) {
        #expect(index.files(defining: symbol) != nil)
    }

    @Test func `the list of methods is that of the protocols`() throws {
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: ServedDescriptors.set)
        let paths = set.file.flatMap { file in
            file.service.flatMap { service in
                service.method.map { "/\(file.package).\(service.name)/\($0.name)" }
            }
        }
        #expect(paths.sorted() == ServedMethods.paths.sorted())
    }

    @Test func `the files are named as they are imported`() {
        #expect(index.files(named: "holdfast/v1/orders.proto") != nil)
        #expect(index.files(named: "google/protobuf/timestamp.proto")?.count == 1)
    }
}
