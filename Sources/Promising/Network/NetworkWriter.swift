// Writes the parts of a network as canonical JSON, which the reader reads: the same text means the
// same, so that an import that changes nothing can be told by comparing texts.

internal import Base
package import Domain

extension NodeDefinition {
    /// The document of the node, without its status.
    package var document: String {
        var writer = JSONWriter()
        writer.object { node in
            node.add("name", name)
            node.add("kind", kind.name)
            node.add("latitude", millionths: place.latitudeE6)
            node.add("longitude", millionths: place.longitudeE6)
            node.add("country", country)
            node.add("time_zone", timeZone)
            let abilities = NodeAbilities.names.filter { self.abilities.contains($0.ability) }
            node.add("abilities", abilities.map(\.name))
            node.add("countries", countriesServed)
            node.add("handling_minutes", Int64(handlingMinutes))
            node.add("priority", Int64(priority))
            node.add("shipment_cost_minor", shipmentCostMinor)
            node.add("unit_cost_minor", unitCostMinor)
            node.list("calendar") { list in
                for window in calendar { list.add(window, hasDays: true) }
            }
            node.list("exceptions") { list in
                for exception in exceptions {
                    list.object { item in
                        item.add("date", exception.date)
                        item.list("windows") { windows in
                            for window in exception.windows { windows.add(window, hasDays: false) }
                        }
                    }
                }
            }
            node.list("lanes") { list in
                for lane in lanes {
                    list.object { item in
                        item.add("service", lane.service)
                        item.add("cutoff", clockText(lane.cutoff))
                    }
                }
            }
        }
        return writer.text
    }
}

extension CarrierService {
    /// The document of the service.
    package var document: String {
        var writer = JSONWriter()
        writer.object { service in
            service.add("name", name)
            service.add("carrier", carrier)
            service.add("pick_up", isPickUp)
            service.add("hazardous", carriesHazardous)
            service.add("delivery_days", Weekdays(rawValue: deliveryWeekdays).names)
            service.list("rates") { list in
                for rate in rates {
                    list.object { item in
                        if let origin = rate.origin { item.add("from", origin) }
                        if let destination = rate.destination { item.add("to", destination) }
                        item.add("postal_prefix", rate.postalPrefix)
                        item.add("base_minor", rate.baseMinor)
                        item.add("unit_minor", rate.unitMinor)
                        item.add("kilogram_minor", rate.kilogramMinor)
                        item.add("transit_days", Int64(rate.transitDays))
                    }
                }
            }
        }
        return writer.text
    }
}

extension KnownPlace {
    /// Names the place among places.
    package var name: String { postalPrefix.isEmpty ? country : "\(country) \(postalPrefix)" }

    /// The document of the place.
    package var document: String {
        var writer = JSONWriter()
        writer.object { item in
            item.add("country", country)
            item.add("postal_prefix", postalPrefix)
            item.add("latitude", millionths: point.latitudeE6)
            item.add("longitude", millionths: point.longitudeE6)
        }
        return writer.text
    }
}

extension NetworkDefinition {
    /// One document of all of it, which can be imported again.
    package var document: String {
        var writer = JSONWriter()
        writer.object { root in
            if let currency { root.add("currency", currency) }
            root.list("services") { list in for item in services { list.add(json: item.document) } }
            root.list("nodes") { list in for item in nodes { list.add(json: item.document) } }
            root.list("places") { list in for item in places { list.add(json: item.document) } }
        }
        return writer.text
    }
}

extension JSONWriter {
    fileprivate mutating func add(_ window: CalendarWindow, hasDays: Bool) {
        object { item in
            if hasDays { item.add("days", window.days.names) }
            item.add("opens", clockText(window.opens))
            item.add("closes", clockText(window.closes))
            item.add("orders", optional: window.orders)
            item.add("units", optional: window.units)
        }
    }
}

/// Minutes of a day as in 08:00.
private func clockText(_ minutes: Int16) -> String {
    let digits = { (number: Int16) in number < 10 ? "0\(number)" : "\(number)" }
    return digits(minutes / 60) + ":" + digits(minutes % 60)
}
