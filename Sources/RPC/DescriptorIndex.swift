// Which file of a descriptor set defines what: the knowledge behind reflection. Pure, and built once;
// it knows nothing of calls.

internal import SwiftProtobuf

/// Why a descriptor set cannot be used.
package enum DescriptorSetError: Error, Hashable, Sendable {
    /// The bytes are no `google.protobuf.FileDescriptorSet`.
    case malformed
    /// A file imports one that is not in the set.
    case missingImport(file: String, imported: String)
}

/// The files of a descriptor set, by what they define.
package struct DescriptorIndex: Sendable {
    private struct File {
        /// A serialized `google.protobuf.FileDescriptorProto`.
        let bytes: [UInt8]
        /// Places of the files that it imports.
        var imports: [Int] = []
    }

    private var files: [File] = []
    private var fileByName: [String: Int] = [:]
    private var fileBySymbol: [String: Int] = [:]
    private var messages: Set<String> = []
    /// For each extended message: the numbers of its extensions, with the file of each.
    private var extensions: [String: [Int32: Int]] = [:]

    /// Reads a serialized `google.protobuf.FileDescriptorSet`, as `protoc --include_imports` writes it.
    package init(descriptorSet: [UInt8]) throws(DescriptorSetError) {
        let protos: [Google_Protobuf_FileDescriptorProto]
        do {
            protos = try Google_Protobuf_FileDescriptorSet(serializedBytes: descriptorSet).file
            files = try protos.map { File(bytes: try $0.serializedBytes()) }
        } catch {
            throw .malformed
        }
        for (place, proto) in protos.enumerated() { fileByName[proto.name] = place }
        for (place, proto) in protos.enumerated() {
            for name in proto.dependency {
                guard let imported = fileByName[name] else {
                    throw .missingImport(file: proto.name, imported: name)
                }
                files[place].imports.append(imported)
            }
            add(proto, place)
        }
    }

    // MARK: Questions

    /// The file of that name, then all that it imports, directly or not; nil when there is none.
    package func files(named name: String) -> [[UInt8]]? {
        fileByName[name].map(withImports)
    }

    /// The file that defines a full name, with its imports.
    ///
    /// The name of a service, method, message, field, oneof, enum, enum value or extension. As in
    /// all of protobuf, an enum's value stands beside its enum, not within it.
    package func files(defining symbol: String) -> [[UInt8]]? {
        fileBySymbol[symbol].map(withImports)
    }

    /// The file that defines an extension of a message, with its imports.
    package func files(extending message: String, number: Int32) -> [[UInt8]]? {
        extensions[message]?[number].map(withImports)
    }

    /// The numbers of all extensions of a message, ascending; nil when there is no such message.
    package func extensionNumbers(of message: String) -> [Int32]? {
        guard messages.contains(message) else { return nil }
        return extensions[message, default: [:]].keys.sorted()
    }

    private func withImports(_ first: Int) -> [[UInt8]] {
        var places = [first]
        var next = 0
        while next < places.count {
            for place in files[places[next]].imports where !places.contains(place) {
                places.append(place)
            }
            next += 1
        }
        return places.map { files[$0].bytes }
    }

    // MARK: Building

    private mutating func add(_ proto: Google_Protobuf_FileDescriptorProto, _ place: Int) {
        let scope = proto.package.isEmpty ? "" : proto.package + "."
        for message in proto.messageType { add(message, scope, place) }
        for enumeration in proto.enumType { add(enumeration, scope, place) }
        for field in proto.`extension` { addExtension(field, scope, place) }
        for service in proto.service {
            fileBySymbol[scope + service.name] = place
            for method in service.method {
                fileBySymbol[scope + service.name + "." + method.name] = place
            }
        }
    }

    private mutating func add(
        _ message: Google_Protobuf_DescriptorProto,
        _ scope: String,
        _ place: Int,
    ) {
        let name = scope + message.name
        let within = name + "."
        messages.insert(name)
        fileBySymbol[name] = place
        for field in message.field { fileBySymbol[within + field.name] = place }
        for oneof in message.oneofDecl { fileBySymbol[within + oneof.name] = place }
        for nested in message.nestedType { add(nested, within, place) }
        for enumeration in message.enumType { add(enumeration, within, place) }
        for field in message.`extension` { addExtension(field, within, place) }
    }

    private mutating func add(
        _ enumeration: Google_Protobuf_EnumDescriptorProto,
        _ scope: String,
        _ place: Int,
    ) {
        fileBySymbol[scope + enumeration.name] = place
        for value in enumeration.value { fileBySymbol[scope + value.name] = place }
    }

    private mutating func addExtension(
        _ field: Google_Protobuf_FieldDescriptorProto,
        _ scope: String,
        _ place: Int,
    ) {
        fileBySymbol[scope + field.name] = place
        // protoc writes a resolved name with a dot before it.
        let extended = String(field.extendee.drop { $0 == "." })
        extensions[extended, default: [:]][field.number] = place
    }
}
