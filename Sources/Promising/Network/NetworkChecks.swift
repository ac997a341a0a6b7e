// What makes a network whole: names that stand elsewhere, one currency, time zones that exist. Holds a
// draft against the network that it is put into.

package import Base
package import Domain

/// A draft held against the network that it is to become part of.
package struct NetworkChecks {
    package private(set) var faults: [DocumentFault] = []
    private let draft: NetworkDraft
    private let current: NetworkDefinition

    /// - Parameters:
    ///   - current: what stays beside the draft; empty when the draft replaces all.
    ///   - unknownZones: time zones of the draft that Postgres does not know.
    package init(
        _ draft: NetworkDraft,
        current: NetworkDefinition,
        unknownZones: Set<String>,
    ) {
        self.draft = draft
        self.current = current
        currency()
        zones(unknownZones)
        services()
        nodes()
    }

    private mutating func currency() {
        let wanted = draft.definition.currency
        if let wanted, let there = current.currency, wanted != there {
            let isMoney = !current.nodes.isEmpty || !current.services.isEmpty
            if isMoney {
                fail(
                    (draft.currencyPlace, "currency"),
                    "is \(wanted), but the network counts in \(there)",
                )
            }
        }
        if wanted == nil, current.currency == nil {
            fail((draft.currencyPlace, "currency"), "is missing, and the network has none yet")
        }
    }

    private mutating func zones(_ unknown: Set<String>) {
        for (name, place, path) in draft.zones where unknown.contains(name) {
            fail((place, path), "\"\(name)\" is no time zone, as in Europe/London")
        }
    }

    private mutating func services() {
        var names = Set(draft.definition.services.map(\.name))
        names.formUnion(current.services.map(\.name))
        let pickUp = Set(
            (current.services.filter { !draft.names($0.name) } + draft.definition.services)
                .filter(\.isPickUp).map(\.name)
        )
        for (node, places) in zip(draft.definition.nodes, draft.lanePlaces) {
            for (lane, place) in zip(node.lanes, places) {
                if !names.contains(lane.service) {
                    fail(place, "there is no service \(lane.service)")
                } else if pickUp.contains(lane.service), !node.abilities.contains(.pickUp) {
                    fail(place, "\(lane.service) is collection, and \(node.name) has no PICK_UP")
                }
            }
        }
    }

    /// What may be meant so, but makes a node useless.
    private mutating func nodes() {
        for (node, place) in zip(draft.definition.nodes, draft.nodePlaces) {
            if node.lanes.isEmpty {
                warn(place, "\(node.name) has no lane: nothing is sent from it")
            }
            if node.calendar.isEmpty, node.exceptions.isEmpty {
                warn(place, "\(node.name) has no calendar: it is never open")
            }
        }
        let used = Set((draft.definition.nodes + current.nodes).flatMap { $0.lanes.map(\.service) })
        for (service, place) in zip(draft.definition.services, draft.servicePlaces)
        where !used.contains(service.name) {
            warn(place, "no node has a lane of \(service.name)")
        }
    }

    private mutating func fail(_ at: (place: DocumentPlace, path: String), _ text: String) {
        faults.append(DocumentFault(at.place, field: at.path, text))
    }

    private mutating func warn(_ at: (place: DocumentPlace, path: String), _ text: String) {
        faults.append(DocumentFault(at.place, field: at.path, text, isWarning: true))
    }
}

extension NetworkDraft {
    fileprivate func names(_ service: String) -> Bool {
        definition.services.contains { $0.name == service }
    }
}
