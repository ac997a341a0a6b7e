// A node of a test's network, of which only its name and its slots matter.

import Domain

extension Node {
    static func plain(_ name: String, slots: [Slot]) -> Node {
        Node(
            name: name,
            kind: .store,
            status: .open,
            place: GeoPoint(latitudeE6: 1, longitudeE6: -2),
            country: "GB",
            timeZone: "UTC",
            abilities: .ship,
            countriesServed: [],
            handlingMinutes: 0,
            priority: 0,
            shipmentCostMinor: 0,
            unitCostMinor: 0,
            lanes: [],
            slots: slots,
        )
    }
}
