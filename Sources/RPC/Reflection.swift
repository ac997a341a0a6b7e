// The reflection protocol of gRPC, asked by tools that have no .proto files. Both versions that are in
// use are served; their messages are the same on the wire.

internal import SwiftProtobuf

/// Answers what a server offers and what its messages look like.
struct ReflectionService: Sendable {
    typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    private static let serviceNames = [
        "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    ]
    /// The largest question; the answer carries it back.
    private static let requestBytesMax = 4_096

    private let index: DescriptorIndex
    private let services: [String]

    /// - Parameters:
    ///   - index: the descriptors of what is served.
    ///   - services: full names of what is served, those of reflection aside.
    init(index: DescriptorIndex, services: [String]) {
        self.index = index
        self.services = (services + Self.serviceNames).sorted()
    }

    /// Adds both versions of the service.
    func register(in registry: inout ServiceRegistry) {
        for service in Self.serviceNames {
            registry.bidirectional(
                service: service,
                method: "ServerReflectionInfo",
                messageBytesMax: Self.requestBytesMax,
            ) { requests, replies, _ async throws(Status) in
                // One question at a time: who does not read its answers is asked nothing more.
                while let message = try await requests.next() {
                    try await replies.send(try self.answer(message.bytes))
                }
            }
        }
    }

    private func answer(_ message: [UInt8]) throws(Status) -> [UInt8] {
        do {
            return try answer(Request(serializedBytes: message)).serializedBytes()
        } catch {
            throw Status(.invalidArgument, "the request is no ServerReflectionRequest")
        }
    }

    /// Answers one question; what is not there is an answer too, and the stream goes on.
    func answer(_ request: Request) -> Response {
        var response = Response()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = services.map { name in
                var service = Grpc_Reflection_V1_ServiceResponse()
                service.name = name
                return service
            }
        case .fileByFilename(let name):
            response.setFiles(index.files(named: name), missing: "file \(name)")
        case .fileContainingSymbol(let symbol):
            response.setFiles(index.files(defining: symbol), missing: "symbol \(symbol)")
        case .fileContainingExtension(let wanted):
            response.setFiles(
                index.files(extending: wanted.containingType, number: wanted.extensionNumber),
                missing: "extension \(wanted.extensionNumber) of \(wanted.containingType)",
            )
        case .allExtensionNumbersOfType(let type):
            if let numbers = index.extensionNumbers(of: type) {
                response.allExtensionNumbersResponse.baseTypeName = type
                response.allExtensionNumbersResponse.extensionNumber = numbers
            } else {
                response.setError(.notFound, "unknown message \(type)")
            }
        case nil:
            response.setError(.invalidArgument, "the request asks nothing")
        }
        return response
    }
}

extension Grpc_Reflection_V1_ServerReflectionResponse {
    fileprivate mutating func setFiles(_ files: [[UInt8]]?, missing what: String) {
        if let files {
            fileDescriptorResponse.fileDescriptorProto = files.map { collected($0) }
        } else {
            setError(.notFound, "unknown \(what)")
        }
    }

    fileprivate mutating func setError(_ code: StatusCode, _ message: String) {
        errorResponse.errorCode = Int32(code.rawValue)
        errorResponse.errorMessage = message
    }
}
