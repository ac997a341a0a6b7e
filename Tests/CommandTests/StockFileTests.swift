// Files of stock: what a spreadsheet writes, and what must be refused before anything is sent.

import Testing

@testable import holdfast

@Suite struct StockFileTests {
    private func read(_ text: String, node: String? = nil) throws -> StockFile {
        try StockFile(Array(text.utf8), defaultNode: node)
    }

    private func problems(_ text: String) -> [StockFile.Problem] {
        do {
            _ = try read(text)
            return []
        } catch let refused as StockFile.Refused {
            return refused.problems
        } catch {
            return [.init(line: -1, why: "\(error)")]
        }
    }

    @Test func `columns come in any order and strange ones are passed over`() throws {
        let file = try read("Quantity,name,NODE,sku\n5,Mug,LDN-DC,85123A\n")
        let row = StockRow(line: 2, sku: "85123A", node: "LDN-DC", quantity: 5)
        #expect(file.rows == [row])
    }

    @Test func `a byte-order mark, CRLF, quotes and line feeds in quotes are understood`() throws {
        let text =
            "\u{feff}sku,node,quantity,name\r\n\"A,\"\"1\"\"\",N,1,\"two\r\nlines\"\r\nB,N,2,x"
        let file = try read(text)
        #expect(file.rows.map(\.sku) == ["A,\"1\"", "B"])
        #expect(file.rows.map(\.line) == [2, 4])
    }

    @Test func `safety is optional, by column and by row`() throws {
        let file = try read("sku,node,quantity,safety\nA,N,1,3\nB,N,1,\n")
        #expect(file.rows.map(\.safety) == [3, nil])
        #expect(file.safetySettings.map(\.row.sku) == ["A"])
    }

    @Test func `a node can be given for the whole file`() throws {
        #expect(try read("sku,quantity\nA,1\n", node: "N").rows.map(\.node) == ["N"])
    }

    @Test func `every wrong row is named with its line`() {
        let text = "sku,node,quantity\nA,N,1\nB,N,many\n,N,1\nC,N,-1\nD,N\n"
        #expect(problems(text).map(\.line) == [3, 4, 5, 6])
        #expect(problems(text).first?.why.contains("\"many\"") == true)
    }

    @Test(arguments: [
        ("", 1), ("sku,node\nA,N\n", 1), ("sku,node,quantity\n", 1),
        ("sku,sku,node,quantity\nA,A,N,1\n", 1), ("sku,node,quantity\n\"A,N,1\n", 2),
        ("sku,node,quantity\nA\"B,N,1\n", 2), ("sku,node,quantity\n\"A\"B,N,1\n", 2),
        ("sku,node,quantity,safety\nA,N,1,2\nA,N,1,3\n", 3),
        ("sku,node,quantity\nA,N,1000001\n", 2),
    ])
    func `a file that is wrong is refused as a whole`(text: String, line: Int) {
        #expect(problems(text).map(\.line) == [line])
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        let bytes = Array("sku,node,quantity\n".utf8) + [0xff, 0x2c, 0x4e, 0x2c, 0x31]
        #expect(throws: StockFile.Refused.self) { try StockFile(bytes) }
    }

    @Test func `the same bytes make the same keys and other bytes make others`() throws {
        let text = "sku,node,quantity\nA,N,1\nB,N,2\nC,N,0\n"
        let keys = try read(text).chunks(linesMax: 1).map(\.key)
        #expect(try read(text).chunks(linesMax: 1).map(\.key) == keys)
        #expect(Set(keys).count == 2)
        let other = try read(text + "D,N,1\n").chunks(linesMax: 1).map(\.key)
        #expect(Set(keys).isDisjoint(with: other))
        #expect(keys.allSatisfy { $0.utf8.count <= 128 })
    }

    @Test func `rows are sent in requests of 500, and rows without units not at all`() throws {
        let rows = (1...1_201).map { "S\($0),N,\($0 == 7 ? 0 : 1)\n" }.joined()
        let chunks = try read("sku,node,quantity\n" + rows).chunks()
        #expect(chunks.map(\.rows.count) == [500, 500, 200])
        #expect(!chunks.flatMap(\.rows).contains { $0.sku == "S7" })
    }
}
