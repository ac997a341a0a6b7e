// Reads nodes with their calendars and lanes.

internal import Base
package import Domain

extension NetworkReader {
    mutating func node(_ value: DocumentValue, _ path: String) {
        guard let object = reader.object(value, path, Self.nodeMembers) else { return }
        currency(of: object)
        let name = reader.text(object, "name", max: Limits.nameBytesMax)
        let kind = choice(object, "kind", NodeKind.allCases, \.name)
        let status =
            object["status"] == nil ? nil : choice(object, "status", NodeStatus.allCases, \.name)
        let point = point(object)
        let country = country(object, "country")
        let zone = reader.text(object, "time_zone", max: Limits.nameBytesMax)
        if let zone {
            draft.zones.append((zone, object.place("time_zone"), object.path("time_zone")))
        }
        let abilities = abilities(object)
        let countries = countries(object)
        let handling = reader.number(object, "handling_minutes", in: 0...43_200, standard: 0)
        let priority = reader.number(object, "priority", in: 0...1_000, standard: 0)
        let shipment = reader.number(
            object,
            "shipment_cost_minor",
            in: 0...Self.minorMax,
            standard: 0,
        )
        let unit = reader.number(object, "unit_cost_minor", in: 0...Self.minorMax, standard: 0)
        let calendar = calendar(object, "calendar", hasDays: true)
        let exceptions = exceptions(object)
        let lanes = lanes(object)
        guard let name, let kind, let point, let country, let zone, let abilities, let handling,
            let priority, let shipment, let unit
        else { return }
        if draft.definition.nodes.contains(where: { $0.name == name }) {
            reader.fail(object, "name", "\(name) is defined twice")
            return
        }
        draft.definition.nodes.append(
            NodeDefinition(
                name: name,
                kind: kind,
                status: status,
                place: point,
                country: country,
                timeZone: zone,
                abilities: abilities,
                countriesServed: countries,
                handlingMinutes: Int32(handling),
                priority: Int32(priority),
                shipmentCostMinor: shipment,
                unitCostMinor: unit,
                calendar: calendar,
                exceptions: exceptions,
                lanes: lanes.map(\.lane),
            )
        )
        draft.nodePlaces.append((value.place, path))
        draft.lanePlaces.append(lanes.map { ($0.place, $0.path) })
    }

    // MARK: Private

    private mutating func choice<Value>(
        _ object: DocumentObject,
        _ name: String,
        _ values: [Value],
        _ nameOf: KeyPath<Value, String>,
    ) -> Value? {
        guard let text = reader.text(object, name, max: 64) else { return nil }
        if let value = values.first(where: { $0[keyPath: nameOf] == text }) { return value }
        let names = values.map { $0[keyPath: nameOf] }.joined(separator: ", ")
        reader.fail(object, name, "\"\(text)\" is none of \(names)")
        return nil
    }

    private mutating func abilities(_ object: DocumentObject) -> NodeAbilities? {
        if object["abilities"] == nil { return .ship }
        var abilities: NodeAbilities = []
        for (text, place, path) in reader.words(object, "abilities") {
            guard let ability = NodeAbilities.names.first(where: { $0.name == text }) else {
                let names = NodeAbilities.names.map(\.name).joined(separator: ", ")
                reader.fail(place, path, "\"\(text)\" is none of \(names)")
                continue
            }
            abilities.insert(ability.ability)
        }
        return abilities
    }

    private mutating func countries(_ object: DocumentObject) -> [String] {
        var countries: Set<String> = []
        for (text, place, path) in reader.words(object, "countries") {
            if Countries.all.contains(text) {
                countries.insert(text)
            } else {
                reader.fail(
                    place,
                    path,
                    "\"\(text)\" is no country: two capital letters of ISO 3166"
                )
            }
        }
        return countries.sorted()
    }

    private mutating func calendar(
        _ object: DocumentObject,
        _ name: String,
        hasDays: Bool,
    ) -> [CalendarWindow] {
        var known = Self.windowMembers
        if !hasDays { known.remove("days") }
        var windows: [(window: CalendarWindow, place: DocumentPlace, path: String)] = []
        for (value, path) in reader.list(object, name) {
            guard let item = reader.object(value, path, known) else { continue }
            let days = hasDays ? weekdays(item, "days") : .all
            let opens = time(item, "opens", mayEnd: false)
            let closes = time(item, "closes", mayEnd: true)
            let orders = reader.limit(item, "orders", in: 0...Limits.quantityMax)
            let units = reader.limit(item, "units", in: 0...Limits.quantityMax)
            guard let days, let opens, let closes else { continue }
            if closes <= opens {
                reader.fail(
                    item,
                    "closes",
                    "is not after `opens`; a window ends on its day, at 24:00"
                )
                continue
            }
            let window = CalendarWindow(
                days: days,
                opens: opens,
                closes: closes,
                orders: orders,
                units: units,
            )
            for other in windows
            where !other.window.days.isDisjoint(with: days) && other.window.opens < closes
                && opens < other.window.closes
            {
                let line = value.place.line == other.place.line ? "" : " (line \(other.place.line))"
                reader.fail(item, "opens", "the window overlaps \(other.path)\(line)")
                break
            }
            windows.append((window, value.place, path))
        }
        return windows.map(\.window)
            .sorted {
                ($0.opens, $0.closes, $0.days.rawValue) < ($1.opens, $1.closes, $1.days.rawValue)
            }
    }

    private mutating func exceptions(_ object: DocumentObject) -> [CalendarException] {
        var exceptions: [CalendarException] = []
        for (value, path) in reader.list(object, "exceptions") {
            guard let item = reader.object(value, path, ["date", "windows"]) else { continue }
            let windows = calendar(item, "windows", hasDays: false)
            guard let date = reader.text(item, "date", max: 64) else { continue }
            guard Days.day(date) != nil else {
                reader.fail(item, "date", "\"\(date)\" is no date, as in 2026-12-25")
                continue
            }
            if exceptions.contains(where: { $0.date == date }) {
                reader.fail(item, "date", "\(date) is there twice")
                continue
            }
            exceptions.append(CalendarException(date: date, windows: windows))
        }
        return exceptions.sorted { $0.date < $1.date }
    }

    private mutating func lanes(
        _ object: DocumentObject
    ) -> [(lane: LaneDefinition, place: DocumentPlace, path: String)] {
        var lanes: [(lane: LaneDefinition, place: DocumentPlace, path: String)] = []
        for (value, path) in reader.list(object, "lanes") {
            guard let item = reader.object(value, path, Self.laneMembers) else { continue }
            let service = reader.text(item, "service", max: Limits.nameBytesMax)
            let cutoff = time(item, "cutoff", mayEnd: true)
            guard let service, let cutoff else { continue }
            if lanes.contains(where: { $0.lane.service == service }) {
                reader.fail(item, "service", "\(service) is there twice")
                continue
            }
            lanes.append(
                (
                    LaneDefinition(service: service, cutoff: cutoff), item.place("service"),
                    item.path("service")
                )
            )
        }
        return lanes.sorted { $0.lane.service < $1.lane.service }
    }
}

extension NodeAbilities {
    /// The names that documents use.
    package static let names: [(name: String, ability: NodeAbilities)] = [
        ("SHIP", .ship), ("PICK_UP", .pickUp), ("HAZARDOUS", .hazardous),
    ]
}
