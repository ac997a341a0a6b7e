// The network in Postgres: each change is one call of one function, which also lays slots and settles
// their capacity; reading is by version.

package import Base
package import Domain
package import Postgres
package import Promising

/// Changes the network, and reads it at any version.
package struct NetworkLedger: NetworkLedgerPort, Sendable {
    private let postgres: PostgresClient
    private let rules: RuleLedger
    /// For how many days ahead slots are laid.
    private let horizonDays: Int32

    /// - Parameter horizonDays: for how many days ahead slots are laid; the same on every server.
    package init(postgres: PostgresClient, horizonDays: Int32 = 14) {
        self.postgres = postgres
        self.horizonDays = horizonDays
        rules = RuleLedger(postgres: postgres)
    }

    // MARK: Reading

    package func currentVersions() async throws(Failure) -> RoutingVersions {
        let row = try await postgres.run(NetworkStatements.versions, [])[0]
        return RoutingVersions(network: row.int8(0), rules: row.int8(1))
    }

    package func network(version: Int64?) async throws(Failure) -> Network? {
        let wanted =
            if let version { version } else { try await currentVersions().network }
        if wanted == 0 { return .empty }
        let results = try await postgres.run([
            (NetworkStatements.items, [.int8(wanted)]),
            (NetworkStatements.slots, [.int8(wanted)]),
            (NetworkStatements.hasVersion, [.int8(wanted)]),
        ])
        guard results[2][0].bool(0) else { return nil }
        return try Network(
            version: wanted,
            NetworkDefinition(results[0].map(\.networkItem)),
            slots: results[1].map(\.storedSlot),
        )
    }

    package func ruleSet(name: String, version: Int32?) async throws(Failure) -> RuleSet? {
        try await rules.ruleSet(name: name, version: version)?.rules
    }

    package func ruleSet(channel: String) async throws(Failure) -> RuleSet {
        try await rules.channels(only: channel).rules[channel] ?? .standard
    }

    package func routingSnapshot() async throws(Failure) -> RoutingSnapshot {
        let channels = try await rules.channels(only: "")
        guard let network = try await network(version: nil) else {
            throw .broken("the network has no current version")
        }
        return RoutingSnapshot(
            versions: RoutingVersions(network: network.version, rules: channels.version),
            network: network,
            channels: channels.rules,
        )
    }

    package func items(
        version: Int64?
    ) async throws(Failure) -> (version: Int64, items: [NetworkItem])? {
        let wanted =
            if let version { version } else { try await currentVersions().network }
        if wanted == 0 { return (0, []) }
        let results = try await postgres.run([
            (NetworkStatements.items, [.int8(wanted)]),
            (NetworkStatements.hasVersion, [.int8(wanted)]),
        ])
        guard results[1][0].bool(0) else { return nil }
        return (wanted, results[0].map(\.networkItem))
    }

    package func unknownTimeZones(_ names: [String]) async throws(Failure) -> Set<String> {
        if names.isEmpty { return [] }
        let rows = try await postgres.run(NetworkStatements.unknownZones, [.texts(names)])
        return Set(rows[0].texts(0))
    }

    package func slots(
        of node: String,
        from day: Day,
        limit: Int,
    ) async throws(Failure) -> [SlotState] {
        let rows = try await postgres.run(
            NetworkStatements.listSlots,
            [.text(node), .int4(day), .int8(Int64(limit))],
        )
        return rows.map { row in
            SlotState(
                day: row.int4(0),
                number: row.int2(1),
                opensAt: row.timestamptz(2),
                closesAt: row.timestamptz(3),
                orders: row.figures(4),
                units: row.figures(6),
                isByHand: row.bool(8),
            )
        }
    }

    package func changes(
        before version: Int64,
        node: String,
        limit: Int,
    ) async throws(Failure) -> [NetworkChange] {
        let rows = try await postgres.run(
            NetworkStatements.listChanges,
            [.int8(version), .text(node), .int8(Int64(limit))],
        )
        return rows.map { row in
            guard let kind = NetworkChangeKind(rawValue: row.int2(2)) else {
                invariantBroken("a change of the network has the kind \(row.int2(2))")
            }
            return NetworkChange(
                version: row.int8(0),
                at: row.timestamptz(1),
                kind: kind,
                changes: row.texts(3),
                note: row.text(4),
                origin: Origin(
                    principal: row.text(5),
                    requestID: row.text(6),
                    traceID: row.text(7),
                ),
            )
        }
    }

    // MARK: Changes

    package func put(_ put: NetworkPut) async throws(Failure) -> NetworkOutcome {
        let rows = try await postgres.run(
            NetworkStatements.put,
            [
                .uuid(put.header.key), .uuid(put.header.fingerprint), .int8(put.expected),
                .timestamptz(put.now), .int4(horizonDays),
                .int2s(put.items.map(\.kind.rawValue)), .texts(put.items.map(\.name)),
                .optionalTexts(put.items.map(\.document)),
                .int2s(put.items.map { $0.status?.rawValue ?? 0 }), .text(put.note),
            ] + originValues(put.header),
        )
        return try outcome(rows, rows[0].int2(1), refused: { _ in nil })
    }

    package func setStatus(
        _ header: CommandHeader,
        of node: String,
        _ status: NodeStatus,
        note: String,
    ) async throws(Failure) -> NetworkOutcome {
        let row =
            try await
            postgres.run(
                NetworkStatements.setStatus,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .text(node),
                    .int2(status.rawValue), .text(note),
                ] + originValues(header),
            )[0]
        switch row.int2(0) {
        case 1, 2:
            return .done(
                NetworkResult(
                    version: row.int8(1),
                    changes: Int(row.int4(2)),
                    settlement: Settlement(epoch: 0, rows: []),
                )
            )
        case 3: return .refused(.keyReused)
        case 7: return .refused(.notFound(kind: .node, id: node))
        case let outcome: invariantBroken("set_node_status said \(outcome)")
        }
    }

    package func setCapacity(_ change: SlotChange) async throws(Failure) -> NetworkOutcome {
        var orders: Int64?
        var units: Int64?
        var resets = true
        if case .set(let wantedOrders, let wantedUnits) = change.capacity {
            orders = wantedOrders
            units = wantedUnits
            resets = false
        }
        let rows = try await postgres.run(
            NetworkStatements.setCapacity,
            [
                .uuid(change.header.key), .uuid(change.header.fingerprint),
                .timestamptz(change.now), .int4(horizonDays), .text(change.node),
                .int4(change.day), .int2(change.number), orders.map { .int8($0) } ?? .null,
                units.map { .int8($0) } ?? .null, .bool(resets), .text(change.note),
            ] + originValues(change.header),
        )
        let id = "\(change.node) \(Days.text(change.day))/\(change.number)"
        return try outcome(rows, rows[0].int2(1)) {
            switch $0 {
            case 7: .notFound(kind: .slot, id: id)
            case 8: .wrongState(kind: .slot, id: id, state: "OVER")
            default: nil
            }
        }
    }

    package func extendSlots(
        now: Instant,
        server: String,
    ) async throws(Failure) -> NetworkResult? {
        let rows = try await postgres.run(
            NetworkStatements.extend,
            [.timestamptz(now), .int4(horizonDays), .text(server)],
        )
        let row = rows[0]
        if row.bool(1) { return nil }
        return NetworkResult(
            version: row.int8(2),
            changes: Int(row.int4(3)),
            settlement: Settlement(
                epoch: row.optionalInt8(0) ?? 0,
                rows: rows.compactMap(\.capacityRow),
            ),
        )
    }

    // MARK: Private

    private func outcome(
        _ rows: PostgresResult,
        _ outcome: Int16,
        refused: (Int16) -> Refusal?,
    ) throws(Failure) -> NetworkOutcome {
        let row = rows[0]
        switch outcome {
        case 1, 2:
            return .done(
                NetworkResult(
                    version: row.int8(2),
                    changes: Int(row.int4(3)),
                    settlement: Settlement(
                        epoch: row.optionalInt8(0) ?? 0,
                        rows: rows.compactMap(\.capacityRow),
                    ),
                )
            )
        case 3: return .refused(.keyReused)
        case 4: return .moved
        default:
            if let refusal = refused(outcome) { return .refused(refusal) }
            invariantBroken("a change of the network said \(outcome)")
        }
    }
}

