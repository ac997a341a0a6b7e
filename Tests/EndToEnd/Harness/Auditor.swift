// Recomputes from the ledger and the reservations what every figure must be, past the server and
// with SQL of its own. A run that did nothing fails here too.

import Foundation
import Testing

/// What must hold in a database whatever happened to the servers.
struct Auditor {
    let deployment: Deployment

    /// Every violation; empty when all is well and at least `reservations` were looked at.
    func findings(atLeast reservations: Int = 1) throws -> [String] {
        var findings: [String] = []
        for (name, query) in Self.violations {
            let rows = try deployment.sql(query)
            if !rows.isEmpty { findings.append("\(name): \(rows.prefix(600))") }
        }
        let count = try deployment.number("SELECT count(*) FROM reservations")
        if count < reservations { findings.append("vacuous: \(count) reservations") }
        return findings
    }

    /// Each query returns the rows that are wrong.
    private static let violations: [(String, String)] = [
        (
            "a balance is not the sum of its ledger",
            """
            SELECT p.sku, p.node, p.on_hand, p.held, p.allocated, p.free, l.on_hand, l.held
            FROM positions p LEFT JOIN (
                SELECT position, sum(on_hand_delta) on_hand, sum(held_delta) held,
                    sum(allocated_delta) allocated, sum(safety_delta) safety,
                    sum(damaged_delta) damaged, sum(quality_control_delta) quality_control,
                    sum(in_transit_delta) in_transit
                FROM position_ledger GROUP BY position) l ON l.position = p.id
            WHERE (p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control,
                p.in_transit) IS DISTINCT FROM (coalesce(l.on_hand, 0), coalesce(l.held, 0),
                coalesce(l.allocated, 0), coalesce(l.safety, 0), coalesce(l.damaged, 0),
                coalesce(l.quality_control, 0), coalesce(l.in_transit, 0))
            """
        ),
        (
            "more is promised than there is",
            """
            SELECT sku, node, on_hand, held, allocated FROM positions
            WHERE held + allocated + damaged + quality_control > on_hand
                OR least(on_hand, held, allocated, damaged, quality_control) < 0
            """
        ),
        (
            "held units do not belong to live reservations",
            """
            SELECT p.sku, p.node, p.held, coalesce(r.held, 0) FROM positions p LEFT JOIN (
                SELECT u.position, sum(u.held) held FROM reservations,
                    unnest(positions, held) u (position, held) GROUP BY 1
            ) r ON r.position = p.id
            WHERE p.held <> coalesce(r.held, 0)
            """
        ),
        (
            "allocated units do not belong to reservations and orders",
            """
            SELECT p.sku, p.node, p.allocated, r.confirmed, o.allocated FROM positions p
            LEFT JOIN (
                SELECT u.position, sum(u.confirmed) confirmed FROM reservations,
                    unnest(positions, confirmed) u (position, confirmed)
                WHERE order_key IS NULL GROUP BY 1
            ) r ON r.position = p.id
            LEFT JOIN (
                SELECT position, sum(allocated) allocated FROM (
                    SELECT position, allocated FROM shipment_lines
                    UNION ALL SELECT position, units FROM shipment_capacity
                ) u GROUP BY 1
            ) o ON o.position = p.id
            WHERE p.allocated <> coalesce(r.confirmed, 0) + coalesce(o.allocated, 0)
            """
        ),
        (
            "a reservation is not whole",
            """
            SELECT key FROM reservations r WHERE cardinality(positions) = 0
                OR cardinality(quantities) <> cardinality(positions)
                OR cardinality(held) <> cardinality(positions)
                OR cardinality(confirmed) <> cardinality(positions)
                OR cardinality(versions) <> cardinality(positions)
                OR (SELECT bool_or(held + confirmed > quantity OR least(held, confirmed) < 0)
                    FROM unnest(quantities, held, confirmed) u (quantity, held, confirmed))
                OR (state = 1 AND held <> quantities)
                OR (state IN (3, 4, 5, 6) AND 0 <> ALL (held))
                OR (r.key NOT IN (SELECT transferred_to FROM reservations
                        WHERE transferred_to IS NOT NULL)
                    AND EXISTS (SELECT FROM unnest(positions, versions) u (position, version)
                    WHERE NOT EXISTS (SELECT FROM position_ledger l
                        WHERE (l.position, l.version, l.step) = (u.position, u.version, 0)
                            AND l.batch = r.batch)))
            """
        ),
        (
            "a row of the ledger does not follow from the one before",
            """
            SELECT position, version, step FROM (
                SELECT *, lag(version) OVER w AS version_before, lag(step) OVER w AS step_before,
                    lag(free_after) OVER w AS free_before
                FROM position_ledger WINDOW w AS (PARTITION BY position ORDER BY version, step)
            ) l
            WHERE free_after <> coalesce(free_before, 0) + on_hand_delta - held_delta
                - allocated_delta - safety_delta - damaged_delta - quality_control_delta
                OR NOT (version = coalesce(version_before, 0) + 1 AND step = 0
                    OR version = coalesce(version_before, 0) AND step = coalesce(step_before, 0) + 1)
            """
        ),
        (
            "an order is not what its reservation was",
            """
            SELECT o.key FROM orders o LEFT JOIN reservations r ON r.key = o.reservation
            WHERE r.order_key IS DISTINCT FROM o.key
            """
        ),
    ]

