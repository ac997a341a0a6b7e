// A file of stock to receive. It is read and checked as a whole before anything is sent: a file with
// one wrong row changes nothing.

internal import Base
internal import Crypto

/// One row of stock.
struct StockRow: Equatable {
    /// Where the row begins in the file, from 1.
    var line: Int
    var sku: String
    var node: String
    /// Units that arrived; 0 brings nothing.
    var quantity: Int64
    /// Units to withhold from now on; nil leaves them as they are.
    var safety: Int64?
}

/// A file of stock that has been checked.
struct StockFile: Equatable {
    /// Rows in the order of the file.
    var rows: [StockRow]
    /// Names the content: the same bytes have the same digest.
    var digest: String

    /// One row, or the file, that is wrong.
    struct Problem: Equatable {
        var line: Int
        var why: String
    }

    /// What is wrong with a file, in the order of its lines.
    struct Refused: Error, Equatable {
        var problems: [Problem]
    }

    /// The columns that mean something; others are passed over.
    private enum Column: String, CaseIterable {
        case sku
        case node
        case quantity
        case safety
    }

    /// Reads and checks a whole file.
    ///
    /// - Parameter defaultNode: the node of rows when the file has no such column.
    init(_ bytes: [UInt8], defaultNode: String? = nil) throws(Refused) {
        let records: [CSVRecord]
        do {
            records = try readCSV(bytes)
        } catch {
            throw Refused(problems: [Problem(line: error.line, why: error.why)])
        }
        guard let header = records.first else {
            throw Refused(problems: [Problem(line: 1, why: "the file is empty")])
        }
        let places = try Self.places(header, hasDefaultNode: defaultNode != nil)
        var rows: [StockRow] = []
        var problems: [Problem] = []
        for record in records.dropFirst() {
            guard record.fields.count == header.fields.count else {
                let why = "\(record.fields.count) fields, the header has \(header.fields.count)"
                problems.append(Problem(line: record.line, why: why))
                continue
            }
            let value = { (column: Column) in places[column].map { record.fields[$0] } }
            let row = Self.row(record.line, value, defaultNode, &problems)
            if let row { rows.append(row) }
        }
        if rows.isEmpty, problems.isEmpty {
            problems.append(Problem(line: header.line, why: "a header and no rows"))
        }
        problems += Self.conflicts(rows)
        if !problems.isEmpty {
            throw Refused(problems: problems.sorted { $0.line < $1.line })
        }
        self.rows = rows
        digest = SHA256.hash(data: bytes).prefix(16).map(hex).joined()
    }

    private static func places(
        _ header: CSVRecord,
        hasDefaultNode: Bool,
    ) throws(Refused) -> [Column: Int] {
        var places: [Column: Int] = [:]
        var problems: [Problem] = []
        for (index, name) in header.fields.enumerated() {
            guard let column = Column(rawValue: trimmed(name).lowercased()) else { continue }
            if places.updateValue(index, forKey: column) != nil {
                problems.append(
                    Problem(line: header.line, why: "two columns \(column.rawValue)")
                )
            }
        }
        var required: [Column] = [.sku, .quantity]
        if !hasDefaultNode { required.append(.node) }
        for column in required where places[column] == nil {
            problems.append(
                Problem(line: header.line, why: "the header has no column \(column.rawValue)")
            )
        }
        if !problems.isEmpty { throw Refused(problems: problems) }
        return places
    }

    private static func row(
        _ line: Int,
        _ value: (Column) -> String?,
        _ defaultNode: String?,
        _ problems: inout [Problem],
    ) -> StockRow? {
        var reasons: [String] = []
        let sku = trimmed(value(.sku) ?? "")
        let node = trimmed(value(.node) ?? defaultNode ?? "")
        for (name, text) in [("sku", sku), ("node", node)]
        where text.isEmpty || text.utf8.count > Limits.nameBytesMax {
            reasons.append("\(name) must have 1 to \(Limits.nameBytesMax) bytes")
        }
        let quantity = number("quantity", value(.quantity) ?? "", &reasons)
        var safety: Int64?
        if let text = value(.safety), !trimmed(text).isEmpty {
            safety = number("safety", text, &reasons)
        }
        problems += reasons.map { Problem(line: line, why: $0) }
        guard reasons.isEmpty, let quantity else { return nil }
        return StockRow(line: line, sku: sku, node: node, quantity: quantity, safety: safety)
    }

    private static func number(
        _ name: String,
        _ text: String,
        _ reasons: inout [String],
    ) -> Int64? {
        if let number = Int64(trimmed(text)), (0...Limits.quantityMax).contains(number) {
            return number
        }
        reasons.append(
            "\(name) \"\(text)\" must be a whole number, 0 to \(Limits.quantityMax)"
        )
        return nil
    }

    /// Rows that withhold different numbers of the same units.
    private static func conflicts(_ rows: [StockRow]) -> [Problem] {
        var first: [[String]: StockRow] = [:]
        return rows.compactMap { row in
            guard let safety = row.safety else { return nil }
            let key = [row.sku, row.node]
            guard let earlier = first[key] else {
                first[key] = row
                return nil
            }
            if earlier.safety == safety { return nil }
            return Problem(
                line: row.line,
                why: "safety differs from line \(earlier.line) for the same SKU and node",
            )
        }
    }

    // MARK: Requests

    /// Rows of one request to receive.
    struct Chunk: Equatable {
        /// The same file gives the same keys, so that a second import changes nothing.
        var key: String
        var rows: [StockRow]
    }

    /// The rows that bring units, in requests of as many lines as a server takes.
    func chunks(linesMax: Int = Limits.linesMax) -> [Chunk] {
        let rows = rows.filter { $0.quantity > 0 }
        return stride(from: 0, to: rows.count, by: linesMax)
            .map { start in
                Chunk(
                    key: "import:\(digest):\(linesMax):\(start / linesMax)",
                    rows: Array(rows[start..<min(start + linesMax, rows.count)]),
                )
            }
    }

    /// The rows that say how many units to withhold, each position once, with their keys.
    var safetySettings: [(key: String, row: StockRow)] {
        var seen: Set<[String]> = []
        return rows.compactMap { row in
            guard row.safety != nil, seen.insert([row.sku, row.node]).inserted else { return nil }
            return ("import:\(digest):safety:\(row.line)", row)
        }
    }
}

private func trimmed(_ text: String) -> String {
    var part = text[...]
    while part.first == " " || part.first == "\t" { part = part.dropFirst() }
    while part.last == " " || part.last == "\t" { part = part.dropLast() }
    return String(part)
}

private func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
}
