// Refusals whose bytes are kept say the same as those that are made anew.

import Base
import Domain
import Promising
import RPC
import Testing

@testable import API

@Suite struct RefusalBookTests {
    private let book = RefusalBook()

    private func soldOut(_ requested: Int64, sku: String = "A") -> Refusal {
        .soldOut(
            line: 0,
            key: PositionKey(sku: sku, node: "LON"),
            requested: requested,
            available: 0,
        )
    }

    private func expectAlike(_ refusal: Refusal) {
        let kept = book.status(refusal)
        let new = Status(refusal)
        #expect(kept.code == new.code)
        #expect(kept.message == new.message)
        #expect(kept.details == new.details)
    }

    @Test func `every refusal is told as if there were no book, the second time too`() {
        for (refusal, _, _, _, _) in RefusalStatusTests.table {
            expectAlike(refusal)
            expectAlike(refusal)
        }
    }

    @Test func `refusals that differ in one figure are told apart`() {
        let one = book.status(soldOut(1))
        let two = book.status(soldOut(2))
        #expect(one.message != two.message || one.details != two.details)
        expectAlike(soldOut(1))
        expectAlike(soldOut(2))
        let key = PositionKey(sku: "A", node: "LON")
        expectAlike(.contended(line: 0, key: key, requested: 1, available: 0))
        #expect(book.status(soldOut(1)).code != Status(RefusalStatusTests.table[1].0).code)
    }

    @Test func `a book that is full goes on telling the truth`() {
        for number in 0..<1_000 { expectAlike(soldOut(1, sku: "S\(number)")) }
        for number in 0..<1_000 { expectAlike(soldOut(1, sku: "S\(number)")) }
    }
}
