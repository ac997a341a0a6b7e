// Holds the parser against RFC 4180, with the input cut at every place.

import Testing

@testable import LoadKit

@Suite struct CSVParserTests {
    @Test(arguments: [
        ("a,b\nc,d\n", [["a", "b"], ["c", "d"]]),
        ("a,b\r\nc,d", [["a", "b"], ["c", "d"]]),
        ("\"a,b\",\"c\"\"d\"\n", [["a,b", "c\"d"]]),
        ("\"two\nlines\",x\r\n", [["two\nlines", "x"]]),
        (",\n", [["", ""]]),
        ("\"\",\"\"\n", [["", ""]]),
        ("\n\r\na\n", [["a"]]),
        ("", []),
        ("£ and ü,1\n", [["£ and ü", "1"]]),
        ("a,", [["a", ""]]),
        ("\"a\"", [["a"]]),
        ("a \n", [["a "]]),
    ])
    func `records keep to RFC 4180 however the input is cut`(
        _ text: String,
        _ expected: [[String]],
    ) {
        for cut in 0...text.utf8.count {
            let records = parse(text, cutAt: cut)
            #expect(records.map(\.fields) == expected, "cut at \(cut)")
            #expect(records.allSatisfy { $0.problem == nil }, "cut at \(cut)")
        }
    }

    @Test(arguments: [
        ("\"a\"b,c\n", "text after the end of a quoted field"),
        ("a\"b,c\n", "a quote inside a field that is not quoted"),
        ("\"a,b\n", "a quoted field does not end"),
    ])
    func `what breaks the rules is named`(_ text: String, _ problem: String) {
        #expect(parse(text, cutAt: 0).map(\.problem) == [problem])
    }

    @Test func `bytes that are not UTF-8 are named`() {
        var parser = CSVParser()
        var records: [CSVRecord] = []
        parser.consume([0x61, 0xA3, 0x0A]) { records.append($0) }
        #expect(records.map(\.problem) == ["text that is not UTF-8"])
    }

    @Test func `a record knows the line that it begins on`() {
        let records = parse("h\n\"a\nb\"\n\nc\n", cutAt: 3)
        #expect(records.map(\.line) == [1, 2, 5])
    }

    private func parse(_ text: String, cutAt cut: Int) -> [CSVRecord] {
        let bytes = Array(text.utf8)
        var parser = CSVParser()
        var records: [CSVRecord] = []
        parser.consume(bytes[..<cut]) { records.append($0) }
        parser.consume(bytes[cut...]) { records.append($0) }
        parser.finish { records.append($0) }
        return records
    }
}
