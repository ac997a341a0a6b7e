// Reads the values that a document should have, and collects everything that is wrong on the way.

/// An object under inspection.
package struct DocumentObject: Sendable {
    package let path: String
    package let place: DocumentPlace
    private let members: [String: DocumentValue]

    fileprivate init(_ path: String, _ place: DocumentPlace, _ members: [String: DocumentValue]) {
        self.path = path
        self.place = place
        self.members = members
    }

    /// A member; nil when it is missing or null.
    package subscript(_ name: String) -> DocumentValue? {
        guard let value = members[name], value.content != .null else { return nil }
        return value
    }

    /// The path of a member.
    package func path(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// Where a member stands, or where it is missing.
    package func place(_ name: String) -> DocumentPlace {
        if let value = members[name] { return value.place }
        return DocumentPlace(file: place.file, line: place.line)
    }
}

/// Collects the faults of documents.
///
/// Every method notes what is wrong and goes on with nil, so that all faults are found at once.
package struct DocumentReader {
    package private(set) var faults: [DocumentFault] = []

    package init() {}

    /// Notes a fault.
    package mutating func fail(_ place: DocumentPlace, _ path: String, _ text: String) {
        faults.append(DocumentFault(place, field: path, text))
    }

    /// Notes something that may be meant so.
    package mutating func warn(_ place: DocumentPlace, _ path: String, _ text: String) {
        faults.append(DocumentFault(place, field: path, text, isWarning: true))
    }

    package mutating func fail(_ object: DocumentObject, _ name: String, _ text: String) {
        fail(object.place(name), object.path(name), text)
    }

    /// Notes what another reader found.
    package mutating func add(_ found: [DocumentFault]) { faults += found }

    /// Whether anything is wrong that is not only a warning.
    package var hasErrors: Bool { faults.contains { !$0.isWarning } }

    // MARK: Structures

    /// An object with these members, of which others are a fault.
    package mutating func object(
        _ value: DocumentValue,
        _ path: String,
        _ known: Set<String>,
    ) -> DocumentObject? {
        guard case .object(let members) = value.content else {
            fail(value.place, path, "must be an object")
            return nil
        }
        var found: [String: DocumentValue] = [:]
        for member in members {
            let place = path.isEmpty ? member.name : "\(path).\(member.name)"
            if !known.contains(member.name) {
                let names = known.sorted().joined(separator: ", ")
                fail(member.value.place, place, "is not known here; there are \(names)")
            } else if found.updateValue(member.value, forKey: member.name) != nil {
                fail(member.value.place, place, "is there twice")
            }
        }
        return DocumentObject(path, value.place, found)
    }

    /// The elements of a list, with their paths; none when it is missing.
    package mutating func list(
        _ object: DocumentObject,
        _ name: String,
    ) -> [(value: DocumentValue, path: String)] {
        guard let value = object[name] else { return [] }
        guard case .list(let elements) = value.content else {
            fail(object, name, "must be a list")
            return []
        }
        return elements.enumerated().map { ($1, "\(object.path(name))[\($0)]") }
    }

    /// The words of a list, or of a text with spaces between them; none when it is missing.
    package mutating func words(
        _ object: DocumentObject,
        _ name: String,
    ) -> [(text: String, place: DocumentPlace, path: String)] {
        guard let value = object[name] else { return [] }
        if case .text(let text) = value.content {
            return text.split(whereSeparator: { $0 == " " || $0 == ";" })
                .map { (String($0), value.place, object.path(name)) }
        }
        var words: [(text: String, place: DocumentPlace, path: String)] = []
        for (element, path) in list(object, name) {
            if case .text(let text) = element.content {
                words.append((text, element.place, path))
            } else {
                fail(element.place, path, "must be a text")
            }
        }
        return words
    }

    // MARK: Values

    /// A text of at most `max` bytes of printable ASCII; without a `standard` it has to be there.
    package mutating func text(
        _ object: DocumentObject,
        _ name: String,
        max: Int,
        standard: String? = nil,
    ) -> String? {
        guard let value = object[name] else { return missing(object, name, standard) }
        guard case .text(let text) = value.content else {
            fail(object, name, "must be a text")
            return nil
        }
        if text.isEmpty, standard == nil { fail(object, name, "must not be empty") }
        if text.utf8.count > max {
            fail(object, name, "has \(text.utf8.count) bytes, at most \(max) are allowed")
        }
        if !text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) {
            fail(object, name, "must be printable ASCII")
        } else if text.first == " " || text.last == " " {
            fail(object, name, "must not begin or end with a space")
        }
        return text
    }

    /// A whole number in `range`; without a `standard` it has to be there.
    package mutating func number(
        _ object: DocumentObject,
        _ name: String,
        in range: ClosedRange<Int64>,
        standard: Int64? = nil,
    ) -> Int64? {
        guard let value = object[name] else { return missing(object, name, standard) }
        guard let text = numeral(value) else {
            fail(object, name, "must be a number")
            return nil
        }
        guard let number = Int64(text) else {
            fail(object, name, "is \(text), must be a whole number")
            return nil
        }
        guard range.contains(number) else {
            let bounds = "\(range.lowerBound) to \(range.upperBound)"
            let why =
                number < 0 && range.lowerBound == 0 ? "must not be negative" : "must be \(bounds)"
            fail(object, name, "is \(number), \(why)")
            return nil
        }
        return number
    }

    /// A whole number, or nil when it is missing: then there is no limit.
    package mutating func limit(
        _ object: DocumentObject,
        _ name: String,
        in range: ClosedRange<Int64>,
    ) -> Int64? {
        object[name] == nil ? nil : number(object, name, in: range)
    }

    /// Degrees within ±`max`, in millionths.
    package mutating func degrees(
        _ object: DocumentObject,
        _ name: String,
        max: Int32,
    ) -> Int32? {
        guard let value = object[name] else { return missing(object, name, nil) }
        guard let text = numeral(value), let degrees = Double(text), degrees.isFinite else {
            fail(object, name, "must be a number of degrees")
            return nil
        }
        guard abs(degrees) <= Double(max) else {
            fail(object, name, "is \(text), must be -\(max) to \(max)")
            return nil
        }
        return Int32((degrees * 1_000_000).rounded())
    }

    /// True or false; without a `standard` it has to be there.
    package mutating func bool(
        _ object: DocumentObject,
        _ name: String,
        standard: Bool?,
    ) -> Bool? {
        guard let value = object[name] else { return missing(object, name, standard) }
        switch value.content {
        case .bool(let value): return value
        case .text("true"), .text("yes"): return true
        case .text("false"), .text("no"): return false
        default:
            fail(object, name, "must be true or false")
            return nil
        }
    }

    private func numeral(_ value: DocumentValue) -> String? {
        switch value.content {
        case .number(let text): text
        // A table has only texts.
        case .text(let text) where value.place.column != nil: text
        default: nil
        }
    }

    private mutating func missing<Value>(
        _ object: DocumentObject,
        _ name: String,
        _ standard: Value?,
    ) -> Value? {
        if standard == nil { fail(object, name, "is missing") }
        return standard
    }
}