extension PostgresRow {
    /// A row of network_items.sql.
    fileprivate var networkItem: NetworkItem {
        guard let kind = NetworkItemKind(rawValue: int2(0)) else {
            invariantBroken("the network has an item of kind \(int2(0))")
        }
        return NetworkItem(
            kind: kind,
            name: text(1),
            status: NodeStatus(rawValue: int2(2)),
            document: text(3),
        )
    }

    /// A row of network_slots.sql.
    fileprivate var storedSlot: StoredSlot {
        StoredSlot(
            node: text(0),
            slot: Slot(
                day: int4(1),
                window: int2(2),
                opensAt: timestamptz(3),
                closesAt: timestamptz(4),
                orders: capacity(6, position: 8),
                units: capacity(7, position: 9),
            ),
            cutoffs: timestamptzs(5),
        )
    }

    private func capacity(_ column: Int, position: Int) -> Capacity? {
        guard let units = optionalInt8(column) else { return nil }
        return Capacity(position: int8(position), capacity: units)
    }

    fileprivate func figures(_ column: Int) -> SlotFigures? {
        guard let capacity = optionalInt8(column) else { return nil }
        return SlotFigures(capacity: capacity, free: int8(column + 1))
    }

    /// The ledger row of a capacity, for the gate; nil when free stayed as it was.
    fileprivate var capacityRow: ViewRow? {
        guard let position = optionalInt8(4), let delta = optionalInt8(6) else { return nil }
        return ViewRow(
            position: position,
            version: int8(5),
            delta: delta,
            free: int8(7),
            isFresh: true,
        )
    }
}

