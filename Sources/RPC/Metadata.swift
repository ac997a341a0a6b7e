// What a caller and a handler say beside the message: an ordered list of names and values.
//
// Names of the protocol itself can neither be added here nor arrive here: they belong to the
// transport.

/// Why a name or value cannot be metadata.
package enum MetadataError: Error, Hashable, Sendable {
    /// The name belongs to the protocol (`grpc-*`, `:*`, `te`, `content-type`, ...).
    case reservedName(String)
    /// The name has a character other than `a-z 0-9 - _ .`, or none at all.
    case invalidName(String)
    /// The value has a character outside printable ASCII, or a space at an end.
    case invalidValue(name: String)
    /// Names of binary values end in `-bin`, all others do not.
    case wrongSuffix(String)
}

/// An ordered list of names and values; names are lower case and may repeat.
package struct Metadata: Hashable, Sendable {
    /// What a name stands for.
    package enum Value: Hashable, Sendable {
        /// Printable ASCII.
        case ascii(String)
        /// Any bytes; the name ends in `-bin`.
        case binary([UInt8])
    }

    /// One name with one value.
    package struct Entry: Hashable, Sendable {
        package let name: String
        package let value: Value
    }

    package private(set) var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }

    /// The first ASCII value of `name` (lower case).
    package subscript(name: String) -> String? {
        for entry in entries where entry.name == name {
            if case .ascii(let text) = entry.value { return text }
        }
        return nil
    }

    /// All ASCII values of `name` (lower case), in order.
    package func strings(_ name: String) -> [String] {
        entries.compactMap { entry in
            guard entry.name == name, case .ascii(let text) = entry.value else { return nil }
            return text
        }
    }

    /// All binary values of `name` (lower case, ending in `-bin`), in order.
    package func bytes(_ name: String) -> [[UInt8]] {
        entries.compactMap { entry in
            guard entry.name == name, case .binary(let bytes) = entry.value else { return nil }
            return bytes
        }
    }

    /// Adds an ASCII value; upper-case letters of the name are lowered.
    package mutating func add(_ name: String, _ value: String) throws(MetadataError) {
        let name = try Self.checked(name)
        if name.hasSuffix("-bin") { throw .wrongSuffix(name) }
        guard value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }),
            value.utf8.first != 0x20, value.utf8.last != 0x20
        else { throw .invalidValue(name: name) }
        entries.append(Entry(name: name, value: .ascii(value)))
    }

    /// Adds a binary value; the name ends in `-bin`.
    package mutating func add(_ name: String, bytes: [UInt8]) throws(MetadataError) {
        let name = try Self.checked(name)
        guard name.hasSuffix("-bin") else { throw .wrongSuffix(name) }
        entries.append(Entry(name: name, value: .binary(bytes)))
    }

    private static func checked(_ name: String) throws(MetadataError) -> String {
        let name = name.lowercased()
        if isReserved(name) { throw .reservedName(name) }
        let isValid = name.utf8.allSatisfy { character in
            switch character {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
        guard isValid, !name.isEmpty else { throw .invalidName(name) }
        return name
    }

    /// Names that the transport writes and reads itself, or that HTTP/2 forbids.
    static func isReserved(_ name: String) -> Bool {
        if name.hasPrefix("grpc-") || name.hasPrefix(":") { return true }
        return switch name {
        case "te", "content-type", "user-agent", "content-length", "accept-encoding", "host",
            "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
            true
        default: false
        }
    }

    // MARK: The wire

    /// Takes a field as it arrived; reserved names are passed over.
    ///
    /// False when a `-bin` value is
    /// not base64.
    mutating func receive(
        name: some Collection<UInt8>,
        value: some Collection<UInt8>,
    ) -> Bool {
        let name = String(decoding: name, as: UTF8.self)
        if Self.isReserved(name) { return true }
        guard name.hasSuffix("-bin") else {
            entries.append(
                Entry(name: name, value: .ascii(String(decoding: value, as: UTF8.self)))
            )
            return true
        }
        // Several values of one name may have been joined on the way.
        let parts = value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        for part in parts {
            let space = UInt8(ascii: " ")
            let trimmed = part.drop { $0 == space }.prefix { $0 != space }
            guard let bytes = Base64.decode(trimmed) else { return false }
            entries.append(Entry(name: name, value: .binary(bytes)))
        }
        return true
    }
}

extension Metadata.Value {
    /// The value as it is sent.
    var wireText: String {
        switch self {
        case .ascii(let text): text
        case .binary(let bytes): Base64.encode(bytes)
        }
    }
}
