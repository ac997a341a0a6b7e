// Which node serves which country: a fixed table, so that every run sends a row to the same place.

/// Stock of one SKU at one node, by name.
package struct PositionName: Hashable, Sendable, Comparable, Codable {
    package var sku: String
    package var node: String

    package init(sku: String, node: String) {
        self.sku = sku
        self.node = node
    }

    package static func < (left: PositionName, right: PositionName) -> Bool {
        (left.sku, left.node) < (right.sku, right.node)
    }
}

/// The nodes of a run.
package struct Nodes: Hashable, Sendable {
    /// Ends the name of each node, so that several replays on one database keep apart.
    package var suffix: String

    /// - Parameter run: empty gives the plain names.
    package init(run: String) {
        suffix = run.isEmpty ? "" : "/" + run
    }

    /// The node that serves a country.
    package func node(for country: String) -> String {
        switch country {
        case "United Kingdom": "LDN-DC" + suffix
        case _ where Self.europe.contains(country): "BER-3PL" + suffix
        default: "RTD-DC" + suffix
        }
    }

    /// Where the units of a row are.
    package func position(of sale: Sale) -> PositionName {
        PositionName(sku: sale.sku, node: node(for: sale.country))
    }

    /// Every node of the run.
    package var all: [String] {
        ["BER-3PL", "LDN-DC", "RTD-DC"].map { $0 + suffix }
    }

    /// The countries of the rest of Europe, as the file spells them.
    private static let europe: Set<String> = [
        "Austria", "Belgium", "Channel Islands", "Cyprus", "Czech Republic", "Denmark", "EIRE",
        "European Community", "Finland", "France", "Germany", "Greece", "Iceland", "Italy",
        "Lithuania", "Malta", "Netherlands", "Norway", "Poland", "Portugal", "Spain", "Sweden",
        "Switzerland",
    ]
}
