// New places from free stock alone: nodes that have what is needed, as few of them as a greedy choice
// finds. For orders that nobody routed: they were promised nothing but their units.

internal import Base
package import Domain

/// What is free of a SKU at a node.
package struct FreeStock: Hashable, Sendable {
    package var key: PositionKey
    package var units: Int64

    package init(key: PositionKey, units: Int64) {
        self.key = key
        self.units = units
    }
}

/// Knows what is free.
package protocol FreeStockPort: SendableMetatype {
    /// What is free of some SKUs for a channel, at nodes that take work.
    func freeStock(of skus: [String], channel: String) async throws(Failure) -> [FreeStock]
}

/// Takes new places where there is free stock.
package struct StockRerouting<Stock: FreeStockPort, Holds: HoldPort>: Rerouting {
    /// How often a choice that was overtaken by others is made again.
    private static var roundsMax: Int { 4 }

    private let stock: Stock
    private let holds: Holds

    package init(stock: Stock, holds: Holds) {
        self.stock = stock
        self.holds = holds
    }

    package func takePlace(_ question: RerouteQuestion) async throws(Failure) -> RerouteAnswer {
        // What this question took before is free no more, and must not be looked for again.
        if try await holds.reservation(question.key) != nil { return .held }
        var body = DigestBuilder()
        body.add("reroute")
        for line in question.lines {
            body.add(line.sku)
            body.add(line.units)
        }
        let fingerprint = body.digest()
        var trouble = ""
        for _ in 0..<Self.roundsMax {
            let free = try await stock.freeStock(
                of: question.lines.map(\.sku),
                channel: question.channel,
            )
            switch Self.choose(question.lines, free.filter { !question.excluded.contains($0.key) })
            {
            case .failure(let missing): return .nowhere(missing.description)
            case .success(let places):
                let outcome = try await holds.reserve(
                    ReserveRequest(
                        key: question.key,
                        body: .fingerprint(fingerprint),
                        lines: places,
                        ttlMs: question.ttlMs,
                        owner: question.customer,
                        channel: question.channel,
                        origin: question.origin,
                    )
                )
                switch outcome {
                case .held: return .held
                case .refused(.keyReused): return .keyUsed
                case .refused(let refusal): trouble = "\(refusal)"
                }
            }
        }
        return .later(trouble)
    }

    /// What cannot be placed.
    package struct Missing: Error, Hashable, CustomStringConvertible {
        package var sku: String
        package var wanted: Int64
        package var found: Int64

        package init(sku: String, wanted: Int64, found: Int64) {
            self.sku = sku
            self.wanted = wanted
            self.found = found
        }

        package var description: String {
            "\(found) of \(wanted) units of \(sku) are free at nodes that may have them"
        }
    }

    /// Nodes for the lines: again and again the one that has most of them whole; a line that no node has
    /// whole is split, beginning where most is.
    package static func choose(
        _ lines: [(sku: String, units: Int64)],
        _ free: [FreeStock],
    ) -> Result<[Demand], Missing> {
        var places: [Demand] = []
        var open = lines
        while !open.isEmpty {
            var whole: [String: Set<String>] = [:]
            for line in open {
                for stock in free where stock.key.sku == line.sku && stock.units >= line.units {
                    whole[stock.key.node, default: []].insert(line.sku)
                }
            }
            let best = whole.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
            guard let (node, skus) = best else { break }
            for line in open where skus.contains(line.sku) {
                places.append(
                    Demand(key: PositionKey(sku: line.sku, node: node), quantity: line.units)
                )
            }
            open.removeAll { skus.contains($0.sku) }
        }
        for line in open {
            var wanted = line.units
            let nodes = free.filter { $0.key.sku == line.sku }
                .sorted { ($1.units, $0.key.node) < ($0.units, $1.key.node) }
            for stock in nodes where wanted > 0 {
                places.append(Demand(key: stock.key, quantity: min(wanted, stock.units)))
                wanted -= min(wanted, stock.units)
            }
            if wanted > 0 {
                return .failure(
                    Missing(sku: line.sku, wanted: line.units, found: line.units - wanted)
                )
            }
        }
        return .success(places)
    }
}

extension StockRerouting: Sendable where Stock: Sendable, Holds: Sendable {}
