// Tables, lists of fields and JSON as commands print them.

import Foundation
import Messages
import Testing

@testable import holdfast

@Suite struct TableTests {
    @Test func `text keeps left, numbers keep right, and no line ends in spaces`() {
        var table = Table([.text("SKU"), .number("ON HAND"), .text("NOTE")])
        table.add(["85123A", "7", ""])
        table.add(["BANK CHARGES", "1200000", "late"])
        #expect(
            table.text == """
                SKU           ON HAND  NOTE
                85123A              7
                BANK CHARGES  1200000  late

                """
        )
    }

    @Test func `a row that is too short is filled up`() {
        var table = Table([.text("A"), .text("B")])
        table.add(["x"])
        #expect(table.text == "A  B\nx\n")
    }

    @Test func `a name cannot steer the terminal`() {
        var table = Table([.text("SKU")])
        table.add(["\u{1b}[31mred\nnext\u{202e}"])
        #expect(table.text == "SKU\n\\u{1b}[31mred\\u{a}next\\u{202e}\n")
    }

    @Test func `fields are aligned and empty ones left out`() {
        let text = fieldsText([("order", "1"), ("customer", ""), ("external id", "W-1")])
        #expect(text == "order        1\nexternal id  W-1\n")
    }

    @Test func `JSON has the names of the protocol, numbers as numbers, and zeros`() throws {
        var position = Holdfast_V1_Position()
        position.sku = "A"
        position.node = "N"
        position.onHand = 7
        var answer = Holdfast_V1_StockAnswer()
        answer.positions = [position]
        let json = try JSONText.encoded(answer, key: "k/1")
        #expect(
            json == """
                {"idempotency_key":"k/1","positions":[{"allocated":0,"available":0,"damaged":0,\
                "in_transit":0,"node":"N","on_hand":7,"quality_control":0,"reserved":0,\
                "safety":0,"sku":"A","version":0}]}
                """
        )
    }

    @Test func `a list without elements is an empty list`() throws {
        let json = try JSONText.encoded(Holdfast_V1_ListPositionsResponse())
        #expect(json == #"{"positions":[]}"#)
    }

    @Test func `large figures stay exact in JSON`() throws {
        var order = Holdfast_V1_Order()
        order.totalMinor = 9_007_199_254_740_993
        #expect(try JSONText.encoded(order).contains("\"total_minor\":9007199254740993"))
    }

    @Test func `cases are named as the protocol names them`() {
        #expect(caseName(Holdfast_V1_OrderStatus.partiallyShipped) == "PARTIALLY_SHIPPED")
        #expect(caseName(Holdfast_V1_AdjustReason.return) == "RETURN")
        #expect(caseName(Holdfast_V1_OrderStatus.UNRECOGNIZED(77)) == "77")
        let argument = CaseArgument<Holdfast_V1_OrderStatus>(argument: "partially-shipped")
        #expect(argument?.value == .partiallyShipped)
        #expect(CaseArgument<Holdfast_V1_OrderStatus>(argument: "unspecified") == nil)
    }

    @Test func `an order shows prices in its currency`() {
        var order = Holdfast_V1_Order()
        order.id = "o"
        order.currency = "GBP"
        order.totalMinor = 510
        order.status = .confirmed
        var line = Holdfast_V1_OrderLine()
        line.number = 1
        line.sku = "85123A"
        line.unitPriceMinor = 255
        line.ordered = 2
        order.lines = [line]
        let text = orderText(order)
        #expect(text.contains("total   5.10 GBP\n"))
        #expect(text.contains("   1  85123A"))
        #expect(text.contains(" 2.55 "))
    }
}
