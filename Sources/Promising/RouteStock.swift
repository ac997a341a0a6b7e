// What is free, as one loop's planner sees it: figures of the hot view that are some milliseconds old, or
// more where so many are asked about that Redis would do nothing but tell them. They are hints. A plan
// that rests on one that is out of date is not let through by the gate, and nothing is refused because
// of one.

package import Base
package import Domain

/// How old a figure may be that is planned on.
package struct RouteStockLimits: Sendable {
    /// Milliseconds; 0: every question looks for itself.
    package var ageMs: Int64 = 10
    /// Positions that are looked at in a millisecond; each costs Redis about 1 us.
    ///
    /// What is not looked at stays as old as it is.
    package var positionsPerMs: Int64 = 20
    /// How old the list of a SKU's positions may be, in milliseconds: until then one that has just come
    /// to be is not planned with.
    package var directoryMs: Int64 = 1_000
    /// SKUs that are remembered.
    package var skusMax = 50_000

    package init() {}
}

/// The hot view as planners use it; confined to a loop.
package final class RouteStock<Gate: PeekPort, Ledger: RouteLedgerPort> {
    /// The free units of a SKU for a channel, by node of the network.
    private final class Row {
        var ids: [PositionID] = []
        var free: [Int64] = []
        var network: Int64 = -1
        var directoryAt = Deadline(nanoseconds: 0)
        var takenAt = Deadline(nanoseconds: 0)
        /// Somebody is looking at this moment.
        var isLooking = false
    }

    private struct RowName: Hashable {
        let sku: String
        let channel: String
    }

    /// The room in the slots of one version of the network.
    private struct Board {
        var network: Int64 = -1
        var rooms: [[SlotRoom]] = []
        /// When none was looked at yet, the beginning of time.
        var takenAt = Deadline(nanoseconds: 0)
        /// How many positions it has.
        var count = 0
        var isLooking = false
    }

    private let gate: Gate
    private let ledger: Ledger
    /// Puts positions into the view where they are missing.
    private let load: ([PositionID], Int64) async throws(Failure) -> Void
    private let limits: RouteStockLimits
    /// How often a question looks for figures of its own version of the network.
    private let looksMax = 4
    private var rows: [RowName: Row] = [:]
    private var board = Board()
    private var allowance: Allowance

    package init(
        gate: Gate,
        ledger: Ledger,
        limits: RouteStockLimits,
        load: @escaping ([PositionID], Int64) async throws(Failure) -> Void,
    ) {
        self.gate = gate
        self.ledger = ledger
        self.limits = limits
        self.load = load
        allowance = Allowance(perMs: limits.positionsPerMs)
    }

    /// What is free for a question, with the positions that the units lie at (0: none).
    package func view(
        _ question: RouteQuestion,
        _ network: Network,
        now: Instant,
    ) async throws(Failure) -> (view: RouteView, positions: [PositionID]) {
        var wanted: [Row] = []
        wanted.reserveCapacity(question.lines.count)
        for line in question.lines { wanted.append(row(line.sku, question.channel)) }
        // Rows and board are shared: while this question waited, one on another version of the network may
        // have laid them out for that one. Versions change seldom, so looking again is enough.
        for _ in 0..<looksMax {
            try await find(question, wanted, network)
            try await look(wanted, question.channel)
            try await lookAtSlots(network, now)
            if board.network == network.version,
                wanted.allSatisfy({ $0.network == network.version })
            {
                return gather(wanted, network, now)
            }
        }
        throw .unavailable(what: "one version of the network", retryAfterMs: 100)
    }

    private func gather(
        _ wanted: [Row],
        _ network: Network,
        _ now: Instant,
    ) -> (view: RouteView, positions: [PositionID]) {
        var view = RouteView(now: now, units: [], slots: board.rooms)
        var positions: [PositionID] = []
        view.units.reserveCapacity(wanted.count * network.nodes.count)
        positions.reserveCapacity(wanted.count * network.nodes.count)
        for row in wanted {
            view.units.append(contentsOf: row.free)
            positions.append(contentsOf: row.ids)
        }
        return (view, positions)
    }

    /// Notes what this loop has taken, so that the next question does not plan with it.
    package func took(
        _ plan: RoutePlan,
        _ question: RouteQuestion,
        _ network: Network,
    ) {
        for shipment in plan.shipments {
            var units: Int64 = 0
            for (line, quantity) in shipment.lines {
                units += quantity
                let name = RowName(sku: question.lines[line].sku, channel: question.channel)
                guard let row = rows[name], row.network == network.version else { continue }
                row.free[shipment.node] = max(0, row.free[shipment.node] - quantity)
            }
            if board.network != network.version { continue }
            board.rooms[shipment.node][shipment.slot].take(orders: 1, units: units)
        }
    }

    /// Notes what the gate had free where it had no room, so that the next question knows it.
    func learnt(_ free: Int64, at place: RoutePlace, _ question: RouteQuestion, _ network: Network)
    {
        switch place {
        case .units(let index):
            let (line, node) = index.quotientAndRemainder(dividingBy: network.nodes.count)
            let name = RowName(sku: question.lines[line].sku, channel: question.channel)
            guard let row = rows[name], row.network == network.version else { return }
            row.free[node] = free
        case .slotOrders(let node, let slot):
            if board.network == network.version { board.rooms[node][slot].orders = free }
        case .slotUnits(let node, let slot):
            if board.network == network.version { board.rooms[node][slot].units = free }
        }
    }

    // MARK: SKUs

    private func row(_ sku: String, _ channel: String) -> Row {
        let name = RowName(sku: sku, channel: channel)
        if let row = rows[name] { return row }
        if rows.count >= limits.skusMax { rows.removeAll(keepingCapacity: true) }
        let row = Row()
        rows[name] = row
        return row
    }

    /// Looks for the positions of those rows whose list is old, or of another network.
    private func find(
        _ question: RouteQuestion,
        _ wanted: [Row],
        _ network: Network,
    ) async throws(Failure) {
        let now = Deadline.now
        let stale = wanted.indices.filter { index in
            wanted[index].network != network.version
                || wanted[index].directoryAt.advanced(milliseconds: limits.directoryMs)
                    .hasPassed(at: now)
        }
        if stale.isEmpty { return }
        let found = try await ledger.positions(of: stale.map { question.lines[$0].sku })
        for (index, positions) in zip(stale, found) {
            let row = wanted[index]
            let ids = network.ids(of: positions)
            row.directoryAt = now
            if row.ids == ids, row.network == network.version { continue }
            row.ids = ids
            row.free = Array(repeating: 0, count: ids.count)
            row.network = network.version
            row.takenAt = Deadline(nanoseconds: 0)
        }
    }

    /// Looks at those rows whose figures are old.
    private func look(_ wanted: [Row], _ channel: String) async throws(Failure) {
        let now = Deadline.now
        let stale = wanted.filter { isWanted($0.takenAt, $0.isLooking, $0.ids.count, now) }
        if stale.isEmpty { return }
        var positions: [PositionID] = []
        for row in stale {
            row.isLooking = true
            for id in row.ids where id != 0 { positions.append(id) }
        }
        defer { for row in stale { row.isLooking = false } }
        let asked = stale.map(\.ids)
        var free = try await figures(positions, channel)[...]
        for (row, ids) in zip(stale, asked) {
            let figures = ids.map { $0 == 0 ? 0 : max(0, free.popFirst() ?? 0) }
            // A row that was laid out anew meanwhile is somebody else's to look at.
            if row.ids != ids { continue }
            row.free = figures
            row.takenAt = now
        }
    }

    /// Whether to look at so many figures: those that were never seen always, old ones unless somebody is
    /// looking, as far as the allowance goes.
    private func isWanted(
        _ takenAt: Deadline,
        _ isLooking: Bool,
        _ count: Int,
        _ now: Deadline,
    ) -> Bool {
        if takenAt.nanoseconds == 0 { return true }
        if isLooking { return false }
        return takenAt.advanced(milliseconds: limits.ageMs).hasPassed(at: now)
            && allowance.take(Int64(count), at: now)
    }

    // MARK: Slots

    /// Looks at the room in all slots that are not over, when the figures are old.
    private func lookAtSlots(_ network: Network, _ now: Instant) async throws(Failure) {
        let moment = Deadline.now
        if board.network != network.version {
            board = Board()
            board.network = network.version
            board.rooms = network.nodes.map { $0.slots.map(SlotRoom.init(empty:)) }
            board.count = network.capacityCount
        }
        guard isWanted(board.takenAt, board.isLooking, board.count, moment) else { return }
        let positions = network.capacityPositions(after: now)
        board.isLooking = true
        defer { board.isLooking = false }
        let free = try await figures(positions, "")
        // Another version may have come meanwhile; then somebody looks at that one.
        if board.network != network.version { return }
        board.rooms = network.rooms(free, after: now)
        board.takenAt = moment
    }

    /// What the view says of positions; what it does not have is loaded into it.
    private func figures(
        _ positions: [PositionID],
        _ channel: String,
    ) async throws(Failure) -> [Int64] {
        if positions.isEmpty { return [] }
        for _ in 0..<4 {
            let peek = try await gate.peek(positions, channel: channel)
            let missing = zip(positions, peek.free).filter { $0.1 == nil }.map(\.0)
            if missing.isEmpty { return peek.free.map { $0 ?? 0 } }
            try await load(Array(Set(missing)), peek.epoch)
        }
        throw .unavailable(what: "gate", retryAfterMs: 100)
    }
}

