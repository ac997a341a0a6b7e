// What a plan takes, as lines of a reservation; and what an attempt has learnt about what is free.

internal import Base
internal import Domain

/// A figure of a view.
enum RoutePlace: Hashable {
    /// Of the units: its place in `RouteView.units`.
    case units(Int)
    case slotOrders(node: Int, slot: Int)
    case slotUnits(node: Int, slot: Int)
}

/// The units and the capacity that a plan takes.
struct Claim {
    let plan: RoutePlan
    /// Goods by line of the cart, then by node; then capacity by shipment.
    private(set) var lines: [(position: PositionID, quantity: Int64)] = []
    /// The figure of the view behind each line.
    private(set) var places: [RoutePlace] = []
    private(set) var goods: [ReservationLine] = []
    private(set) var capacity: [ReservationLine] = []

    init(_ plan: RoutePlan, _ draft: RouteDraft) {
        self.plan = plan
        let network = draft.context.network
        for (line, wanted) in draft.question.lines.enumerated() {
            for shipment in plan.shipments {
                guard let part = shipment.lines.first(where: { $0.line == line }) else { continue }
                let place = line * network.nodes.count + shipment.node
                lines.append((draft.positions[place], part.quantity))
                places.append(.units(place))
                let key = PositionKey(sku: wanted.sku, node: network.nodes[shipment.node].name)
                goods.append(Self.held(key, part.quantity))
            }
        }
        for shipment in plan.shipments {
            let node = network.nodes[shipment.node]
            let slot = node.slots[shipment.slot]
            let name = "\(Days.text(slot.day))/\(slot.window)"
            if let orders = slot.orders {
                lines.append((orders.position, 1))
                places.append(.slotOrders(node: shipment.node, slot: shipment.slot))
                let key = PositionKey(sku: "@orders/\(name)", node: node.name)
                capacity.append(Self.held(key, 1))
            }
            if let units = slot.units {
                let quantity = shipment.lines.reduce(0) { $0 + $1.quantity }
                lines.append((units.position, quantity))
                places.append(.slotUnits(node: shipment.node, slot: shipment.slot))
                let key = PositionKey(sku: "@units/\(name)", node: node.name)
                capacity.append(Self.held(key, quantity))
            }
        }
    }

    private static func held(_ key: PositionKey, _ quantity: Int64) -> ReservationLine {
        ReservationLine(key: key, quantity: quantity, held: quantity, confirmed: 0)
    }

    /// What the gate knows this attempt's hold by: the same for the same units under the same key.
    func holdKey(_ key: ID) -> ID {
        var builder = DigestBuilder()
        builder.add("routed hold")
        builder.add(key)
        for line in lines {
            builder.add(line.position)
            builder.add(line.quantity)
        }
        return builder.digest()
    }
}

/// A cart that is tried plan by plan.
struct Trial {
    var draft: RouteDraft
    /// Whether the view is what Postgres had, but for what was noted since.
    var isProven = false
    /// Units of others that the gate counted as pending where there was no room.
    var pending: [RoutePlace: Int64] = [:]
    /// How often it was proven again because of holds that others will end.
    var waits = 0
    /// Positions whose view lacked what Postgres had.
    var wasBehind: Set<PositionID> = []

    init(draft: RouteDraft) {
        self.draft = draft
    }

    /// Notes what the gate had free at a place, and how much of that is pending for others.
    mutating func note(_ place: RoutePlace, free: Int64, pending units: Int64) {
        draft.set(max(0, free - units), at: place)
        pending[place] = units
    }

    /// Plans with less at a place, because of holds of others.
    mutating func holdBack(_ units: Int64, at place: RoutePlace) {
        draft.set(max(0, draft.room(at: place) - units), at: place)
        pending[place] = units
    }
}

extension RouteDraft {
    /// What the view has free at a place.
    func room(at place: RoutePlace) -> Int64 {
        switch place {
        case .units(let index): view.units[index]
        case .slotOrders(let node, let slot): view.slots[node][slot].orders ?? .max
        case .slotUnits(let node, let slot): view.slots[node][slot].units ?? .max
        }
    }

    mutating func set(_ free: Int64, at place: RoutePlace) {
        switch place {
        case .units(let index): view.units[index] = free
        case .slotOrders(let node, let slot): view.slots[node][slot].orders = free
        case .slotUnits(let node, let slot): view.slots[node][slot].units = free
        }
    }
}
