// The use cases that change the network: documents are held against what is there, Postgres puts them
// and settles capacity, the gate is told, then the caller.

package import Base
package import Domain

/// What became of documents.
package enum NetworkImport: Sendable {
    /// They were put, with what may be meant so.
    case done(NetworkResult, warnings: [DocumentFault])
    /// They could be put at that version, and would change so many items.
    case checked(version: Int64, changes: Int, warnings: [DocumentFault])
    /// Something is wrong with them; nothing was changed.
    case invalid([DocumentFault])
    case refused(Refusal)
}

/// Changes of the network on one event loop.
package struct NetworkKeeping<Ledger: NetworkLedgerPort, Gate: GatePort> {
    /// Where the network is stored, and read from.
    package let ledger: Ledger
    private let gate: Gate
    private let clock: any Clock
    /// How often documents are held against a network that somebody else changes meanwhile.
    private let attemptsMax = 5

    package init(ledger: Ledger, gate: Gate, clock: any Clock = SystemClock()) {
        self.ledger = ledger
        self.gate = gate
        self.clock = clock
    }

    /// Puts documents, all or none.
    ///
    /// - Parameters:
    ///   - files: JSON, or tables.
    ///   - prunes: removes what the files do not name.
    ///   - checksOnly: changes nothing.
    package func put(
        _ files: [DocumentFile],
        _ header: CommandHeader,
        prunes: Bool,
        checksOnly: Bool,
        note: String,
    ) async throws(Failure) -> NetworkImport {
        // Megabytes of documents must not hold the loop up.
        let (draft, read) = await elsewhere { NetworkReader.read(files) }
        let zones = try await ledger.unknownTimeZones(
            Array(Set(draft.zones.map(\.name)))
        )
        for _ in 0..<attemptsMax {
            guard let current = try await ledger.items(version: nil) else {
                throw .broken("the network has no current version")
            }
            let definition = try NetworkDefinition(current.items)
            let faults = await elsewhere {
                let checks = NetworkChecks(
                    draft,
                    current: prunes ? NetworkDefinition() : definition,
                    unknownZones: zones,
                )
                return (read + checks.faults).inOrder
            }
            if faults.contains(where: { !$0.isWarning }) { return .invalid(faults) }
            let items = draft.definition.items(
                replacing: prunes ? current.items : [],
            )
            if checksOnly {
                let changes = items.filter { $0.differs(from: current.items) }.count
                return .checked(version: current.version, changes: changes, warnings: faults)
            }
            let put = NetworkPut(
                header: header,
                expected: current.version,
                items: items,
                now: clock.now(),
                note: note,
            )
            switch await settled(try await ledger.put(put)) {
            case .done(let result): return .done(result, warnings: faults)
            case .refused(let refusal): return .refused(refusal)
            case .moved: continue
            }
        }
        throw .unavailable(what: "the network, which others are changing", retryAfterMs: 500)
    }

    /// Opens, drains or closes a node.
    package func setStatus(
        _ header: CommandHeader,
        of node: String,
        _ status: NodeStatus,
        note: String,
    ) async throws(Failure) -> NetworkOutcome {
        try await ledger.setStatus(header, of: node, status, note: note)
    }

    /// Sets what one slot takes; what is promised in it stays promised.
    package func setCapacity(
        _ header: CommandHeader,
        node: String,
        day: Day,
        number: Int16,
        _ capacity: SlotChange.Capacity,
        note: String,
    ) async throws(Failure) -> NetworkOutcome {
        let change = SlotChange(
            header: header,
            node: node,
            day: day,
            number: number,
            capacity: capacity,
            now: clock.now(),
            note: note,
        )
        return await settled(try await ledger.setCapacity(change))
    }

    /// Lays the slots that have come within the horizon; nil when another server is at it.
    package func extendSlots(server: String) async throws(Failure) -> NetworkResult? {
        guard let result = try await ledger.extendSlots(now: clock.now(), server: server) else {
            return nil
        }
        if case .done(let result) = await settled(.done(result)) { return result }
        return result
    }

    /// Tells the gate what was committed, before the caller hears of it.
    private func settled(_ outcome: NetworkOutcome) async -> NetworkOutcome {
        if case .done(let result) = outcome, !result.settlement.rows.isEmpty {
            await gate.settle(result.settlement, ending: [])
        }
        return outcome
    }
}

extension NetworkKeeping: Sendable where Ledger: Sendable, Gate: Sendable {}

extension NetworkItem {
    /// Whether putting it changes something.
    fileprivate func differs(from items: [NetworkItem]) -> Bool {
        guard let last = items.first(where: { $0.kind == kind && $0.name == name }) else {
            return document != nil
        }
        return document != last.document || (status != nil && status != last.status)
    }
}

extension NetworkDefinition {
    /// What is to be put, and of `last` what is to be removed because it is not named.
    fileprivate func items(replacing last: [NetworkItem]) -> [NetworkItem] {
        var items: [NetworkItem] = []
        if let currency { items.append(NetworkItem(kind: .currency, name: "", document: currency)) }
        items += services.map { NetworkItem(kind: .service, name: $0.name, document: $0.document) }
        items += places.map { NetworkItem(kind: .place, name: $0.name, document: $0.document) }
        items += nodes.map {
            NetworkItem(kind: .node, name: $0.name, status: $0.status, document: $0.document)
        }
        let named = Set(items.map { "\($0.kind.rawValue) \($0.name)" })
        for item in last
        where item.kind != .currency && !named.contains("\(item.kind.rawValue) \(item.name)") {
            items.append(NetworkItem(kind: item.kind, name: item.name, document: nil))
        }
        return items
    }
}

extension [DocumentFault] {
    /// By file and line.
    fileprivate var inOrder: [DocumentFault] {
        sorted {
            ($0.place.file, $0.place.line, $0.field) < ($1.place.file, $1.place.line, $1.field)
        }
    }
}
