// Writes rule sets as canonical JSON: the same text means the same.

internal import Base
package import Domain

extension Goals {
    /// The weights with the names that documents use.
    static var weights: [(name: String, path: WritableKeyPath<Goals, Int64>)] {
        [
            ("cost", \.cost), ("distance", \.distance), ("shipments", \.shipments),
            ("promise", \.promise), ("balance", \.balance), ("priority", \.priority),
            ("scarcity", \.scarcity),
        ]
    }
}

extension RuleSet {
    /// The document of the rule set, without its version.
    package var document: String {
        var writer = JSONWriter()
        writer.object { root in
            root.add("name", name)
            root.list("rules") { list in
                for rule in rules { list.object { $0.add(rule) } }
            }
            root.object("goals") { object in
                for (name, path) in Goals.weights { object.add(name, goals[keyPath: path]) }
                object.add("scarce_below", goals.scarceBelow)
            }
        }
        return writer.text
    }

    /// Reads a document that was stored.
    ///
    /// - Throws: `broken` when it cannot be read, which no document of ours is.
    package init(stored document: String, name: String, version: Int32) throws(Failure) {
        let file = DocumentFile(name: "rule set \(name)", text: document)
        let draft = RuleSetReader.read(file, network: nil)
        if let fault = draft.faults.first(where: { !$0.isWarning }) {
            throw .broken("a stored rule set is wrong: \(fault)")
        }
        self = draft.rules
        self.version = version
    }
}

extension JSONWriter {
    fileprivate mutating func add(_ rule: HardRule) {
        switch rule {
        case .notFrom(let filter, let destinations):
            add("rule", "NOT_FROM")
            add(filter)
            if !destinations.isEmpty { add("destinations", destinations.sorted()) }
        case .onlyFrom(let filter, let destinations):
            add("rule", "ONLY_FROM")
            add(filter)
            if !destinations.isEmpty { add("destinations", destinations.sorted()) }
        case .shipmentsAtMost(1): add("rule", "NO_SPLIT")
        case .shipmentsAtMost(let shipments):
            add("rule", "SHIPMENTS_AT_MOST")
            add("shipments", Int64(shipments))
        case .linesWhole: add("rule", "LINES_WHOLE")
        case .arrivesWithin(let days):
            add("rule", "ARRIVES_WITHIN")
            add("days", Int64(days))
        case .keepsLast(let units, let filter):
            add("rule", "KEEPS_LAST")
            add("units", units)
            add(filter)
        }
    }

    private mutating func add(_ filter: NodeFilter) {
        if !filter.nodes.isEmpty { add("nodes", filter.nodes.sorted()) }
        if !filter.kinds.isEmpty {
            let kinds = NodeKind.allCases.filter { filter.kinds.contains($0) }
            add("kinds", kinds.map(\.name))
        }
        if !filter.countries.isEmpty { add("countries", filter.countries.sorted()) }
    }
}
