// The figures that planners share are of the version of the network that a question is planned on, also
// when another question comes with another version while they are fetched.

import Base
import Domain
import Promising
import Testing

/// A hot view in which as many units are free at each position as its number says.
private final class NumberedView: PeekPort {
    /// Happens once, while the first question waits.
    var meanwhile: (() async throws -> Void)?
    /// Positions that were asked about.
    private(set) var asked = 0

    func peek(_ positions: [PositionID], channel: String) async throws(Failure) -> Peek {
        asked += positions.count
        if let happening = meanwhile {
            meanwhile = nil
            try? await happening()
        }
        return Peek(epoch: 1, free: positions.map { $0 })
    }
}

/// Every SKU lies at every node that was ever known.
private final class EveryNode: RouteLedgerPort {
    func positions(of skus: [String]) async throws(Failure) -> [[NodePosition]] {
        skus.map { sku in
            (1...3).map { NodePosition(node: "N\($0)", id: PositionID($0 * 10 + sku.count)) }
        }
    }

    func prove(_ question: RouteProofQuestion) async throws(Failure) -> RouteProof {
        throw .broken("nobody asks")
    }

    func note(_ record: RouteRecord) async throws(Failure) {}
    func decisions(_ ids: [ID]) async throws(Failure) -> [StoredRoute?] { [] }
    func decisions(_ filter: RouteFilter) async throws(Failure) -> [StoredRoute] { [] }
}

@Suite struct RouteStockTests {
    private static let now = Instant(seconds: 20_000 * 86_400)

    private func network(_ version: Int64, nodes: ClosedRange<Int>) -> Network {
        let all = nodes.map { number in
            Node.plain(
                "N\(number)",
                slots: [
                    Slot(
                        day: 20_000,
                        window: 0,
                        opensAt: Self.now,
                        closesAt: Self.now.advanced(milliseconds: 3_600_000),
                        orders: Capacity(position: PositionID(1_000 + number), capacity: 2_000),
                        units: nil,
                    )
                ],
            )
        }
        return Network(version: version, currency: "GBP", nodes: all, services: [], places: [])
    }

    private func question(_ skus: String...) -> RouteQuestion {
        RouteQuestion(
            lines: skus.map { CartLine(sku: $0, quantity: 1) },
            destination: Destination(country: "GB"),
            channel: "",
        )
    }

    @Test func `a question sees the network that it is planned on, whoever comes meanwhile`()
        async throws
    {
        let view = NumberedView()
        let stock = RouteStock(
            gate: view,
            ledger: EveryNode(),
            limits: RouteStockLimits(),
        ) { _, _ async throws(Failure) in }
        let (old, new) = (network(1, nodes: 1...2), network(2, nodes: 1...3))
        let (first, second) = (question("A", "BB"), question("BB", "CCC"))
        view.meanwhile = {
            let seen = try await stock.view(second, new, now: Self.now)
            #expect(seen.view.units == [12, 22, 32, 13, 23, 33])
            #expect(seen.view.slots.map { $0.map(\.orders) } == [[1_001], [1_002], [1_003]])
        }
        let seen = try await stock.view(first, old, now: Self.now)
        #expect(view.meanwhile == nil)
        #expect(seen.view.units == [11, 21, 12, 22])
        #expect(seen.positions == [11, 21, 12, 22])
        #expect(seen.view.slots.map { $0.map(\.orders) } == [[1_001], [1_002]])
    }

    @Test func `the view is asked no more than is allowed, however many want to know`()
        async throws
    {
        let view = NumberedView()
        var limits = RouteStockLimits()
        limits.ageMs = 0
        limits.positionsPerMs = 1
        let stock = RouteStock(gate: view, ledger: EveryNode(), limits: limits) {
            _,
            _ async throws(Failure) in
        }
        let network = network(1, nodes: 1...3)
        let skus = (1...200).map { String(repeating: "S", count: $0) }
        let start = Deadline.now
        for round in 1...5 {
            for sku in skus {
                let seen = try await stock.view(question(sku), network, now: Self.now)
                #expect(seen.view.units == seen.positions)
            }
            // What was never seen is looked at, whatever that costs.
            if round == 1 { #expect(view.asked >= 3 * skus.count + 3) }
        }
        let passedMs = Int(Deadline.now.milliseconds(from: start))
        #expect(view.asked <= 3 * skus.count + 3 + passedMs + 10)
    }
}
