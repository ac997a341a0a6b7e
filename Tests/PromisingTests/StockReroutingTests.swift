// Which nodes are chosen for units that need another place, out of those that have some.

import Base
import Domain
import Promising
import Testing

@Suite struct StockReroutingTests {
    private typealias Places = StockRerouting<NoStock, NoHolds>

    private func free(_ stock: [(String, String, Int64)]) -> [FreeStock] {
        stock.map { FreeStock(key: PositionKey(sku: $0.0, node: $0.1), units: $0.2) }
    }

    private func places(
        _ lines: [(sku: String, units: Int64)],
        _ stock: [(String, String, Int64)],
    ) -> [String]? {
        guard case .success(let places) = Places.choose(lines, free(stock)) else { return nil }
        return places.map { "\($0.key.sku)@\($0.key.node)=\($0.quantity)" }.sorted()
    }

    @Test func `one node that has everything goes before several`() {
        let chosen = places(
            [("A", 2), ("B", 3)],
            [("A", "X", 9), ("B", "Y", 9), ("A", "Z", 2), ("B", "Z", 3)]
        )
        #expect(chosen == ["A@Z=2", "B@Z=3"])
    }

    @Test func `a line that no node has whole is split, beginning where most is`() {
        let stock: [(String, String, Int64)] = [("A", "X", 2), ("A", "Y", 4), ("A", "Z", 4)]
        #expect(places([("A", 9)], stock) == ["A@X=1", "A@Y=4", "A@Z=4"])
        #expect(places([("A", 10)], stock) == ["A@X=2", "A@Y=4", "A@Z=4"])
        #expect(places([("A", 11)], stock) == nil)
    }

    @Test func `names decide between nodes that are as good`() {
        #expect(places([("A", 1)], [("A", "Y", 5), ("A", "X", 1)]) == ["A@X=1"])
    }

    @Test func `what is missing is told with its figures`() {
        let missing = Places.choose([("A", 5)], free([("A", "X", 3)]))
        #expect(missing == .failure(Places.Missing(sku: "A", wanted: 5, found: 3)))
    }
}

private struct NoStock: FreeStockPort {
    func freeStock(of skus: [String], channel: String) async throws(Failure) -> [FreeStock] { [] }
}

private struct NoHolds: HoldPort {
    func reserve(_ request: ReserveRequest) async throws(Failure) -> ReserveOutcome {
        throw .broken("nothing is reserved in this test")
    }

    func reservation(_ id: ID) async throws(Failure) -> Reservation? { nil }

    func release(id: ID, origin: Origin) async {}
}
