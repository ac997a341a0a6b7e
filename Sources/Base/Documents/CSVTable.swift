// Reads comma-separated values (RFC 4180: quotes, doubled quotes, line feeds within quotes, CRLF or LF,
// a byte-order mark) into rows whose values know their lines and columns.

/// A table: a header and rows.
package struct CSVTable: Sendable {
    /// A row: the value of each column that is not empty.
    package typealias Row = DocumentValue

    /// In the order of the file; every value is a text.
    package private(set) var rows: [Row] = []

    /// Reads a whole file; a row with more or fewer fields than the header is a fault.
    package init(_ text: String, file: String, columns: Set<String>) throws(DocumentFaults) {
        var splitter = CSVSplitter(Array(text.utf8), file: file)
        let records = try splitter.records()
        guard let header = records.first else {
            throw DocumentFaults(
                DocumentFault(DocumentPlace(file: file, line: 1), field: "", "is empty")
            )
        }
        var faults: [DocumentFault] = []
        var names: [String] = []
        for field in header.fields {
            let name = trimmed(field).lowercased()
            let place = DocumentPlace(file: file, line: header.line)
            if !columns.contains(name) {
                let known = columns.sorted().joined(separator: ", ")
                faults.append(
                    DocumentFault(place, field: name, "is no column of it; there are \(known)")
                )
            } else if names.contains(name) {
                faults.append(DocumentFault(place, field: name, "is there twice"))
            }
            names.append(name)
        }
        for record in records.dropFirst() {
            let place = DocumentPlace(file: file, line: record.line)
            if record.fields.count != names.count {
                let why = "has \(record.fields.count) fields, the header has \(names.count)"
                faults.append(DocumentFault(place, field: "", why))
                continue
            }
            var members: [DocumentMember] = []
            for (name, field) in zip(names, record.fields) where !trimmed(field).isEmpty {
                let place = DocumentPlace(file: file, line: record.line, column: name)
                members.append(DocumentMember(name, DocumentValue(.text(trimmed(field)), place)))
            }
            rows.append(DocumentValue(.object(members), place))
        }
        if !faults.isEmpty { throw DocumentFaults(faults) }
    }
}

/// All that is wrong with a document.
package struct DocumentFaults: Error, Hashable, Sendable {
    package var faults: [DocumentFault]

    package init(_ faults: [DocumentFault]) {
        self.faults = faults
    }

    package init(_ fault: DocumentFault) {
        faults = [fault]
    }
}

private struct CSVSplitter {
    private let bytes: [UInt8]
    private let file: String
    private var index = 0
    private var line = 1

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
    }

    /// Empty lines are passed over.
    mutating func records() throws(DocumentFaults) -> [(line: Int, fields: [String])] {
        var records: [(line: Int, fields: [String])] = []
        while index < bytes.count {
            let start = line
            let fields = try record()
            if fields != [""] { records.append((start, fields)) }
        }
        return records
    }

    private func fault(_ text: String, line: Int) -> DocumentFaults {
        DocumentFaults(DocumentFault(DocumentPlace(file: file, line: line), field: "", text))
    }

    private mutating func record() throws(DocumentFaults) -> [String] {
        var fields: [String] = []
        while true {
            fields.append(try field())
            guard index < bytes.count else { return fields }
            let end = bytes[index]
            index += 1
            if end == UInt8(ascii: ",") { continue }
            if end == UInt8(ascii: "\r"), index < bytes.count, bytes[index] == UInt8(ascii: "\n") {
                index += 1
            }
            line += 1
            return fields
        }
    }

    private mutating func field() throws(DocumentFaults) -> String {
        var content: [UInt8] = []
        let start = line
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
            while index < bytes.count, !isEnd(bytes[index]) {
                content.append(bytes[index])
                index += 1
            }
            return try text(content)
        }
        index += 1
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\n") { line += 1 }
            guard byte == UInt8(ascii: "\"") else {
                content.append(byte)
                continue
            }
            if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
                content.append(byte)
                index += 1
                continue
            }
            guard index == bytes.count || isEnd(bytes[index]) else {
                throw fault("text after a closing quote", line: line)
            }
            return try text(content)
        }
        throw fault("a quote is never closed", line: start)
    }

    private func isEnd(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    private func text(_ bytes: [UInt8]) throws(DocumentFaults) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw fault("not UTF-8", line: line)
        }
        return text
    }
}

private func trimmed(_ text: String) -> String {
    var part = text[...]
    while part.first == " " || part.first == "\t" { part = part.dropFirst() }
    while part.last == " " || part.last == "\t" { part = part.dropLast() }
    return String(part)
}
