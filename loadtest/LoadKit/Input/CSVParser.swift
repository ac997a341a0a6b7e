// Comma-separated values as RFC 4180 has them, fed in pieces of any size. Knows nothing of columns
// and must never guess: what breaks the rules becomes a record that says so.

/// One record: its fields, the line that it begins on, and what is wrong with it.
package struct CSVRecord: Hashable, Sendable {
    /// Counts from 1; a quoted field may span several lines.
    package var line: Int
    package var fields: [String]
    /// Nil when the record keeps to the rules.
    package var problem: String?

    package init(line: Int, fields: [String], problem: String? = nil) {
        self.line = line
        self.fields = fields
        self.problem = problem
    }
}

/// A parser of CSV: bytes in, records out.
package struct CSVParser {
    private enum State {
        case fieldStart
        case bare
        case quoted
        /// A quote inside a quoted field: its end, or the first of two.
        case quoteSeen
    }

    private var state = State.fieldStart
    private var line = 1
    private var recordLine = 1
    private var field: [UInt8] = []
    private var fields: [String] = []
    private var problem: String?
    /// True while the last field of a record ends: only there a carriage return is a line break's.
    private var isRecordEnding = false

    package init() {}

    /// Takes the next bytes and gives every record that they complete.
    package mutating func consume(_ bytes: some Sequence<UInt8>, _ emit: (CSVRecord) -> Void) {
        for byte in bytes {
            step(byte, emit)
        }
    }

    /// Gives the last record when the input does not end with a line break.
    package mutating func finish(_ emit: (CSVRecord) -> Void) {
        if state == .quoted {
            problem = problem ?? "a quoted field does not end"
        }
        if state != .fieldStart || !fields.isEmpty {
            endRecord(emit)
        }
    }

    private mutating func step(_ byte: UInt8, _ emit: (CSVRecord) -> Void) {
        if byte == UInt8(ascii: "\n") { line += 1 }
        switch (state, byte) {
        case (.quoted, UInt8(ascii: "\"")):
            state = .quoteSeen
        case (.quoted, _):
            field.append(byte)
        case (.quoteSeen, UInt8(ascii: "\"")):
            field.append(byte)
            state = .quoted
        case (_, UInt8(ascii: ",")):
            endField()
        case (.fieldStart, UInt8(ascii: "\n")) where fields.isEmpty:
            // An empty line is no record; a carriage return may be all that it has.
            field.removeAll(keepingCapacity: true)
            recordLine = line
        case (_, UInt8(ascii: "\n")):
            endRecord(emit)
        case (.fieldStart, UInt8(ascii: "\"")) where field.isEmpty:
            state = .quoted
        case (.quoteSeen, UInt8(ascii: "\r")):
            break
        case (.quoteSeen, _):
            problem = problem ?? "text after the end of a quoted field"
            field.append(byte)
            state = .bare
        case (_, UInt8(ascii: "\"")):
            problem = problem ?? "a quote inside a field that is not quoted"
            field.append(byte)
        default:
            field.append(byte)
            if byte != UInt8(ascii: "\r") { state = .bare }
        }
    }

    private mutating func endField() {
        if state != .quoteSeen, field.last == UInt8(ascii: "\r"), isRecordEnding {
            field.removeLast()
        }
        if let text = String(validating: field, as: UTF8.self) {
            fields.append(text)
        } else {
            fields.append(String(decoding: field, as: UTF8.self))
            problem = problem ?? "text that is not UTF-8"
        }
        field.removeAll(keepingCapacity: true)
        state = .fieldStart
    }

    private mutating func endRecord(_ emit: (CSVRecord) -> Void) {
        isRecordEnding = true
        endField()
        isRecordEnding = false
        emit(CSVRecord(line: recordLine, fields: fields, problem: problem))
        fields.removeAll(keepingCapacity: true)
        problem = nil
        recordLine = line
    }
}
