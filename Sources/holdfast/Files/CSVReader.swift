// Comma-separated values as RFC 4180 has them: quotes, doubled quotes, line feeds within quotes, CRLF
// or LF, and the byte-order mark that spreadsheets put in front.

internal import Foundation

/// One record of a file.
struct CSVRecord: Equatable {
    /// The line of the file that it begins on, from 1.
    var line: Int
    var fields: [String]
}

/// Why bytes are no such file.
struct CSVError: Error, Equatable {
    var line: Int
    var why: String
}

/// Splits bytes into records; empty lines are passed over.
func readCSV(_ bytes: [UInt8]) throws(CSVError) -> [CSVRecord] {
    var reader = CSVReader(bytes)
    return try reader.readAll()
}

private struct CSVReader {
    private let bytes: [UInt8]
    private var index = 0
    private var line = 1

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
    }

    mutating func readAll() throws(CSVError) -> [CSVRecord] {
        var records: [CSVRecord] = []
        while index < bytes.count {
            let start = line
            let fields = try readRecord()
            if fields != [""] { records.append(CSVRecord(line: start, fields: fields)) }
        }
        return records
    }

    private mutating func readRecord() throws(CSVError) -> [String] {
        var fields: [String] = []
        while true {
            fields.append(try readField())
            guard index < bytes.count else { return fields }
            let end = bytes[index]
            index += 1
            if end == Self.comma { continue }
            if end == Self.carriageReturn, index < bytes.count, bytes[index] == Self.lineFeed {
                index += 1
            }
            line += 1
            return fields
        }
    }

    /// Reads a field up to what ends it, which stays unread.
    private mutating func readField() throws(CSVError) -> String {
        if index < bytes.count, bytes[index] == Self.quote { return try readQuoted() }
        let start = index
        while index < bytes.count, !isEnd(bytes[index]) {
            if bytes[index] == Self.quote {
                throw CSVError(line: line, why: "a quote in a field that does not begin with one")
            }
            index += 1
        }
        return try text(bytes[start..<index])
    }

    private mutating func readQuoted() throws(CSVError) -> String {
        let start = line
        var content: [UInt8] = []
        index += 1
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == Self.quote else {
                if byte == Self.lineFeed { line += 1 }
                content.append(byte)
                continue
            }
            if index < bytes.count, bytes[index] == Self.quote {
                content.append(Self.quote)
                index += 1
                continue
            }
            guard index == bytes.count || isEnd(bytes[index]) else {
                throw CSVError(line: line, why: "text after a closing quote")
            }
            return try text(content[...])
        }
        throw CSVError(line: start, why: "a quote is never closed")
    }

    private func isEnd(_ byte: UInt8) -> Bool {
        byte == Self.comma || byte == Self.lineFeed || byte == Self.carriageReturn
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(CSVError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CSVError(line: line, why: "not UTF-8")
        }
        return text
    }
}
