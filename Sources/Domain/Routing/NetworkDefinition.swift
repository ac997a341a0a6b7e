// The network as people define it: calendars instead of slots, names instead of places in lists. What
// `Network` is made of, version by version.

/// Days of the week; bit 0 is Monday.
package struct Weekdays: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let all = Weekdays(rawValue: 0x7f)
    package static let names = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]

    /// The names of those in it, Monday first.
    package var names: [String] {
        Self.names.enumerated().filter { rawValue & 1 << UInt8($0.offset) != 0 }.map(\.element)
    }
}

/// A window of a day, in minutes of the node's local day.
package struct CalendarWindow: Hashable, Sendable {
    /// On which days; all for that of an exception.
    package var days: Weekdays
    package var opens: Int16
    /// Up to 1440, which is midnight.
    package var closes: Int16
    /// Orders that it takes; nil: as many as come.
    package var orders: Int64?
    package var units: Int64?

    package init(days: Weekdays, opens: Int16, closes: Int16, orders: Int64?, units: Int64?) {
        self.days = days
        self.opens = opens
        self.closes = closes
        self.orders = orders
        self.units = units
    }
}

/// A day that is not as its day of the week is.
package struct CalendarException: Hashable, Sendable {
    /// As in `2026-12-25`, local.
    package var date: String
    /// None: closed.
    package var windows: [CalendarWindow]

    package init(date: String, windows: [CalendarWindow]) {
        self.date = date
        self.windows = windows
    }
}

/// A carrier's service that comes to a node.
package struct LaneDefinition: Hashable, Sendable {
    package var service: String
    /// When it is fetched, in minutes of the node's local day.
    package var cutoff: Int16

    package init(service: String, cutoff: Int16) {
        self.service = service
        self.cutoff = cutoff
    }
}

/// A node as it is defined.
package struct NodeDefinition: Hashable, Sendable {
    package var name: String
    package var kind: NodeKind
    /// Nil: as it is, or open when it is new.
    package var status: NodeStatus?
    package var place: GeoPoint
    package var country: String
    package var timeZone: String
    package var abilities: NodeAbilities
    /// In order; empty: all.
    package var countriesServed: [String]
    package var handlingMinutes: Int32
    package var priority: Int32
    package var shipmentCostMinor: Int64
    package var unitCostMinor: Int64
    package var calendar: [CalendarWindow]
    /// By date.
    package var exceptions: [CalendarException]
    package var lanes: [LaneDefinition]

    package init(
        name: String,
        kind: NodeKind,
        status: NodeStatus?,
        place: GeoPoint,
        country: String,
        timeZone: String,
        abilities: NodeAbilities,
        countriesServed: [String],
        handlingMinutes: Int32,
        priority: Int32,
        shipmentCostMinor: Int64,
        unitCostMinor: Int64,
        calendar: [CalendarWindow],
        exceptions: [CalendarException],
        lanes: [LaneDefinition],
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
        self.calendar = calendar
        self.exceptions = exceptions
        self.lanes = lanes
    }
}

/// The network as it is defined, or a part of it that is to be put.
package struct NetworkDefinition: Hashable, Sendable {
    /// ISO 4217; nil in a part: the one that the network has.
    package var currency: String?
    package var services: [CarrierService] = []
    package var nodes: [NodeDefinition] = []
    package var places: [KnownPlace] = []

    package init() {}
}
