// The network that orders are routed over: nodes, what they may do, when they work, and the services of
// carriers. A version of it never changes; a change makes the next one.

package import Base

/// A day of a calendar, counted from 1970-01-01; local where it is used.
package typealias Day = Int32

/// What a node is.
///
/// The numbers are stored.
package enum NodeKind: Int16, CaseIterable, Sendable {
    case distributionCentre = 1
    case store = 2
    /// A warehouse that somebody else runs (3PL).
    case thirdParty = 3
    /// A vendor that ships to the customer (drop-ship).
    case vendor = 4

    /// As people and documents write it.
    package var name: String {
        switch self {
        case .distributionCentre: "DC"
        case .store: "STORE"
        case .thirdParty: "3PL"
        case .vendor: "VENDOR"
        }
    }
}

/// Whether a node takes work.
///
/// The numbers are stored.
package enum NodeStatus: Int16, CaseIterable, Sendable {
    case open = 1
    /// Finishes what it has and gets no new work.
    case draining = 2
    /// Does nothing; what was open there is routed again.
    case closed = 3

    package var name: String {
        switch self {
        case .open: "OPEN"
        case .draining: "DRAINING"
        case .closed: "CLOSED"
        }
    }
}

/// What a node may do.
package struct NodeAbilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Ships to an address.
    package static let ship = NodeAbilities(rawValue: 1)
    /// Hands out to customers who come.
    package static let pickUp = NodeAbilities(rawValue: 2)
    /// Handles hazardous goods.
    package static let hazardous = NodeAbilities(rawValue: 4)
}

/// A place on earth, in millionths of a degree.
package struct GeoPoint: Hashable, Sendable {
    /// North is positive, within ±90,000,000.
    package var latitudeE6: Int32
    /// East is positive, within ±180,000,000.
    package var longitudeE6: Int32

    package init(latitudeE6: Int32, longitudeE6: Int32) {
        self.latitudeE6 = latitudeE6
        self.longitudeE6 = longitudeE6
    }
}

/// How much a slot takes of something.
///
/// What of it is taken is a position of the stock like any other (`capacity` units on hand, the SKU a
/// name of its own): so it is admitted, held, expires and is given back in the same step as the goods.
package struct Capacity: Hashable, Sendable {
    package var position: PositionID
    package var capacity: Int64

    package init(position: PositionID, capacity: Int64) {
        self.position = position
        self.capacity = capacity
    }
}

/// A time window in which a node works on orders, and how much it takes in it.
package struct Slot: Hashable, Sendable {
    /// The node's local day on which what is made ready in it leaves.
    package var day: Day
    /// Counts the windows of the day from 0.
    package var window: Int16
    package var opensAt: Instant
    package var closesAt: Instant
    /// How many orders it takes; nil: as many as come.
    package var orders: Capacity?
    /// How many units it takes; nil: as many as come.
    package var units: Capacity?

    package init(
        day: Day,
        window: Int16,
        opensAt: Instant,
        closesAt: Instant,
        orders: Capacity?,
        units: Capacity?,
    ) {
        self.day = day
        self.window = window
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.orders = orders
        self.units = units
    }
}

/// A carrier's service at a node.
package struct Lane: Hashable, Sendable {
    /// Which service: its place in `Network.services`.
    package var service: Int
    /// When it is fetched, for each slot of the node in its order: what must be ready by then.
    package var cutoffs: [Instant]

    package init(service: Int, cutoffs: [Instant]) {
        self.service = service
        self.cutoffs = cutoffs
    }
}