/// The statements of the network.
private enum NetworkStatements {
    private static let origin = [OID.text, OID.text, OID.text]

    static let versions = Statement(
        "routing_versions",
        file: PackageResources.routing_versions_sql,
        [],
    )
    static let items = Statement(
        "network_items",
        file: PackageResources.network_items_sql,
        [OID.int8],
        mayTakeLong: true,
    )
    static let slots = Statement(
        "network_slots",
        file: PackageResources.network_slots_sql,
        [OID.int8],
        mayTakeLong: true,
    )
    static let hasVersion = Statement(
        "has_network_version",
        file: PackageResources.has_network_version_sql,
        [OID.int8],
    )
    static let unknownZones = Statement(
        "unknown_time_zones",
        file: PackageResources.unknown_time_zones_sql,
        [OID.texts],
        mayTakeLong: true,
    )
    static let listSlots = Statement(
        "list_slots",
        file: PackageResources.list_slots_sql,
        [OID.text, OID.int4, OID.int8],
        mayTakeLong: true,
    )
    static let listChanges = Statement(
        "list_network_changes",
        file: PackageResources.list_network_changes_sql,
        [OID.int8, OID.text, OID.int8],
        mayTakeLong: true,
    )
    static let put = Statement(
        "put_network",
        file: PackageResources.put_network_sql,
        [
            OID.uuid, OID.uuid, OID.int8, OID.timestamptz, OID.int4, OID.int2s, OID.texts,
            OID.texts, OID.int2s, OID.text,
        ] + origin,
        mayTakeLong: true,
    )
    static let setStatus = Statement(
        "set_node_status",
        file: PackageResources.set_node_status_sql,
        [OID.uuid, OID.uuid, OID.text, OID.int2, OID.text] + origin,
        mayTakeLong: true,
    )
    static let setCapacity = Statement(
        "set_slot_capacity",
        file: PackageResources.set_slot_capacity_sql,
        [
            OID.uuid, OID.uuid, OID.timestamptz, OID.int4, OID.text, OID.int4, OID.int2, OID.int8,
            OID.int8, OID.bool, OID.text,
        ] + origin,
        mayTakeLong: true,
    )
    static let extend = Statement(
        "extend_slots",
        file: PackageResources.extend_slots_sql,
        [OID.timestamptz, OID.int4, OID.text],
        mayTakeLong: true,
    )
}
