// What a descriptor set defines is found by name, with everything it needs; the rest is not there.

import SwiftProtobuf
import Testing

@testable import RPC

/// Three files: `top` imports `middle` imports `base`; `lone` stands apart.
private func sample() -> Google_Protobuf_FileDescriptorSet {
    typealias File = Google_Protobuf_FileDescriptorProto
    var base = File()
    base.name = "base.proto"
    base.package = "a.v1"
    base.messageType = [
        .with { message in
            message.name = "Outer"
            message.field = [.with { $0.name = "size" }]
            message.oneofDecl = [.with { $0.name = "choice" }]
            message.nestedType = [.with { $0.name = "Inner" }]
            message.enumType = [
                .with {
                    $0.name = "Kind"
                    $0.value = [.with { $0.name = "SMALL" }]
                }
            ]
        }
    ]
    base.enumType = [
        .with {
            $0.name = "Colour"
            $0.value = [.with { $0.name = "RED" }]
        }
    ]
    var middle = File()
    middle.name = "middle.proto"
    middle.package = "b"
    middle.dependency = ["base.proto"]
    middle.`extension` = [
        .with {
            $0.name = "weight"
            $0.extendee = ".a.v1.Outer"
            $0.number = 120
        }
    ]
    middle.messageType = [
        .with { message in
            message.name = "Holder"
            message.`extension` = [
                .with {
                    $0.name = "height"
                    $0.extendee = ".a.v1.Outer"
                    $0.number = 110
                }
            ]
        }
    ]
    var top = File()
    top.name = "top.proto"
    top.dependency = ["middle.proto", "base.proto"]
    top.service = [
        .with {
            $0.name = "Service"
            $0.method = [.with { $0.name = "Call" }]
        }
    ]
    var lone = File()
    lone.name = "lone.proto"
    lone.messageType = [.with { $0.name = "Lone" }]
    var set = Google_Protobuf_FileDescriptorSet()
    set.file = [base, lone, middle, top]
    return set
}

private func index() throws -> DescriptorIndex {
    try DescriptorIndex(descriptorSet: try sample().serializedBytes())
}

private func names(_ files: [[UInt8]]?) throws -> [String]? {
    try files?.map { try Google_Protobuf_FileDescriptorProto(serializedBytes: $0).name }
}

@Suite struct DescriptorIndexTests {
    @Test(arguments: [
        ("a.v1.Outer", "base.proto"), ("a.v1.Outer.size", "base.proto"),
        ("a.v1.Outer.choice", "base.proto"), ("a.v1.Outer.Inner", "base.proto"),
        ("a.v1.Outer.Kind", "base.proto"), ("a.v1.Outer.SMALL", "base.proto"),
        ("a.v1.Colour", "base.proto"), ("a.v1.RED", "base.proto"), ("b.weight", "middle.proto"),
        ("b.Holder.height", "middle.proto"), ("Service", "top.proto"),
        ("Service.Call", "top.proto"),
        ("Lone", "lone.proto"),
    ])
    func `a symbol is found in its file`(symbol: String, file: String) throws {
        #expect(try names(index().files(defining: symbol))?.first == file)
    }

    @Test(arguments: [
        "", "a", "a.v1", "Outer", "a.v1.Outer.", "a.v1.outer", "a.v1.Outer.Kind.SMALL",
        "Service.call",
        ".Service", "base.proto",
    ])
    func `what nothing defines is not found`(symbol: String) throws {
        #expect(try index().files(defining: symbol) == nil)
    }

