// Rule sets in Postgres: documents by name and version, and which channel uses which.

internal import Base
internal import Domain
package import Postgres
package import Promising

/// Changes and reads rule sets.
package struct RuleLedger: RulePort, Sendable {
    private let postgres: PostgresClient

    package init(postgres: PostgresClient) {
        self.postgres = postgres
    }

    package func put(
        _ header: CommandHeader,
        name: String,
        document: String,
        note: String,
    ) async throws(Failure) -> RuleOutcome {
        let row =
            try await
            postgres.run(
                RuleStatements.put,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .text(name), .text(document),
                    .text(note),
                ] + originValues(header),
            )[0]
        return outcome(row, name: name)
    }

    package func assign(
        _ header: CommandHeader,
        channel: String,
        name: String?,
        version: Int32?,
        note: String,
    ) async throws(Failure) -> RuleOutcome {
        let row =
            try await
            postgres.run(
                RuleStatements.assign,
                [
                    .uuid(header.key), .uuid(header.fingerprint), .text(channel), .text(name ?? ""),
                    version.map { .int4($0) } ?? .null, .text(note),
                ] + originValues(header),
            )[0]
        let wanted = version.map { "\(name ?? "") version \($0)" } ?? name ?? ""
        return outcome(row, name: wanted)
    }

    package func ruleSet(
        name: String,
        version: Int32?,
    ) async throws(Failure) -> StoredRuleSet? {
        if name == RuleSet.standard.name {
            guard version == nil || version == RuleSet.standard.version else { return nil }
            return StoredRuleSet(
                rules: .standard,
                document: RuleSet.standard.document,
                at: Instant(microseconds: 0),
            )
        }
        let rows = try await postgres.run(
            RuleStatements.read,
            [.text(name), version.map { .int4($0) } ?? .null],
        )
        guard let row = rows.first else { return nil }
        return StoredRuleSet(
            rules: try RuleSet(stored: row.text(2), name: row.text(0), version: row.int4(1)),
            document: row.text(2),
            at: row.timestamptz(3),
        )
    }

    package func ruleSets() async throws(Failure) -> [StoredRuleSet] {
        var sets: [StoredRuleSet] = []
        for row in try await postgres.run(RuleStatements.list, []) {
            sets.append(
                StoredRuleSet(
                    rules: try RuleSet(
                        stored: row.text(2),
                        name: row.text(0),
                        version: row.int4(1),
                    ),
                    document: row.text(2),
                    at: row.timestamptz(3),
                    channels: row.texts(4),
                )
            )
        }
        return sets
    }

    package func changes(
        before number: Int64,
        limit: Int,
    ) async throws(Failure) -> [RuleChange] {
        let rows = try await postgres.run(
            RuleStatements.listChanges,
            [.int8(number), .int8(Int64(limit))],
        )
        return rows.map { row in
            RuleChange(
                number: row.int8(0),
                at: row.timestamptz(1),
                channel: row.text(5),
                name: row.text(3),
                version: row.optionalInt4(4),
                note: row.text(6),
                origin: Origin(
                    principal: row.text(7),
                    requestID: row.text(8),
                    traceID: row.text(9),
                ),
            )
        }
    }

    /// The rule sets that channels use, as of one change; of one channel when it is not empty.
    func channels(
        only channel: String
    ) async throws(Failure) -> (version: Int64, rules: [String: RuleSet]) {
        let rows = try await postgres.run(RuleStatements.channels, [.text(channel)])
        var rules: [String: RuleSet] = [:]
        for row in rows {
            guard let channel = row.optionalText(1) else { continue }
            rules[channel] = try RuleSet(
                stored: row.text(4),
                name: row.text(2),
                version: row.int4(3),
            )
        }
        return (rows[0].int8(0), rules)
    }

    private func outcome(_ row: PostgresRow, name: String) -> RuleOutcome {
        switch row.int2(0) {
        case 1, 2: .done(version: row.optionalInt4(1), isChanged: row.bool(2))
        case 3: .refused(.keyReused)
        case 7: .refused(.notFound(kind: .ruleSet, id: name))
        case let outcome: invariantBroken("a change of rule sets said \(outcome)")
        }
    }
}

/// The statements of rule sets.
private enum RuleStatements {
    private static let origin = [OID.text, OID.text, OID.text]

    static let put = Statement(
        "put_rule_set",
        file: PackageResources.put_rule_set_sql,
        [OID.uuid, OID.uuid, OID.text, OID.text, OID.text] + origin,
        mayTakeLong: true,
    )
    static let assign = Statement(
        "assign_rule_set",
        file: PackageResources.assign_rule_set_sql,
        [OID.uuid, OID.uuid, OID.text, OID.text, OID.int4, OID.text] + origin,
        mayTakeLong: true,
    )
    static let read = Statement(
        "rule_set",
        file: PackageResources.rule_set_sql,
        [OID.text, OID.int4],
    )
    static let channels = Statement(
        "channel_rules",
        file: PackageResources.channel_rules_sql,
        [OID.text],
    )
    static let list = Statement(
        "list_rule_sets",
        file: PackageResources.list_rule_sets_sql,
        [],
        mayTakeLong: true,
    )
    static let listChanges = Statement(
        "list_rule_changes",
        file: PackageResources.list_rule_changes_sql,
        [OID.int8, OID.int8],
        mayTakeLong: true,
    )
}