/// So many in a millisecond; who comes for more than is left pays with the time of those after him.
private struct Allowance {
    private let perMs: Int64
    private var left: Int64
    private var filledAt = Deadline.now

    init(perMs: Int64) {
        self.perMs = perMs
        left = perMs
    }

    mutating func take(_ count: Int64, at now: Deadline) -> Bool {
        // What nobody wanted for a tenth of a second is nobody's any more.
        let passed = min(now.nanoseconds - filledAt.nanoseconds, 100_000_000)
        let more = passed * perMs / 1_000_000
        if more > 0 {
            left = min(left + more, 100 * perMs)
            filledAt = now
        }
        if left <= 0 { return false }
        left -= count
        return true
    }
}

extension Network {
    /// The positions of a SKU by node; 0 where it never was.
    func ids(of positions: [NodePosition]) -> [PositionID] {
        var byNode: [String: PositionID] = [:]
        for position in positions { byNode[position.node] = position.id }
        return nodes.map { byNode[$0.name] ?? 0 }
    }

    /// How many positions of capacity it has.
    var capacityCount: Int {
        nodes.reduce(0) { sum, node in
            node.slots.reduce(sum) { $0 + ($1.orders == nil ? 0 : 1) + ($1.units == nil ? 0 : 1) }
        }
    }

    /// The positions of capacity of the slots that are not over: by node, by slot, orders first.
    func capacityPositions(after now: Instant) -> [PositionID] {
        var positions: [PositionID] = []
        for node in nodes {
            for slot in node.slots where slot.closesAt > now {
                if let orders = slot.orders { positions.append(orders.position) }
                if let units = slot.units { positions.append(units.position) }
            }
        }
        return positions
    }

    /// The room in every slot, by what is free at `capacityPositions`; slots that are over count as
    /// empty, since nobody plans with them.
    func rooms(_ free: [Int64], after now: Instant) -> [[SlotRoom]] {
        var rest = free[...]
        return nodes.map { node in
            node.slots.map { slot in
                var room = SlotRoom(empty: slot)
                if slot.closesAt <= now { return room }
                if slot.orders != nil { room.orders = max(0, rest.popFirst() ?? 0) }
                if slot.units != nil { room.units = max(0, rest.popFirst() ?? 0) }
                return room
            }
        }
    }
}

extension SlotRoom {
    /// Takes some of it, as far as there is any.
    mutating func take(orders taken: Int64, units takenUnits: Int64) {
        orders = orders.map { max(0, $0 - taken) }
        units = units.map { max(0, $0 - takenUnits) }
    }
}