    @Test func `a file comes first, then all that it imports, each once`() throws {
        #expect(
            try names(index().files(named: "top.proto"))
                == ["top.proto", "middle.proto", "base.proto"]
        )
        #expect(
            try names(index().files(defining: "b.weight")) == ["middle.proto", "base.proto"]
        )
        #expect(try names(index().files(named: "lone.proto")) == ["lone.proto"])
        #expect(try index().files(named: "none.proto") == nil)
    }

    @Test func `a file comes back as it is in the set`() throws {
        let bytes = try #require(try index().files(named: "base.proto")).first
        let file = try Google_Protobuf_FileDescriptorProto(serializedBytes: try #require(bytes))
        #expect(file == sample().file[0])
    }

    @Test func `extensions are found by message and number`() throws {
        let index = try index()
        #expect(
            try names(index.files(extending: "a.v1.Outer", number: 110))
                == ["middle.proto", "base.proto"]
        )
        #expect(index.files(extending: "a.v1.Outer", number: 111) == nil)
        #expect(index.files(extending: "b.Holder", number: 110) == nil)
        #expect(index.extensionNumbers(of: "a.v1.Outer") == [110, 120])
        #expect(index.extensionNumbers(of: "Lone") == [])
        #expect(index.extensionNumbers(of: "a.v1.Colour") == nil)
        #expect(index.extensionNumbers(of: "none") == nil)
    }

    @Test func `a set that is broken is refused`() throws {
        #expect(throws: DescriptorSetError.malformed) {
            try DescriptorIndex(descriptorSet: [0x0a, 0x05, 0x01])
        }
        var torn = sample()
        torn.file.removeFirst()
        let bytes: [UInt8] = try torn.serializedBytes()
        #expect(
            throws: DescriptorSetError.missingImport(file: "middle.proto", imported: "base.proto")
        ) {
            try DescriptorIndex(descriptorSet: bytes)
        }
    }

    @Test func `files that import each other end the walk`() throws {
        var set = sample()
        set.file[0].dependency = ["top.proto"]
        let index = try DescriptorIndex(descriptorSet: try set.serializedBytes())
        #expect(
            try names(index.files(named: "base.proto"))
                == ["base.proto", "top.proto", "middle.proto"]
        )
    }

    @Test func `an empty set has nothing`() throws {
        let index = try DescriptorIndex(descriptorSet: [])
        #expect(index.files(named: "base.proto") == nil)
        #expect(index.extensionNumbers(of: "") == nil)
    }
}

@Suite struct ReflectionAnswerTests {
    typealias Request = Grpc_Reflection_V1_ServerReflectionRequest

    private func answer(
        _ question: Request.OneOf_MessageRequest?
    ) throws -> Grpc_Reflection_V1_ServerReflectionResponse {
        var request = Request()
        request.host = "here"
        request.messageRequest = question
        let service = ReflectionService(index: try index(), services: ["b.Second", "a.First"])
        let answer = service.answer(request)
        #expect(answer.originalRequest == request)
        #expect(answer.validHost == "here")
        return answer
    }

    @Test func `services are listed by name, reflection among them`() throws {
        #expect(
            try answer(.listServices("*")).listServicesResponse.service.map(\.name) == [
                "a.First", "b.Second", "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ]
        )
    }

    @Test func `files are found by name, symbol and extension`() throws {
        let byExtension = Grpc_Reflection_V1_ExtensionRequest.with {
            $0.containingType = "a.v1.Outer"
            $0.extensionNumber = 110
        }
        for (question, count) in [
            (Request.OneOf_MessageRequest.fileByFilename("top.proto"), 3),
            (.fileContainingSymbol("Service.Call"), 3), (.fileContainingExtension(byExtension), 2),
        ] {
            let files = try answer(question).fileDescriptorResponse.fileDescriptorProto
            #expect(files.count == count)
        }
        let numbers = try answer(.allExtensionNumbersOfType("a.v1.Outer"))
            .allExtensionNumbersResponse
        #expect(numbers.baseTypeName == "a.v1.Outer")
        #expect(numbers.extensionNumber == [110, 120])
    }

    @Test func `what is not there is an answer`() throws {
        for question in [
            Request.OneOf_MessageRequest.fileByFilename("x"), .fileContainingSymbol("x"),
            .fileContainingExtension(.init()), .allExtensionNumbersOfType("x"),
        ] {
            let error = try answer(question).errorResponse
            #expect(error.errorCode == Int32(StatusCode.notFound.rawValue))
            #expect(error.errorMessage.hasPrefix("unknown "))
        }
        #expect(
            try answer(nil).errorResponse.errorCode == Int32(StatusCode.invalidArgument.rawValue)
        )
    }
}
