// A document as people write it, JSON or rows of CSV, with the place of every value, so that whoever
// finds something wrong can say where.

/// Where something stands in a document.
package struct DocumentPlace: Hashable, Sendable {
    /// The file, as whoever sent it calls it.
    package var file: String
    /// From 1.
    package var line: Int
    /// The column of a table; nil: the path of the value says it.
    package var column: String?

    package init(file: String, line: Int, column: String? = nil) {
        self.file = file
        self.line = line
        self.column = column
    }
}

/// A value of a document.
package struct DocumentValue: Hashable, Sendable {
    /// What it is.
    package enum Content: Hashable, Sendable {
        case null
        case bool(Bool)
        /// As it was written.
        case number(String)
        case text(String)
        case list([DocumentValue])
        /// In the order of the document; a name may be there twice.
        case object([DocumentMember])
    }

    package var content: Content
    package var place: DocumentPlace

    package init(_ content: Content, _ place: DocumentPlace) {
        self.content = content
        self.place = place
    }
}

/// A member of an object.
package struct DocumentMember: Hashable, Sendable {
    package var name: String
    package var value: DocumentValue

    package init(_ name: String, _ value: DocumentValue) {
        self.name = name
        self.value = value
    }
}

/// Something that is wrong with a document, and where.
package struct DocumentFault: Error, Hashable, Sendable {
    package var place: DocumentPlace
    /// The path of the value, such as `nodes[3].calendar[1].opens`, or a table's column.
    package var field: String
    package var text: String
    /// True: it may be meant so.
    package var isWarning: Bool

    package init(_ place: DocumentPlace, field: String, _ text: String, isWarning: Bool = false) {
        self.place = place
        self.field = place.column ?? field
        self.text = text
        self.isWarning = isWarning
    }
}

extension DocumentFault: CustomStringConvertible {
    package var description: String {
        let position = place.file.isEmpty ? "line \(place.line)" : "\(place.file):\(place.line)"
        return field.isEmpty ? "\(position): \(text)" : "\(position): \(field): \(text)"
    }
}
