// Reads rule sets from documents, and says everything that is wrong with them.

package import Base
package import Domain

/// What was read of a rule set.
package struct RuleSetDraft: Sendable {
    /// With version 0: Postgres counts them.
    package var rules: RuleSet
    package var faults: [DocumentFault]
}

/// Reads documents of rule sets.
package struct RuleSetReader {
    private var reader = DocumentReader()
    /// Where each rule stands.
    private var places: [(rule: HardRule, place: DocumentPlace, path: String)] = []

    private static let filterMembers: Set<String> = ["nodes", "kinds", "countries"]
    /// The greatest weight of a goal.
    private static let weightMax: Int64 = 1_000_000

    private init() {}

    /// Reads one document.
    ///
    /// - Parameter network: what names of nodes are held against; nil: nothing.
    package static func read(_ file: DocumentFile, network: Network?) -> RuleSetDraft {
        var me = RuleSetReader()
        var rules = RuleSet(name: "", version: 0, rules: [], goals: Goals())
        do throws(DocumentFault) {
            let document = try DocumentValue(json: file.text, file: file.name)
            me.read(document, into: &rules)
        } catch {
            me.reader.add([error])
        }
        me.checkTogether()
        if let network { me.check(against: network) }
        let faults = me.reader.faults.sorted {
            ($0.place.line, $0.field) < ($1.place.line, $1.field)
        }
        return RuleSetDraft(rules: rules, faults: faults)
    }

    // MARK: Reading

    private mutating func read(_ document: DocumentValue, into rules: inout RuleSet) {
        guard let root = reader.object(document, "", ["name", "rules", "goals"]) else { return }
        if let name = reader.text(root, "name", max: Limits.nameBytesMax) {
            rules.name = name
            if name == RuleSet.standard.name {
                reader.fail(root, "name", "\(name) is built in: another name, please")
            }
        }
        for (value, path) in reader.list(root, "rules") {
            guard let rule = rule(value, path) else { continue }
            places.append((rule, value.place, path))
            rules.rules.append(rule)
        }
        guard let value = root["goals"] else {
            reader.fail(root, "goals", "is missing: what is wanted, and how much")
            return
        }
        rules.goals = goals(value)
    }

    private mutating func goals(_ value: DocumentValue) -> Goals {
        var goals = Goals()
        let known = Set(Goals.weights.map(\.name)).union(["scarce_below"])
        guard let object = reader.object(value, "goals", known) else { return goals }
        for (name, path) in Goals.weights {
            goals[keyPath: path] =
                reader.number(object, name, in: 0...Self.weightMax, standard: 0) ?? 0
        }
        goals.scarceBelow =
            reader.number(object, "scarce_below", in: 0...Limits.quantityMax, standard: 0) ?? 0
        if Goals.weights.allSatisfy({ goals[keyPath: $0.path] == 0 }) {
            reader.warn(
                value.place,
                "goals",
                "no goal has a weight: any plan is as good as another"
            )
        }
        if goals.scarcity > 0, goals.scarceBelow == 0 {
            reader.fail(
                object,
                "scarce_below",
                "must be said: below how many units a SKU is scarce"
            )
        }
        if goals.scarcity == 0, goals.scarceBelow > 0 {
            reader.warn(
                object.place("scarce_below"),
                object.path("scarce_below"),
                "does nothing without a weight of scarcity",
            )
        }
        return goals
    }

    private mutating func rule(_ value: DocumentValue, _ path: String) -> HardRule? {
        guard case .object(let members) = value.content,
            let kind = members.first(where: { $0.name == "rule" })?.value,
            case .text(let name) = kind.content
        else {
            reader.fail(value.place, path, "must be an object with the member `rule`")
            return nil
        }
        let filter = Self.filterMembers
        let known: [String: Set<String>] = [
            "NOT_FROM": filter.union(["destinations"]),
            "ONLY_FROM": filter.union(["destinations"]),
            "SHIPMENTS_AT_MOST": ["shipments"], "NO_SPLIT": [], "LINES_WHOLE": [],
            "ARRIVES_WITHIN": ["days"], "KEEPS_LAST": filter.union(["units"]),
        ]
        guard let own = known[name] else {
            let names = known.keys.sorted().joined(separator: ", ")
            reader.fail(kind.place, "\(path).rule", "\"\(name)\" is none of \(names)")
            return nil
        }
        guard let object = reader.object(value, path, own.union(["rule"])) else { return nil }
        switch name {
        case "NOT_FROM":
            return .notFrom(nodes(object), destinations: countries(object, "destinations"))
        case "ONLY_FROM":
            return .onlyFrom(nodes(object), destinations: countries(object, "destinations"))
        case "SHIPMENTS_AT_MOST":
            return reader.number(object, "shipments", in: 1...100)
                .map { .shipmentsAtMost(Int($0)) }
        case "NO_SPLIT": return .shipmentsAtMost(1)
        case "LINES_WHOLE": return .linesWhole
        case "ARRIVES_WITHIN":
            return reader.number(object, "days", in: 0...365)
                .map { .arrivesWithin(days: Int32($0)) }
        default:
            let filter = nodes(object)
            return reader.number(object, "units", in: 1...Limits.quantityMax)
                .map { .keepsLast(units: $0, filter) }
        }
    }

    private mutating func nodes(_ object: DocumentObject) -> NodeFilter {
        var filter = NodeFilter()
        for (text, place, path) in reader.words(object, "nodes") {
            if !filter.nodes.insert(text).inserted {
                reader.warn(place, path, "\(text) is there twice")
            }
        }
        for (text, place, path) in reader.words(object, "kinds") {
            if let kind = NodeKind.allCases.first(where: { $0.name == text }) {
                filter.kinds.insert(kind)
            } else {
                let names = NodeKind.allCases.map(\.name).joined(separator: ", ")
                reader.fail(place, path, "\"\(text)\" is none of \(names)")
            }
        }
        filter.countries = countries(object, "countries")
        return filter
    }

    private mutating func countries(_ object: DocumentObject, _ name: String) -> Set<String> {
        var countries: Set<String> = []
        for (text, place, path) in reader.words(object, name) {
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
        return countries
    }

    // MARK: Checks

    /// Rules that leave nothing to choose from when they stand together.
    private mutating func checkTogether() {
        for (index, later) in places.enumerated() {
            for earlier in places[..<index] {
                if later.rule == earlier.rule {
                    reader.warn(later.place, later.path, "says the same as \(earlier.path)")
                    continue
                }
                switch (earlier.rule, later.rule) {
                case (.onlyFrom(let one, let there), .onlyFrom(let other, let here))
                where meet(there, here) && !one.canMeet(other):
                    reader.fail(
                        later.place,
                        later.path,
                        "contradicts \(earlier.path): no node can be in both",
                    )
                case (.onlyFrom(let one, let there), .notFrom(let other, let here)),
                    (.notFrom(let other, let here), .onlyFrom(let one, let there)):
                    if meet(there, here), other.covers(one),
                        here.isEmpty || here.isSuperset(of: there),
                        here.isEmpty || !there.isEmpty
                    {
                        reader.fail(
                            later.place,
                            later.path,
                            "contradicts \(earlier.path): it bars every node that is allowed",
                        )
                    }
                case (.shipmentsAtMost, .shipmentsAtMost), (.arrivesWithin, .arrivesWithin):
                    reader.warn(
                        later.place,
                        later.path,
                        "is there besides \(earlier.path): the stricter counts"
                    )
                default: break
                }
            }
        }
    }

    /// Names that the network does not have may come later; a rule that no node can keep to is no
    /// mistake in itself either.
    private mutating func check(against network: Network) {
        let names = Set(network.nodes.map(\.name))
        for (rule, place, path) in places {
            guard let filter = rule.filter else { continue }
            for name in filter.nodes.sorted() where !names.contains(name) {
                reader.warn(place, path + ".nodes", "the network has no node \(name)")
            }
            let isKnown = filter.nodes.isEmpty || !filter.nodes.isDisjoint(with: names)
            if isKnown, !network.nodes.isEmpty, !network.nodes.contains(where: filter.matches) {
                reader.warn(place, path, "no node of the network is meant by it")
            }
        }
    }
}

/// Whether two lists of destinations have one in common; an empty one has all.
private func meet(_ one: Set<String>, _ other: Set<String>) -> Bool {
    one.isEmpty || other.isEmpty || !one.isDisjoint(with: other)
}

extension NodeFilter {
    /// Whether some node could be in both.
    fileprivate func canMeet(_ other: NodeFilter) -> Bool {
        (nodes.isEmpty || other.nodes.isEmpty || !nodes.isDisjoint(with: other.nodes))
            && (kinds.isEmpty || other.kinds.isEmpty || !kinds.isDisjoint(with: other.kinds))
            && meet(countries, other.countries)
    }

    /// Whether every node in `other` is in this one, whatever nodes there are.
    fileprivate func covers(_ other: NodeFilter) -> Bool {
        (nodes.isEmpty || !other.nodes.isEmpty && nodes.isSuperset(of: other.nodes))
            && (kinds.isEmpty || !other.kinds.isEmpty && kinds.isSuperset(of: other.kinds))
            && (countries.isEmpty
                || !other.countries.isEmpty && countries.isSuperset(of: other.countries))
    }
}

extension HardRule {
    fileprivate var filter: NodeFilter? {
        switch self {
        case .notFrom(let filter, _), .onlyFrom(let filter, _), .keepsLast(_, let filter): filter
        case .shipmentsAtMost, .linesWhole, .arrivesWithin: nil
        }
    }
}
