// Tables for people: columns under their headings, numbers to the right, two spaces between. No lines
// and no colours, so that a table can be pasted, searched and cut.

/// A table in plain text.
struct Table {
    /// A heading, and which side its values keep to.
    struct Column {
        var heading: String
        var isNumber = false

        /// A column of text.
        static func text(_ heading: String) -> Column { Column(heading: heading) }
        /// A column of numbers.
        static func number(_ heading: String) -> Column {
            Column(heading: heading, isNumber: true)
        }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row; a value that is missing at its end is left empty.
    mutating func add(_ values: [String]) {
        let values = values.map(printable)
        rows.append(values + Array(repeating: "", count: max(0, columns.count - values.count)))
    }

    /// The table, one line feed after each line, no spaces at the end of a line.
    var text: String {
        var widths = columns.map(\.heading.count)
        for row in rows {
            for index in widths.indices { widths[index] = max(widths[index], row[index].count) }
        }
        return ([columns.map(\.heading)] + rows)
            .map { row in
                let cells = columns.indices.map { index in
                    let space = String(repeating: " ", count: widths[index] - row[index].count)
                    return columns[index].isNumber ? space + row[index] : row[index] + space
                }
                var line = cells.joined(separator: "  ")
                while line.hasSuffix(" ") { line.removeLast() }
                return line + "\n"
            }
            .joined()
    }
}

/// Pairs of a name and a value, one per line, values aligned; empty values are left out.
func fieldsText(_ fields: [(String, String)]) -> String {
    let fields = fields.filter { !$0.1.isEmpty }
    let width = fields.map(\.0.count).max() ?? 0
    return
        fields
        .map { name, value in
            let space = String(repeating: " ", count: width - name.count)
            return "\(name)\(space)  \(printable(value))\n"
        }
        .joined()
}

/// The text with control characters spelled out.
///
/// A name that somebody chose must not be able to steer the terminal of whoever lists it.
func printable(_ text: String) -> String {
    let isControl = { (character: Unicode.Scalar) in
        character.properties.generalCategory == .control
            || character.properties.generalCategory == .format
    }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var safe = ""
    for character in text.unicodeScalars {
        if isControl(character) {
            safe += "\\u{\(String(character.value, radix: 16))}"
        } else {
            safe.unicodeScalars.append(character)
        }
    }
    return safe
}

/// A number with its noun, such as `1 row` and `2 rows`.
func counted(_ number: some BinaryInteger, _ noun: String) -> String {
    number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
}