    /// Positions whose view in Redis is not exact: `f` is not free at `w` plus the deltas of `x`.
    ///
    /// A position that is not in the view is no finding; `positions` must be there at least.
    func drift(viewed positions: Int = 0) throws -> [String] {
        var findings: [String] = []
        var count = 0
        let epoch = try deployment.epoch()
        for row in try deployment.sql("SELECT id FROM positions ORDER BY id").split(separator: "\n")
        {
            let view = try deployment.redisCommand("HMGET", "{h0}:\(epoch):p\(row)", "w", "f", "x")
                .split(separator: "\n", omittingEmptySubsequences: false)
            guard view.count == 3, let version = Int(view[0]), let free = Int(view[1]) else {
                continue
            }
            count += 1
            let list = view[2].split(separator: ",").joined(separator: ",")
            let expected = try deployment.number(
                """
                SELECT coalesce((SELECT free_after FROM position_ledger WHERE position = \(row)
                    AND version = \(version) AND step = 0), 0)
                    + coalesce((SELECT sum(on_hand_delta - held_delta - allocated_delta
                    - safety_delta - damaged_delta - quality_control_delta) FROM position_ledger
                    WHERE position = \(row) AND step = 0
                    AND version = ANY ('{\(list)}'::int8[])), 0)
                """
            )
            if free != expected {
                findings.append("position \(row): \(free) at \(view), should be \(expected)")
            }
        }
        if count < positions { findings.append("vacuous: \(count) positions in the view") }
        return findings
    }

    /// Everything that a request might have left behind, as text.
    func traces() throws -> String {
        try [
            "positions", "position_ledger", "channel_safety", "reservations",
            "reservation_events", "stock_commands", "transfers", "incoming", "orders",
            "order_lines", "order_events", "shipments", "shipment_lines", "shipment_events",
            "exceptions",
        ]
        .map { try "\($0)\n" + deployment.sql("SELECT t::text FROM \($0) t ORDER BY 1") }
        .joined(separator: "\n")
    }
}

/// Notes every violation as an issue of the running test.
///
/// With `viewed`, the view in Redis must be exact too, of so many positions at least.
func expectSound(
    _ deployment: Deployment,
    atLeast reservations: Int = 1,
    viewed: Int? = nil,
    at location: SourceLocation = #_sourceLocation,
) throws {
    let auditor = Auditor(deployment: deployment)
    var findings = try auditor.findings(atLeast: reservations)
    if let viewed { findings += try auditor.drift(viewed: viewed) }
    for finding in findings { Issue.record("\(finding)", sourceLocation: location) }
    for server in deployment.servers where !server.isRunning {
        Issue.record("a server ended: \(server.errors.suffix(2_000))", sourceLocation: location)
    }
}
