// A version of the network, laid out for the planner. Made once for each version and shared: nothing
// in it depends on a question.

internal import Base
package import Domain

/// A network in flat arrays, its rates looked up by country.
package final class RoutingIndex: Sendable {
    /// What it was made from.
    package let network: Network

    /// Everything about a node that no question changes.
    struct NodeFacts: Sendable {
        var abilities: NodeAbilities
        var isOpen: Bool
        var place: SpherePoint
        /// Not below zero.
        var priority: Int64
        var shipmentCost: Int64
        var unitCost: Int64
        /// Places in `lanes`.
        var lanes: Range<Int>
        /// Places in `slots`.
        var slots: Range<Int>
    }

    /// A service at a node.
    struct LaneFacts: Sendable {
        var service: Int
        /// The place in `origins` of the country that it starts in.
        var origin: Int
        /// Where in `latestStarts` the lane's slots begin.
        var starts: Int
    }

    /// A slot in the order in which slots are tried: by day, then by place.
    struct SlotFacts: Sendable {
        /// Its place in the node's slots.
        var place: Int
        var day: Day
        /// 0: as many orders as come.
        var ordersCapacity: Int64
    }

    struct ServiceFacts: Sendable {
        var isPickUp: Bool
        var carriesHazardous: Bool
        var days: DeliveryDays
    }

    let nodes: [NodeFacts]
    /// By node; nil: all.
    let countriesServed: [Set<String>?]
    let lanes: [LaneFacts]
    let slots: [SlotFacts]
    /// By lane, then by slot in the order of `slots`: the last moment at which work on an order may
    /// still begin, as microseconds; the least number when there is none.
    let latestStarts: [Int64]
    let services: [ServiceFacts]
    let rates: RateTable
    let places: PlaceTable

    /// Lays a network out; takes some milliseconds for a large one.
    package init(_ network: Network) {
        self.network = network
        let origins = Set(network.nodes.map(\.country)).sorted()
        let originPlaces = Dictionary(
            uniqueKeysWithValues: origins.enumerated().map { ($1, $0) }
        )
        var nodes: [NodeFacts] = []
        var lanes: [LaneFacts] = []
        var slots: [SlotFacts] = []
        var starts: [Int64] = []
        for node in network.nodes {
            let order = node.slots.indices.sorted {
                (node.slots[$0].day, $0) < (node.slots[$1].day, $1)
            }
            let firstLane = lanes.count
            for lane in node.lanes where network.services.indices.contains(lane.service) {
                lanes.append(
                    LaneFacts(
                        service: lane.service,
                        origin: originPlaces[node.country] ?? 0,
                        starts: starts.count,
                    )
                )
                starts += order.map { Self.latestStart(node: node, lane: lane, slot: $0) }
            }
            let firstSlot = slots.count
            slots += order.map { place in
                SlotFacts(
                    place: place,
                    day: node.slots[place].day,
                    ordersCapacity: max(0, node.slots[place].orders?.capacity ?? 0),
                )
            }
            nodes.append(
                NodeFacts(
                    abilities: node.abilities,
                    isOpen: node.status == .open,
                    place: SpherePoint(node.place),
                    priority: max(0, Int64(node.priority)),
                    shipmentCost: max(0, node.shipmentCostMinor),
                    unitCost: max(0, node.unitCostMinor),
                    lanes: firstLane..<lanes.count,
                    slots: firstSlot..<slots.count,
                )
            )
        }
        self.nodes = nodes
        countriesServed = network.nodes.map {
            $0.countriesServed.isEmpty ? nil : $0.countriesServed
        }
        self.lanes = lanes
        self.slots = slots
        latestStarts = starts
        services = network.services.map { service in
            ServiceFacts(
                isPickUp: service.isPickUp,
                carriesHazardous: service.carriesHazardous,
                days: DeliveryDays(service.deliveryWeekdays),
            )
        }
        rates = RateTable(services: network.services, origins: origins)
        places = PlaceTable(network.places)
    }

    private static func latestStart(node: Node, lane: Lane, slot: Int) -> Int64 {
        guard lane.cutoffs.indices.contains(slot) else { return .min }
        let window = node.slots[slot]
        let handling = Int64(max(0, node.handlingMinutes)) * 60_000
        let latest = min(window.closesAt, lane.cutoffs[slot]).advanced(milliseconds: -handling)
        return latest < window.opensAt ? .min : latest.microseconds
    }
}

/// The days of the week on which a service delivers, as distances between them.
struct DeliveryDays: Sendable {
    /// How many in a week.
    private let perWeek: Int32
    /// By weekday from Monday, then by count: days until the next delivery days after it.
    private let distances: [49 of Int32]

    /// Bit 0 is Monday.
    init(_ weekdays: UInt8) {
        let days = weekdays & 0x7F
        perWeek = Int32(days.nonzeroBitCount)
        var distances = [49 of Int32](repeating: 0)
        for weekday in 0..<7 {
            var count = 0
            for distance in 1...7 where days & (1 << UInt8((weekday + distance) % 7)) != 0 {
                distances[weekday * 7 + count] = Int32(distance)
                count += 1
            }
        }
        self.distances = distances
    }

    /// The day on which something arrives that leaves on `day`; nil when it never does.
    ///
    /// That is the delivery day so many after it; with no days of transit the first that is not before it.
    func arrival(leaving day: Day, transitDays: Int16) -> Day? {
        guard perWeek > 0 else { return nil }
        var from = Int64(day)
        var count = Int32(max(0, transitDays))
        if count == 0 {
            from -= 1
            count = 1
        }
        // Day 0 was a Thursday.
        let weekday = Int((from % 7 + 7 + 3) % 7)
        let weeks = (count - 1) / perWeek
        let rest = Int((count - 1) % perWeek)
        return Day(clamping: from + Int64(weeks) * 7 + Int64(distances[weekday * 7 + rest]))
    }
}

/// Postal codes are compared without regard to case, spaces and hyphens.
func postalLetters(_ text: String) -> [UInt8] {
    text.utf8.compactMap { byte in
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "-"): nil
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
        default: byte
        }
    }
}

/// Where a country's postal codes are.
struct PlaceTable: Sendable {
    private let places: [String: [(prefix: [UInt8], point: SpherePoint)]]

    init(_ known: [KnownPlace]) {
        var places: [String: [(prefix: [UInt8], point: SpherePoint)]] = [:]
        for place in known {
            places[place.country, default: []]
                .append((postalLetters(place.postalPrefix), SpherePoint(place.point)))
        }
        for country in places.keys {
            // Sorting keeps the order of equals, so the first of them counts.
            places[country]?.sort { $0.prefix.count > $1.prefix.count }
        }
        self.places = places
    }

    func point(of destination: Destination, letters: [UInt8]) -> SpherePoint? {
        if let point = destination.point { return SpherePoint(point) }
        return places[destination.country]?.first { letters.starts(with: $0.prefix) }?.point
    }
}
