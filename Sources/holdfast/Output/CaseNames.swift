// The cases of the protocol's enumerations, as people write and read them.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// The name of a case as the protocol writes it, without what all its cases share: `HELD`.
func caseName(_ value: some SwiftProtobuf.Enum) -> String {
    let name = "\(value)"
    // A newer server may send cases that this program does not know.
    if name.hasPrefix("UNRECOGNIZED") { return "\(value.rawValue)" }
    var text = ""
    for character in name {
        if character.isUppercase { text += "_" }
        text += character.uppercased()
    }
    return text
}

/// A case as an argument: `partially-shipped`.
struct CaseArgument<Value: SwiftProtobuf.Enum & CaseIterable>: ExpressibleByArgument {
    let value: Value

    init?(argument: String) {
        guard let value = Self.named.first(where: { $0.0 == argument })?.1 else { return nil }
        self.value = value
    }

    private static var named: [(String, Value)] {
        Value.allCases
            .filter { $0.rawValue != 0 }
            .map { (caseName($0).lowercased().replacing("_", with: "-"), $0) }
    }

    static var allValueStrings: [String] { named.map(\.0) }
}
