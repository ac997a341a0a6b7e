// What a watch prints for people and for scripts.

import Messages
import SwiftProtobuf
import Testing

@testable import holdfast

@Suite struct WatchTextTests {
    private func answer(
        _ figures: [(index: Int32, sku: String, nodes: [(String, Int64)])]
    ) -> Holdfast_V1_WatchAvailabilityResponse {
        .with { answer in
            answer.items = figures.map { figure in
                .with { item in
                    item.index = figure.index
                    item.availability.sku = figure.sku
                    item.availability.nodes = figure.nodes.map { name, available in
                        .with { node in
                            node.node = name
                            node.available = available
                            node.position.onHand = available + 1
                            node.position.reserved = 1
                        }
                    }
                }
            }
        }
    }

    private let items: [Holdfast_V1_AvailabilityItem] = [
        .with { $0.sku = "A" },
        .with {
            $0.sku = "B"
            $0.node = "N9"
        },
    ]

    @Test func `the first answer is a table, those after it are lines of what differs`() {
        var text = WatchText(items)
        var moment = Google_Protobuf_Timestamp()
        moment.seconds = 1_795_564_800
        let first = answer([(0, "A", [("N1", 5), ("N2", 7)]), (1, "B", [])])
        #expect(
            text.next(first, at: moment) == """
                SKU  NODE  AVAILABLE  ON HAND  RESERVED  ALLOCATED  SAFETY
                A    N1            5        6         1          0       0
                A    N2            7        8         1          0       0
                B    N9            0        -         -          -       -

                """
        )
        let second = answer([(0, "A", [("N1", 5), ("N2", 4)]), (1, "B\u{1b}", [("N9", 2)])])
        #expect(
            text.next(second, at: moment) == """
                2026-11-25 00:00:00Z  A@N2  available 4 (-3)  on hand 5  reserved 1  allocated 0
                2026-11-25 00:00:00Z  B\\u{1b}@N9  available 2 (+2)  on hand 3  reserved 1  allocated 0

                """
        )
        #expect(text.next(second, at: moment).isEmpty)
    }

    @Test func `JSON of a watch has its zeros`() throws {
        let json = try JSONText.encoded(answer([(0, "A", [("N1", 0)])]))
        #expect(json.contains(#""index":0"#))
        #expect(json.contains(#""available":0,"available_by":0,"nodes":[{"available":0,"#))
        #expect(json.contains(#""in_transit":0"#))
    }

    @Test func `an item is a SKU, with a node or without`() {
        #expect(ItemArgument(argument: "85123A")?.node == "")
        #expect(ItemArgument(argument: "85123A@LDN-DC")?.node == "LDN-DC")
        #expect(ItemArgument(argument: "A@B@C")?.sku == "A@B")
        #expect(ItemArgument(argument: "@N") == nil)
        #expect(ItemArgument(argument: "A@") == nil)
        #expect(ItemArgument(argument: "") == nil)
    }
}
