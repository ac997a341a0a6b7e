// Reads the network from documents and says everything that is wrong with them. Whether names that
// stand elsewhere exist is for `NetworkChecks` to see.

package import Base
package import Domain

/// What was read, and where everything stands.
package struct NetworkDraft: Sendable {
    package var definition = NetworkDefinition()
    /// Where each node of the definition stands, with its path; services likewise.
    package var nodePlaces: [(place: DocumentPlace, path: String)] = []
    package var servicePlaces: [(place: DocumentPlace, path: String)] = []
    /// Where each lane of each node stands.
    package var lanePlaces: [[(place: DocumentPlace, path: String)]] = []
    /// Every time zone that is named, also by nodes that are wrong otherwise.
    package var zones: [(name: String, place: DocumentPlace, path: String)] = []
    package var currencyPlace = DocumentPlace(file: "", line: 1)

    package init() {}
}

/// Reads documents of the network.
package struct NetworkReader {
    package internal(set) var reader = DocumentReader()
    package internal(set) var draft = NetworkDraft()

    static let nodeMembers: Set<String> = [
        "name", "kind", "status", "latitude", "longitude", "country", "time_zone", "abilities",
        "countries", "handling_minutes", "priority", "shipment_cost_minor", "unit_cost_minor",
        "currency", "calendar", "exceptions", "lanes",
    ]
    static let serviceMembers: Set<String> = [
        "name", "carrier", "pick_up", "hazardous", "delivery_days", "currency", "rates",
    ]
    static let rateMembers: Set<String> = [
        "from", "to", "postal_prefix", "base_minor", "unit_minor", "kilogram_minor",
        "transit_days", "currency",
    ]
    static let placeMembers: Set<String> = ["country", "postal_prefix", "latitude", "longitude"]
    static let windowMembers: Set<String> = ["days", "opens", "closes", "orders", "units"]
    static let laneMembers: Set<String> = ["service", "cutoff"]
    /// The greatest amount of money, in minor units.
    static let minorMax: Int64 = 1_000_000_000

    package init() {}

    /// Reads one document that has `currency`, `services`, `nodes` and `places`, each of which may be
    /// missing.
    package mutating func read(_ document: DocumentValue) {
        let known: Set<String> = ["currency", "services", "nodes", "places"]
        guard let root = reader.object(document, "", known) else { return }
        if let value = root["currency"], let text = reader.text(root, "currency", max: 3) {
            note(currency: text, value.place, "currency")
        }
        for (value, path) in reader.list(root, "services") { service(value, path) }
        for (value, path) in reader.list(root, "nodes") { node(value, path) }
        for (value, path) in reader.list(root, "places") { place(value, path) }
    }

    // MARK: Parts

    /// All money of a network is in one currency.
    mutating func note(currency text: String, _ place: DocumentPlace, _ path: String) {
        guard text.utf8.count == 3, text.utf8.allSatisfy({ (0x41...0x5a).contains($0) }) else {
            reader.fail(place, path, "\"\(text)\" is no currency: three capital letters, as in EUR")
            return
        }
        if let first = draft.definition.currency, first != text {
            let other = draft.currencyPlace
            let earlier = other.file.isEmpty ? "line \(other.line)" : "\(other.file):\(other.line)"
            reader.fail(
                place,
                path,
                "is \(text), but \(earlier) says \(first): one network, one currency"
            )
            return
        }
        if draft.definition.currency == nil {
            draft.definition.currency = text
            draft.currencyPlace = place
        }
    }

    mutating func currency(of object: DocumentObject) {
        guard let value = object["currency"] else { return }
        if let text = reader.text(object, "currency", max: 3) {
            note(currency: text, value.place, object.path("currency"))
        }
    }

    mutating func service(_ value: DocumentValue, _ path: String) {
        guard let object = reader.object(value, path, Self.serviceMembers) else { return }
        let name = reader.text(object, "name", max: Limits.nameBytesMax)
        let carrier = reader.text(object, "carrier", max: Limits.nameBytesMax)
        let isPickUp = reader.bool(object, "pick_up", standard: false)
        let hazardous = reader.bool(object, "hazardous", standard: false)
        let days = weekdays(object, "delivery_days")
        currency(of: object)
        var rates: [Rate] = []
        for (value, path) in reader.list(object, "rates") {
            if let rate = rate(value, path) { rates.append(rate) }
        }
        repeated(rates, reader.list(object, "rates"))
        if isPickUp == false, object["rates"] == nil {
            reader.fail(object, "rates", "is missing: what it costs, and how long it takes")
        }
        guard let name, let carrier, let isPickUp, let hazardous, let days else { return }
        if draft.definition.services.contains(where: { $0.name == name }) {
            reader.fail(object, "name", "\(name) is defined twice")
            return
        }
        draft.definition.services.append(
            CarrierService(
                name: name,
                carrier: carrier,
                isPickUp: isPickUp,
                carriesHazardous: hazardous,
                deliveryWeekdays: days.rawValue,
                rates: rates,
            )
        )
        draft.servicePlaces.append((value.place, path))
    }

    /// Two rows of a zone table for the same way are a mistake.
    private mutating func repeated(
        _ rates: [Rate],
        _ values: [(value: DocumentValue, path: String)],
    ) {
        guard rates.count == values.count else { return }
        var seen: Set<[String]> = []
        for (rate, place) in zip(rates, values) {
            let key = [rate.origin ?? "", rate.destination ?? "", rate.postalPrefix]
            if !seen.insert(key).inserted {
                reader.fail(place.value.place, place.path, "the same way is in the table twice")
            }
        }
    }

    private mutating func rate(_ value: DocumentValue, _ path: String) -> Rate? {
        guard let object = reader.object(value, path, Self.rateMembers) else { return nil }
        currency(of: object)
        let origin = object["from"] == nil ? nil : country(object, "from")
        let destination = object["to"] == nil ? nil : country(object, "to")
        let prefix = reader.text(object, "postal_prefix", max: 16, standard: "")
        let base = reader.number(object, "base_minor", in: 0...Self.minorMax)
        let unit = reader.number(object, "unit_minor", in: 0...Self.minorMax, standard: 0)
        let kilogram = reader.number(object, "kilogram_minor", in: 0...Self.minorMax, standard: 0)
        let days = reader.number(object, "transit_days", in: 0...365)
        if prefix?.isEmpty == false, object["to"] == nil {
            reader.fail(object, "postal_prefix", "has no country: `to` is missing")
        }
        guard let prefix, let base, let unit, let kilogram, let days else { return nil }
        return Rate(
            origin: origin,
            destination: destination,
            postalPrefix: prefix,
            baseMinor: base,
            unitMinor: unit,
            kilogramMinor: kilogram,
            transitDays: Int16(days),
        )
    }

    mutating func place(_ value: DocumentValue, _ path: String) {
        guard let object = reader.object(value, path, Self.placeMembers) else { return }
        let country = country(object, "country")
        let prefix = reader.text(object, "postal_prefix", max: 16, standard: "")
        let point = point(object)
        guard let country, let prefix, let point else { return }
        if draft.definition.places.contains(where: {
            $0.country == country && $0.postalPrefix == prefix
        }) {
            let what = prefix.isEmpty ? country : "\(country) \(prefix)"
            reader.fail(value.place, path, "\(what) is defined twice")
            return
        }
        draft.definition.places.append(
            KnownPlace(country: country, postalPrefix: prefix, point: point)
        )
    }

    // MARK: Values

    mutating func point(_ object: DocumentObject) -> GeoPoint? {
        let latitude = reader.degrees(object, "latitude", max: 90)
        let longitude = reader.degrees(object, "longitude", max: 180)
        guard let latitude, let longitude else { return nil }
        return GeoPoint(latitudeE6: latitude, longitudeE6: longitude)
    }

    mutating func country(_ object: DocumentObject, _ name: String) -> String? {
        guard let text = reader.text(object, name, max: 64) else { return nil }
        if Countries.all.contains(text) { return text }
        reader.fail(
            object,
            name,
            "\"\(text)\" is no country: two capital letters of ISO 3166, as in GB"
        )
        return nil
    }

    /// Days of the week, all when they are missing; `MON-FRI` is a word for five of them.
    mutating func weekdays(_ object: DocumentObject, _ name: String) -> Weekdays? {
        if object[name] == nil { return .all }
        var days: Weekdays = []
        var isRight = true
        for (text, place, path) in reader.words(object, name) {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false)
                .map { end in Weekdays.names.firstIndex(of: String(end)) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
                first <= last
            else {
                let names = Weekdays.names.joined(separator: ", ")
                reader.fail(place, path, "\"\(text)\" is no day; there are \(names), and MON-FRI")
                isRight = false
                continue
            }
            for day in first...last { days.insert(Weekdays(rawValue: 1 << UInt8(day))) }
        }
        if isRight, days.isEmpty { reader.fail(object, name, "must have a day") }
        return isRight ? days : nil
    }

    /// A time of the day as in `17:30`, in minutes; 24:00 only where it `mayEnd` the day.
    mutating func time(
        _ object: DocumentObject,
        _ name: String,
        mayEnd: Bool,
    ) -> Int16? {
        guard let text = reader.text(object, name, max: 64) else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hours = Int16(parts[0]),
            let minutes = Int16(parts[1]), (0...24).contains(hours), (0...59).contains(minutes),
            hours * 60 + minutes <= (mayEnd ? 1_440 : 1_439)
        {
            return hours * 60 + minutes
        }
        reader.fail(object, name, "\"\(text)\" is no time of the day, as in 08:00")
        return nil
    }
}
