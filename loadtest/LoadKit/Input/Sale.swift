// One row of the sales file, checked, and the three small grammars in it: whole units, prices,
// times. It must never round what it could refuse, but for the pence, which the server wants whole.

/// A row of the file.
package struct Sale: Hashable, Sendable {
    /// Where it stands, from 1; the header is line 1.
    package var line: Int
    package var invoice: String
    package var sku: String
    package var description: String
    /// Units, negative when they come back or are written off; never 0.
    package var quantity: Int64
    /// Seconds since 1970, the file's clock taken as UTC.
    package var time: Int64
    package var pence: Int64
    /// Empty: not known.
    package var customer: String
    package var country: String

    /// Whether its invoice is a credit note.
    package var isCredit: Bool { invoice.hasPrefix("C") }
}

/// A row that cannot be used.
package struct MalformedRow: Hashable, Sendable, Codable {
    package var line: Int
    package var problem: String
}

extension Sale {
    /// The names of the columns, in their order.
    package static let header = [
        "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
        "CustomerID", "Country",
    ]
    private static let unitsMax: Int64 = 1_000_000
    private static let skuBytesMax = 64
    private static let invoiceBytesMax = 32

    /// The row in a record, or what is wrong with it.
    package static func parse(_ record: CSVRecord) -> Result<Sale, RowProblem> {
        if let problem = record.problem { return .failure(RowProblem(problem)) }
        let fields = record.fields
        guard fields.count == header.count else {
            return .failure(RowProblem("\(fields.count) fields instead of \(header.count)"))
        }
        guard (1...invoiceBytesMax).contains(fields[0].utf8.count) else {
            return .failure(RowProblem("the invoice '\(fields[0])' is empty or too long"))
        }
        guard (1...skuBytesMax).contains(fields[1].utf8.count) else {
            return .failure(RowProblem("the stock code '\(fields[1])' is empty or too long"))
        }
        guard let units = Int64(fields[3]), units != 0, (-unitsMax...unitsMax).contains(units)
        else { return .failure(RowProblem("the quantity '\(fields[3])' is no number of units")) }
        guard let time = time(fields[4]) else {
            return .failure(RowProblem("the time '\(fields[4])' is not yyyy-mm-dd hh:mm:ss"))
        }
        guard let pence = pence(fields[5]) else {
            return .failure(RowProblem("the price '\(fields[5])' is no price"))
        }
        let sale = Sale(
            line: record.line,
            invoice: fields[0],
            sku: fields[1],
            description: fields[2],
            quantity: units,
            time: time,
            pence: pence,
            customer: customer(fields[6]),
            country: fields[7],
        )
        if sale.isCredit, units > 0 {
            return .failure(RowProblem("a credit note with a positive quantity"))
        }
        return .success(sale)
    }

    /// A decimal in pounds as whole pence, halves away from zero; nil when it is no price.
    ///
    /// Nothing passes through binary fractions. The one price of the data below a penny, 0.001,
    /// becomes 0.
    package static func pence(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), isDigits(parts[0]), parts[0].utf8.count <= 10 else {
            return nil
        }
        let fraction = parts.count == 2 ? parts[1] : "0"
        guard isDigits(fraction), let pounds = Int64(parts[0]) else { return nil }
        let digits = (fraction + "000").utf8.prefix(3).map { Int64($0 - UInt8(ascii: "0")) }
        return pounds * 100 + digits[0] * 10 + digits[1] + (digits[2] >= 5 ? 1 : 0)
    }

    /// Seconds since 1970 of `yyyy-mm-dd hh:mm:ss`; nil when it is no such time.
    package static func time(_ text: String) -> Int64? {
        let halves = text.split(separator: " ", omittingEmptySubsequences: false)
        guard halves.count == 2, text.utf8.count == 19 else { return nil }
        let date = halves[0].split(separator: "-").compactMap { isDigits($0) ? Int64($0) : nil }
        let clock = halves[1].split(separator: ":").compactMap { isDigits($0) ? Int64($0) : nil }
        guard date.count == 3, clock.count == 3, date[0] >= 1970, (1...12).contains(date[1]),
            (1...daysIn(month: date[1], year: date[0])).contains(date[2]), clock[0] < 24,
            clock[1] < 60, clock[2] < 60
        else { return nil }
        let days = days(year: date[0], month: date[1], day: date[2])
        return days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
    }

    /// `17850.0`, as the file has it, is customer 17850.
    private static func customer(_ text: String) -> String {
        text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= $0 }
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01: years begin in March, so that the leap day ends one.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

/// What is wrong with a row, in words.
package struct RowProblem: Error, Hashable {
    package var text: String

    package init(_ text: String) {
        self.text = text
    }
}
