// A sales file as a whole: its rows in order and the rows that cannot be used, each with its line.

/// The rows of a file.
package struct SalesFile: Sendable {
    package var sales: [Sale] = []
    package var malformed: [MalformedRow] = []

    /// Every row of the input ends in one class of the report.
    package var rows: Int { sales.count + malformed.count }

    /// Reads a `.csv` or `.csv.gz` file.
    ///
    /// - Parameter invoicesMax: rows behind so many invoices are left out as if the file ended.
    /// - Throws: when the file cannot be read or its first line is not the header.
    package static func load(
        _ path: String,
        invoicesMax: Int? = nil,
    ) throws(InputFailure) -> SalesFile {
        var collector = Collector(invoicesMax: invoicesMax ?? .max)
        var parser = CSVParser()
        try InputBytes.read(path) { piece in
            parser.consume(piece) { collector.take($0) }
        }
        parser.finish { collector.take($0) }
        guard collector.hasHeader else {
            throw InputFailure(
                description: "\(path) does not begin with the columns "
                    + Sale.header.joined(separator: ",")
            )
        }
        return collector.file
    }
}

private struct Collector {
    let invoicesMax: Int
    var file = SalesFile()
    var hasHeader = false
    private var isFirst = true
    private var invoices: Set<String> = []

    init(invoicesMax: Int) {
        self.invoicesMax = invoicesMax
    }

    mutating func take(_ record: CSVRecord) {
        if isFirst {
            isFirst = false
            hasHeader = record.fields.map(Self.withoutMark) == Sale.header
            return
        }
        let invoice = record.fields.first ?? ""
        if !invoices.contains(invoice) {
            if invoices.count >= invoicesMax { return }
            invoices.insert(invoice)
        }
        switch Sale.parse(record) {
        case .success(let sale): file.sales.append(sale)
        case .failure(let problem):
            file.malformed.append(MalformedRow(line: record.line, problem: problem.text))
        }
    }

    /// Spreadsheets begin their files with a byte order mark.
    private static func withoutMark(_ field: String) -> String {
        field.hasPrefix("\u{FEFF}") ? String(field.dropFirst()) : field
    }
}
