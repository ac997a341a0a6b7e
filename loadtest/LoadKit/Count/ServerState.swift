// What the server tells when all is over: its positions and its orders, page by page. It counts
// nothing that the server does not say.

internal import Messages

/// The server's own figures of one run.
struct ServerState {
    private(set) var stock: Stock = [:]
    private(set) var orders = 0
    /// Where the server contradicts itself.
    private(set) var oddities: [String] = []
    private static let positionsOfPage: Int32 = 1_000
    private static let ordersOfPage: Int32 = 200

    /// Reads every position of the run's nodes and every order of its channel.
    static func read(
        _ calls: Calls,
        nodes: Nodes,
        channel: String,
    ) async throws(ReplayFailure) -> ServerState {
        var state = ServerState()
        for node in nodes.all {
            try await state.readPositions(calls, node)
        }
        try await state.readOrders(calls, channel)
        return state
    }

    private mutating func readPositions(
        _ calls: Calls,
        _ node: String,
    ) async throws(ReplayFailure) {
        var request = Holdfast_V1_ListPositionsRequest()
        request.node = node
        request.pageSize = Self.positionsOfPage
        repeat {
            let outcome: CallOutcome<Holdfast_V1_ListPositionsResponse> =
                try await calls.ask("InventoryService/ListPositions", request, lane: 0) { _ in }
            let page = try outcome.answer("positions")
            for position in page.positions { add(position) }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
    }

    private mutating func add(_ position: Holdfast_V1_Position) {
        let name = PositionName(sku: position.sku, node: position.node)
        stock[name, default: Figures()].onHand += position.onHand
        stock[name, default: Figures()].reserved += position.reserved
        stock[name, default: Figures()].allocated += position.allocated
        let withheld = position.safety + position.damaged + position.qualityControl
        let free = position.onHand - position.reserved - position.allocated - withheld
        if position.available != free || withheld != 0 {
            oddities.append("\(name.sku) at \(name.node): available \(position.available)")
        }
    }

    private mutating func readOrders(_ calls: Calls, _ channel: String) async throws(ReplayFailure)
    {
        var request = Holdfast_V1_ListOrdersRequest()
        request.channel = channel
        request.pageSize = Self.ordersOfPage
        repeat {
            let outcome: CallOutcome<Holdfast_V1_ListOrdersResponse> =
                try await calls.ask("OrderService/ListOrders", request, lane: 0) { _ in }
            let page = try outcome.answer("orders")
            for order in page.orders { add(order) }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        let allocated = Dictionary(uniqueKeysWithValues: stock.map { ($0.key, $0.value.allocated) })
        for (name, units) in ordered where allocated[name] != units {
            oddities.append(
                "\(name.sku) at \(name.node): orders have \(units) units allocated, the position"
                    + " \(allocated[name] ?? 0)"
            )
        }
    }

    /// Units allocated to the lines of orders.
    private var ordered: [PositionName: Int64] = [:]

    private mutating func add(_ order: Holdfast_V1_Order) {
        orders += 1
        for line in order.lines {
            let name = PositionName(sku: line.sku, node: line.node)
            stock[name, default: Figures()].shipped += line.shipped
            stock[name, default: Figures()].cancelled += line.cancelled
            ordered[name, default: 0] += line.allocated
        }
    }
}

extension CallOutcome {
    fileprivate func answer(_ what: String) throws(ReplayFailure) -> Answer {
        switch self {
        case .done(let answer): return answer
        case .refused(let reason, let message):
            throw ReplayFailure(description: "cannot list \(what): \(reason), \(message)")
        }
    }
}
