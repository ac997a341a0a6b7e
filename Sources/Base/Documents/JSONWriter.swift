// Writes JSON in one way only, so that the same content is the same text.

/// Writes one document, member by member, in the order of the calls.
package struct JSONWriter {
    package private(set) var text = ""
    /// Whether something stands before the next element at this level.
    private var hasBefore = false

    package init() {}

    /// An object, or the next element that is one.
    package mutating func object(_ name: String? = nil, _ body: (inout JSONWriter) -> Void) {
        nested(name, "{", "}", body)
    }

    /// A list.
    package mutating func list(_ name: String? = nil, _ body: (inout JSONWriter) -> Void) {
        nested(name, "[", "]", body)
    }

    package mutating func add(_ name: String? = nil, _ value: String) {
        begin(name)
        appendQuoted(value)
    }

    package mutating func add(_ name: String? = nil, _ value: Int64) {
        begin(name)
        text += String(value)
    }

    /// Null where there is none.
    package mutating func add(_ name: String? = nil, optional value: Int64?) {
        begin(name)
        text += value.map { String($0) } ?? "null"
    }

    package mutating func add(_ name: String? = nil, _ value: Bool) {
        begin(name)
        text += value ? "true" : "false"
    }

    package mutating func add(_ name: String? = nil, _ values: [String]) {
        list(name) { list in for value in values { list.add(nil, value) } }
    }

    /// Millionths as a number with up to six decimals.
    package mutating func add(_ name: String? = nil, millionths value: Int32) {
        begin(name)
        let magnitude = value.magnitude
        var fraction = String(magnitude % 1_000_000)
        fraction = String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        while fraction.last == "0" { fraction.removeLast() }
        text += (value < 0 ? "-" : "") + String(magnitude / 1_000_000)
        if !fraction.isEmpty { text += "." + fraction }
    }

    /// A value that is JSON already.
    package mutating func add(_ name: String? = nil, json: String) {
        begin(name)
        text += json
    }

    private mutating func nested(
        _ name: String?,
        _ open: String,
        _ close: String,
        _ body: (inout JSONWriter) -> Void,
    ) {
        begin(name)
        text += open
        hasBefore = false
        body(&self)
        text += close
        hasBefore = true
    }

    private mutating func begin(_ name: String?) {
        if hasBefore { text += "," }
        hasBefore = true
        if let name {
            appendQuoted(name)
            text += ":"
        }
    }

    private mutating func appendQuoted(_ value: String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
