// A cart to be routed, and how: the question and the answer of the planner.

/// Units of one SKU that a cart asks for, wherever they come from.
package struct CartLine: Hashable, Sendable {
    package var sku: String
    package var quantity: Int64
    package var isHazardous: Bool
    /// Of one unit; 0 when not known.
    package var weightGrams: Int64

    package init(sku: String, quantity: Int64, isHazardous: Bool = false, weightGrams: Int64 = 0) {
        self.sku = sku
        self.quantity = quantity
        self.isHazardous = isHazardous
        self.weightGrams = weightGrams
    }
}

/// Where a cart goes.
package struct Destination: Hashable, Sendable {
    /// ISO 3166 alpha-2.
    package var country: String
    /// May be empty.
    package var postalCode: String
    /// Nil: looked up among the network's places; unknown there: distances count 0.
    package var point: GeoPoint?

    package init(country: String, postalCode: String = "", point: GeoPoint? = nil) {
        self.country = country
        self.postalCode = postalCode
        self.point = point
    }
}

/// What is to be routed.
package struct RouteQuestion: Hashable, Sendable {
    /// Each SKU once.
    package var lines: [CartLine]
    package var destination: Destination
    /// Which rule set counts, and what is withheld from it.
    package var channel: String
    /// The day by which all must arrive; nil: whenever.
    package var arriveBy: Day?
    /// True: the customer fetches it at a node; one node for all of it.
    package var isPickUp: Bool
    /// Nodes that may not serve a SKU: those that have rejected it.
    package var excluded: Set<PositionKey>

    package init(
        lines: [CartLine],
        destination: Destination,
        channel: String,
        arriveBy: Day? = nil,
        isPickUp: Bool = false,
        excluded: Set<PositionKey> = [],
    ) {
        self.lines = lines
        self.destination = destination
        self.channel = channel
        self.arriveBy = arriveBy
        self.isPickUp = isPickUp
        self.excluded = excluded
    }
}

/// The amounts that a plan, or a shipment of it, is judged by, before they are weighted.
package struct RouteAmounts: Hashable, Sendable {
    /// Handling: the shipment and its units, in minor units.
    package var handlingMinor: Int64 = 0
    /// Carriage, in minor units.
    package var carriageMinor: Int64 = 0
    package var distanceKm: Int64 = 0
    package var shipments: Int64 = 0
    /// Days until the last shipment arrives: the largest of the shipments', not their sum.
    package var promiseDays: Int64 = 0
    /// Thousandths of the slots' orders taken before.
    package var loadPermille: Int64 = 0
    /// Steps of the nodes' priority.
    package var priority: Int64 = 0
    package var scarceUnits: Int64 = 0

    package init() {}

    package var costMinor: Int64 { handlingMinor + carriageMinor }

    /// The sum of weight times amount.
    package func score(_ goals: Goals) -> Int64 {
        goals.cost * costMinor + goals.distance * distanceKm + goals.shipments * shipments
            + goals.promise * promiseDays + goals.balance * loadPermille
            + goals.priority * priority + goals.scarcity * scarceUnits
    }
}

/// What goes from one node in one parcel.
package struct PlannedShipment: Hashable, Sendable {
    /// Its place in `Network.nodes`.
    package var node: Int
    /// Its place in `Network.services`.
    package var service: Int
    /// Its place in the node's slots.
    package var slot: Int
    /// Units by line of the cart, by the line's number; none is 0.
    package var lines: [(line: Int, quantity: Int64)]
    /// When it arrives.
    package var arrives: Day
    package var amounts: RouteAmounts

    package init(
        node: Int,
        service: Int,
        slot: Int,
        lines: [(line: Int, quantity: Int64)],
        arrives: Day,
        amounts: RouteAmounts,
    ) {
        self.node = node
        self.service = service
        self.slot = slot
        self.lines = lines
        self.arrives = arrives
        self.amounts = amounts
    }

    package static func == (left: PlannedShipment, right: PlannedShipment) -> Bool {
        left.node == right.node && left.service == right.service && left.slot == right.slot
            && left.arrives == right.arrives && left.amounts == right.amounts
            && left.lines.elementsEqual(right.lines) { $0 == $1 }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(node)
        hasher.combine(service)
        hasher.combine(slot)
        for (line, quantity) in lines {
            hasher.combine(line)
            hasher.combine(quantity)
        }
    }
}

/// One way to serve the whole cart.
package struct RoutePlan: Hashable, Sendable {
    /// By node.
    package var shipments: [PlannedShipment]
    package var amounts: RouteAmounts
    package var score: Int64

    package init(shipments: [PlannedShipment], amounts: RouteAmounts, score: Int64) {
        self.shipments = shipments
        self.amounts = amounts
        self.score = score
    }

    /// When the last shipment arrives.
    package var arrives: Day { shipments.map(\.arrives).max() ?? 0 }
}

/// Why a node, or one of its lanes and slots, is in no plan.
package enum Exclusion: Hashable, Sendable {
    /// Draining or closed.
    case status(NodeStatus)
    /// A hard rule: its place in the rule set.
    case rule(Int)
    /// It does not ship, or hand out.
    case ability(NodeAbilities)
    case countryNotServed
    /// Nothing that is asked for is there (after what must be kept).
    case noStock
    /// It has rejected all that it could serve of it.
    case rejected
    /// No service goes there.
    case noRate
    /// What it could send comes after the day that was asked for, or has no slot before then.
    case tooLate
    /// Every slot in time is full.
    case capacityFull
}