/// A node at one version of the network.
package struct Node: Hashable, Sendable {
    package var name: String
    package var kind: NodeKind
    package var status: NodeStatus
    package var place: GeoPoint
    /// ISO 3166 alpha-2.
    package var country: String
    /// IANA name, such as Europe/London.
    package var timeZone: String
    package var abilities: NodeAbilities
    /// The countries that it ships to; empty: all.
    package var countriesServed: Set<String>
    /// From when work on an order may begin until it is ready to leave.
    package var handlingMinutes: Int32
    /// Smaller goes first.
    package var priority: Int32
    /// What a shipment costs there, in minor units of the network's currency.
    package var shipmentCostMinor: Int64
    /// What each unit of it costs besides.
    package var unitCostMinor: Int64
    package var lanes: [Lane]
    /// By the time they open; those of the next days, not for ever.
    package var slots: [Slot]

    package init(
        name: String,
        kind: NodeKind,
        status: NodeStatus,
        place: GeoPoint,
        country: String,
        timeZone: String,
        abilities: NodeAbilities,
        countriesServed: Set<String>,
        handlingMinutes: Int32,
        priority: Int32,
        shipmentCostMinor: Int64,
        unitCostMinor: Int64,
        lanes: [Lane],
        slots: [Slot],
    ) {
        self.name = name
        self.kind = kind
        self.status = status
        self.place = place
        self.country = country
        self.timeZone = timeZone
        self.abilities = abilities
        self.countriesServed = countriesServed
        self.handlingMinutes = handlingMinutes
        self.priority = priority
        self.shipmentCostMinor = shipmentCostMinor
        self.unitCostMinor = unitCostMinor
        self.lanes = lanes
        self.slots = slots
    }
}

/// One row of a service's zone table: what goes from there to there costs and takes.
///
/// Of the rows that match, the one with the longest postal prefix counts, then one that names the
/// destination, then one that names the origin.
package struct Rate: Hashable, Sendable {
    /// ISO 3166 alpha-2; nil: from anywhere.
    package var origin: String?
    /// ISO 3166 alpha-2; nil: to anywhere.
    package var destination: String?
    /// The beginning of the destination's postal code; empty: any.
    package var postalPrefix: String
    /// For each shipment, in minor units of the network's currency.
    package var baseMinor: Int64
    /// For each unit of it, besides.
    package var unitMinor: Int64
    /// For each kilogram; charged unit by unit, rounded up.
    package var kilogramMinor: Int64
    /// Days of delivery between the day it leaves and the day it arrives.
    package var transitDays: Int16

    package init(
        origin: String?,
        destination: String?,
        postalPrefix: String,
        baseMinor: Int64,
        unitMinor: Int64,
        kilogramMinor: Int64,
        transitDays: Int16,
    ) {
        self.origin = origin
        self.destination = destination
        self.postalPrefix = postalPrefix
        self.baseMinor = baseMinor
        self.unitMinor = unitMinor
        self.kilogramMinor = kilogramMinor
        self.transitDays = transitDays
    }
}

/// A service of a carrier, or collection by the customer.
package struct CarrierService: Hashable, Sendable {
    package var name: String
    package var carrier: String
    /// True: the customer comes for it at the node, which is no shipping.
    package var isPickUp: Bool
    /// Whether it may carry hazardous goods.
    package var carriesHazardous: Bool
    /// The days on which it delivers: bit 0 is Monday.
    package var deliveryWeekdays: UInt8
    package var rates: [Rate]

    package init(
        name: String,
        carrier: String,
        isPickUp: Bool,
        carriesHazardous: Bool,
        deliveryWeekdays: UInt8,
        rates: [Rate],
    ) {
        self.name = name
        self.carrier = carrier
        self.isPickUp = isPickUp
        self.carriesHazardous = carriesHazardous
        self.deliveryWeekdays = deliveryWeekdays
        self.rates = rates
    }
}

/// Where addresses are that come without coordinates.
package struct KnownPlace: Hashable, Sendable {
    /// ISO 3166 alpha-2.
    package var country: String
    /// The beginning of a postal code; empty: the whole country.
    ///
    /// The longest that matches counts.
    package var postalPrefix: String
    package var point: GeoPoint

    package init(country: String, postalPrefix: String, point: GeoPoint) {
        self.country = country
        self.postalPrefix = postalPrefix
        self.point = point
    }
}

/// All of it at one version.
package struct Network: Sendable {
    /// Counts the changes; 0 is the empty network.
    package var version: Int64
    /// ISO 4217, of every cost in it.
    package var currency: String
    /// By name.
    package var nodes: [Node]
    /// By name.
    package var services: [CarrierService]
    package var places: [KnownPlace]

    package init(
        version: Int64,
        currency: String,
        nodes: [Node],
        services: [CarrierService],
        places: [KnownPlace],
    ) {
        self.version = version
        self.currency = currency
        self.nodes = nodes
        self.services = services
        self.places = places
    }
}
