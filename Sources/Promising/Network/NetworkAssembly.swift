// Makes the network of what is stored: documents and slots.

package import Base
package import Domain

/// A slot as it is stored.
package struct StoredSlot: Sendable {
    package var node: String
    package var slot: Slot
    /// When each lane of the node is fetched that day, in the order of its document.
    package var cutoffs: [Instant]

    package init(node: String, slot: Slot, cutoffs: [Instant]) {
        self.node = node
        self.slot = slot
        self.cutoffs = cutoffs
    }
}

extension NetworkDefinition {
    /// The definition that items make.
    ///
    /// - Throws: `broken` when a stored document cannot be read, which no document of ours is.
    package init(_ items: [NetworkItem]) throws(Failure) {
        self.init()
        var reader = NetworkReader()
        for item in items {
            guard let document = item.document else { continue }
            if item.kind == .currency {
                currency = document
                continue
            }
            let name = "\(item.kind) \(item.name)"
            do throws(DocumentFault) {
                reader.read(try DocumentValue(json: document, file: name), as: item.kind)
            } catch {
                throw .broken("a stored document cannot be read: \(error)")
            }
        }
        if let fault = reader.reader.faults.first {
            throw .broken("a stored document is wrong: \(fault)")
        }
        services = reader.draft.definition.services
        places = reader.draft.definition.places
        nodes = reader.draft.definition.nodes
        let statuses = items.filter { $0.kind == .node }.map { ($0.name, $0.status) }
        let statusOf = Dictionary(statuses, uniquingKeysWith: { first, _ in first })
        for index in nodes.indices { nodes[index].status = statusOf[nodes[index].name] ?? .open }
        services.sort { $0.name < $1.name }
        nodes.sort { $0.name < $1.name }
        places.sort { $0.name < $1.name }
    }
}

extension NetworkReader {
    /// Reads one part.
    fileprivate mutating func read(_ document: DocumentValue, as kind: NetworkItemKind) {
        switch kind {
        case .node: node(document, "")
        case .service: service(document, "")
        case .place: place(document, "")
        case .currency: break
        }
    }
}

extension Network {
    /// The network of a definition and the slots that were laid for it.
    package init(
        version: Int64,
        _ definition: NetworkDefinition,
        slots: [StoredSlot],
    ) throws(Failure) {
        let services = definition.services
        var places: [String: Int] = [:]
        for (index, service) in services.enumerated() { places[service.name] = index }
        let slotsOf = Dictionary(grouping: slots, by: \.node)
        var nodes: [Node] = []
        for node in definition.nodes {
            let slots = slotsOf[node.name] ?? []
            var lanes: [Lane] = []
            for (index, lane) in node.lanes.enumerated() {
                guard let service = places[lane.service],
                    slots.allSatisfy({ $0.cutoffs.count == node.lanes.count })
                else {
                    throw .broken(
                        "lane \(lane.service) of node \(node.name) does not fit its slots"
                    )
                }
                lanes.append(Lane(service: service, cutoffs: slots.map { $0.cutoffs[index] }))
            }
            nodes.append(
                Node(
                    name: node.name,
                    kind: node.kind,
                    status: node.status ?? .open,
                    place: node.place,
                    country: node.country,
                    timeZone: node.timeZone,
                    abilities: node.abilities,
                    countriesServed: Set(node.countriesServed),
                    handlingMinutes: node.handlingMinutes,
                    priority: node.priority,
                    shipmentCostMinor: node.shipmentCostMinor,
                    unitCostMinor: node.unitCostMinor,
                    lanes: lanes,
                    slots: slots.map(\.slot),
                )
            )
        }
        self.init(
            version: version,
            currency: definition.currency ?? "",
            nodes: nodes,
            services: services,
            places: definition.places,
        )
    }

    /// The network before anything was put.
    package static let empty = Network(
        version: 0,
        currency: "",
        nodes: [],
        services: [],
        places: [],
    )
}
