// The grammars of a row: prices, times, and what makes a row unusable.

import Testing

@testable import LoadKit

@Suite struct SaleTests {
    @Test(arguments: [
        ("2.55", 255), ("2.5", 250), ("2", 200), ("0.0", 0), ("0.001", 0), ("0.005", 1),
        ("0.0049", 0), ("1.995", 200), ("8142.75", 814_275), ("0.29", 29), ("1.15", 115),
        ("", nil), ("-1.00", nil), ("1,5", nil), (".5", nil), ("1.", nil), ("1e3", nil),
        ("1.2.3", nil), ("£1", nil), ("99999999999", nil),
    ])
    func `a price becomes pence by decimal digits alone`(_ text: String, _ pence: Int64?) {
        #expect(Sale.pence(text) == pence)
    }

    @Test(arguments: [
        ("1970-01-01 00:00:00", 0), ("2010-12-01 08:26:00", 1_291_191_960),
        ("2000-02-29 23:59:59", 951_868_799), ("2011-03-01 00:00:00", 1_298_937_600),
        ("2011-02-29 00:00:00", nil), ("2010-13-01 00:00:00", nil), ("2010-12-01", nil),
        ("2010-12-01 24:00:00", nil), ("2010-12-01T08:26:00", nil), ("2010-12-0a 08:26:00", nil),
    ])
    func `a time becomes seconds`(_ text: String, _ seconds: Int64?) {
        #expect(Sale.time(text) == seconds)
    }

    @Test func `the customer of a row loses its decimal`() throws {
        let sale = try row("1", "A", "5", "1.0", customer: "17850.0").get()
        #expect(sale.customer == "17850")
        #expect(try row("1", "A", "5", "1.0", customer: "").get().customer.isEmpty)
    }

    @Test(arguments: [
        ("", "A", "5", "1.0"), ("1", "", "5", "1.0"), ("1", "A", "0", "1.0"),
        ("1", "A", "x", "1.0"), ("1", "A", "1000001", "1.0"), ("1", "A", "5", "-1"),
        ("C1", "A", "5", "1.0"),
    ])
    func `a row that makes no sense is malformed`(
        _ invoice: String,
        _ sku: String,
        _ quantity: String,
        _ price: String,
    ) {
        #expect(throws: RowProblem.self) { try row(invoice, sku, quantity, price).get() }
    }

    @Test func `a row with other columns is malformed`() {
        let record = CSVRecord(line: 7, fields: ["1", "A", "5"])
        #expect(Sale.parse(record) == .failure(RowProblem("3 fields instead of 8")))
    }

    private func row(
        _ invoice: String,
        _ sku: String,
        _ quantity: String,
        _ price: String,
        customer: String = "1.0",
    ) -> Result<Sale, RowProblem> {
        let fields = [
            invoice, sku, "THING", quantity, "2010-12-01 08:26:00", price, customer, "Japan",
        ]
        return Sale.parse(CSVRecord(line: 2, fields: fields))
    }
}
