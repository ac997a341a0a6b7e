// A database with every migration applied, and the questions that tests ask of it.

import Base
import Domain
import Foundation
import Postgres
import Promising
import TestServers
import Testing

@testable import Ledger

/// One database of the tests' Postgres.
struct Store: Sendable {
    /// Has the role of a server.
    let postgres: PostgresClient
    let conninfo: String
    var stock: StockLedger { StockLedger(postgres: postgres) }
    var orders: OrderLedger { OrderLedger(postgres: postgres) }
    var fulfilment: FulfilmentLedger { FulfilmentLedger(postgres: postgres) }

    /// Runs SQL and gives what it printed.
    @discardableResult
    func sql(_ text: String) throws -> String {
        try PostgresServer.shared().sql(text, on: conninfo)
    }

    /// Everything that a refusal must leave as it was.
    func dump() throws -> String {
        try sql(
            """
            SELECT * FROM positions ORDER BY id; SELECT * FROM position_ledger ORDER BY 1, 2, 3;
            SELECT * FROM channel_safety ORDER BY 1, 2; SELECT * FROM incoming ORDER BY 1, 2;
            SELECT * FROM stock_commands ORDER BY 1; SELECT * FROM transfers ORDER BY 1;
            SELECT * FROM reservations ORDER BY 1; SELECT * FROM reservation_events ORDER BY 1, 2;
            SELECT * FROM orders ORDER BY 1; SELECT * FROM order_lines ORDER BY 1, 2;
            SELECT * FROM order_events ORDER BY 1, 2;
            SELECT * FROM stock_counts ORDER BY 1; SELECT * FROM count_events ORDER BY 1, 2;
            SELECT * FROM shipments ORDER BY 1; SELECT * FROM shipment_lines ORDER BY 1, 2;
            SELECT * FROM shipment_capacity ORDER BY 1, 2;
            SELECT * FROM shipment_events ORDER BY 1, 2; SELECT * FROM route_exclusions ORDER BY 1, 2;
            SELECT * FROM exceptions ORDER BY 1; SELECT * FROM exception_events ORDER BY 1, 2;
            """
        )
    }

    /// What is wrong with the books; empty when nothing is.
    ///
    /// Balances are the fold of the ledger; versions and steps have no gap; a batch has one row per
    /// position; holds and allocations are those of reservations and orders.
    func faults() throws -> String {
        try sql(
            """
            SELECT 'fold', p.sku FROM positions p LEFT JOIN (
                SELECT position, sum(on_hand_delta) a, sum(held_delta) b, sum(allocated_delta) c,
                    sum(safety_delta) d, sum(damaged_delta) e, sum(quality_control_delta) f,
                    sum(in_transit_delta) g FROM position_ledger GROUP BY 1) l ON l.position = p.id
            WHERE (p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control,
                p.in_transit) IS DISTINCT FROM (coalesce(a,0), coalesce(b,0), coalesce(c,0),
                coalesce(d,0), coalesce(e,0), coalesce(f,0), coalesce(g,0));
            SELECT 'versions', p.sku FROM positions p WHERE p.version <> (
                SELECT count(*) FROM position_ledger WHERE position = p.id AND step = 0);
            SELECT 'steps', p.sku FROM positions p WHERE p.step <> (SELECT count(*)
                FROM position_ledger WHERE position = p.id AND version = p.version AND step > 0);
            SELECT 'free', position, version, step FROM (
                SELECT position, version, step, free_after, sum(on_hand_delta - held_delta
                    - allocated_delta - safety_delta - damaged_delta - quality_control_delta)
                    OVER (PARTITION BY position ORDER BY version, step) AS folded
                FROM position_ledger) f WHERE folded <> free_after;
            SELECT 'batch', batch, position FROM position_ledger GROUP BY 2, 3 HAVING count(*) > 1;
            SELECT 'held', p.sku FROM positions p WHERE held <> (SELECT coalesce(sum(u.h), 0)
                FROM reservations r CROSS JOIN unnest(r.positions, r.held) AS u(id, h)
                WHERE u.id = p.id);
            SELECT 'allocated', p.sku FROM positions p WHERE allocated <> (
                SELECT coalesce(sum(allocated), 0) FROM shipment_lines WHERE position = p.id) + (
                SELECT coalesce(sum(units), 0) FROM shipment_capacity WHERE position = p.id) + (
                SELECT coalesce(sum(u.c), 0) FROM reservations r
                CROSS JOIN unnest(r.positions, r.confirmed) AS u(id, c)
                WHERE u.id = p.id AND r.order_key IS NULL);
            SELECT 'lines', l.order_key, l.number FROM order_lines l LEFT JOIN (
                SELECT s.order_key, u.number, sum(u.allocated) a, sum(u.shipped) b,
                    sum(u.quantity) c, sum(u.cancelled) d
                FROM shipments s JOIN shipment_lines u ON u.shipment = s.id GROUP BY 1, 2) s
                ON s.order_key = l.order_key AND s.number = l.number
            WHERE (l.allocated, l.shipped) IS DISTINCT FROM (a, b) OR c < l.ordered
                OR d > l.cancelled;
            SELECT 'status', o.key FROM orders o WHERE status <> (SELECT order_status(
                sum(ordered)::int8, sum(allocated)::int8, sum(shipped)::int8,
                sum(cancelled)::int8, sum(backordered)::int8)
                FROM order_lines WHERE order_key = o.key);
            SELECT 'capacity', c.shipment, c.position FROM shipment_capacity c CROSS JOIN LATERAL (
                SELECT sum(allocated) a FROM shipment_lines WHERE shipment = c.shipment) l
            WHERE c.units <> CASE WHEN c.is_order THEN (l.a > 0)::int ELSE l.a END;
            SELECT 'trail', s.id FROM shipments s WHERE NOT EXISTS (SELECT FROM shipment_events e
                WHERE e.shipment = s.id AND e.sequence = s.events AND e.status = s.status
                AND e.tracking = s.tracking);
            SELECT 'steps of work', e.shipment, e.sequence FROM (
                SELECT *, lag(status) OVER (PARTITION BY shipment ORDER BY sequence) AS was
                FROM shipment_events) e
            WHERE was <> status AND NOT EXISTS (SELECT FROM fulfilment_transitions t
                WHERE t.was = e.was AND t.becomes = e.status);
            SELECT 'work', s.id FROM shipments s WHERE EXISTS (SELECT FROM shipment_lines l
                WHERE l.shipment = s.id AND l.leaving + l.missing > 0) AND NOT EXISTS (
                SELECT FROM reroutes q WHERE q.shipment = s.id AND q.state = 1);
            SELECT 'flapped', s.order_key, s.node FROM shipments s
            JOIN shipment_lines l ON l.shipment = s.id JOIN positions p ON p.id = l.position
            JOIN route_exclusions e ON e.order_key = s.order_key AND e.node = s.node
                AND e.sku = p.sku AND e.at < s.created_at;
            SELECT * FROM check_positions(0, 1000000) WHERE faults IS NOT NULL;
            """
        )
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Reservations that are not what their events make of them; tests that set times by hand have some.
    func tampered() throws -> String {
        try sql("SELECT * FROM check_reservations(NULL, 1000000) WHERE detail IS NOT NULL")
    }

    // MARK: Reservations

    /// Holds units by the function that the server uses; the outcome of its contract.
    @discardableResult
    func hold(_ name: String, _ lines: [Demand], ttlMs: Int32 = 900_000) async throws -> Int16 {
        try await hold(id(name), lines, ttlMs: ttlMs)
    }

    func hold(_ key: ID, _ lines: [Demand], ttlMs: Int32 = 900_000) async throws -> Int16 {
        let rows = try await postgres.execute(
            Self.holdStatement,
            [
                .uuid(key), .uuid(id("body")), .int4(ttlMs), .texts(lines.map(\.key.sku)),
                .texts(lines.map(\.key.node)), .int8s(lines.map(\.quantity)),
            ],
        )
        return rows[0].int2(0)
    }

    /// Confirms (1), releases (2) or expires (3) a reservation; the outcome of the contract.
    @discardableResult
    func resolve(_ name: String, kind: Int16) async throws -> Int16 {
        try await resolve(id(name), kind: kind)
    }

    func resolve(_ key: ID, kind: Int16) async throws -> Int16 {
        let rows = try await postgres.execute(
            Self.resolveStatement,
            [.int2(kind), .uuid(key)],
        )
        return rows[0].int2(0)
    }

    private static let holdStatement = Statement(
        name: "test_hold",
        sql: """
            SELECT c.outcome[1] FROM (
                SELECT array_agg(p.id ORDER BY p.id) AS ids, array_agg(u.q ORDER BY p.id) AS units,
                    array_agg(1) AS ones, array_agg(n::int4 ORDER BY n) AS numbers
                FROM (SELECT *, row_number() OVER () AS n
                    FROM unnest($4::text[], $5::text[], $6::int8[]) AS t(sku, node, q)) u
                JOIN positions p ON p.sku = u.sku AND p.node = u.node
            ) l CROSS JOIN LATERAL commit_batch(0::int2, (SELECT epoch FROM cache_epoch), l.ids,
                ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY['owner'], ARRAY['web'], ARRAY['tester'],
                ARRAY['r-1'], ARRAY[''], l.ones, l.numbers, l.units) c
            """,
        parameterTypes: [OID.uuid, OID.uuid, OID.int4, OID.texts, OID.texts, OID.int8s],
    )

    private static let resolveStatement = Statement(
        name: "test_resolve",
        sql: """
            SELECT outcome[1] FROM resolve_batch(0::int2, $1, ARRAY[$2], ARRAY[NULL::uuid],
                ARRAY[NULL::uuid], ARRAY[0], ARRAY[false], ARRAY[''], ARRAY[NULL::uuid],
                ARRAY['tester'], ARRAY['r-2'], ARRAY[''], ARRAY['why'], '{}', '{}', '{}')
            """,
        parameterTypes: [OID.int2, OID.uuid],
    )
}

/// Runs a test on a database of its own.
func withStore(
    connections: Int = 2,
    _ body: (Store) async throws -> Void,
) async throws {
    let conninfo = try PostgresServer.shared().createDatabase()
    try await migrate(conninfo)
    let configuration = PostgresConfiguration(
        conninfo: conninfo,
        connections: connections,
        writers: 0,
        role: servingRole,
    )
    let postgres = PostgresClient(configuration: configuration)
    try postgres.start()
    let store = Store(postgres: postgres, conninfo: conninfo)
    do {
        try await body(store)
    } catch {
        await postgres.shutdown()
        throw error
    }
    await postgres.shutdown()
    try PostgresServer.shared().dropDatabase(conninfo)
}

/// The role that tests serve as.
let servingRole = "holdfast_test_server"

/// Applies every migration as the owner, and gives the serving role what it needs.
private func migrate(_ conninfo: String) async throws {
    let owner = PostgresClient(
        configuration: PostgresConfiguration(conninfo: conninfo, connections: 1, writers: 0)
    )
    try owner.start()
    let migrations = [
        PackageResources.V0001_stock_and_reservations_sql, PackageResources.V0002_reserve_sql,
        PackageResources.V0003_resolve_sql, PackageResources.V0004_stock_commands_sql,
        PackageResources.V0005_orders_sql, PackageResources.V0006_resolve_whole_sql,
        PackageResources.V0007_commit_first_sql, PackageResources.V0008_cycle_counts_sql,
        PackageResources.V0009_append_only_sql, PackageResources.V0010_drift_sql,
        PackageResources.V0012_sealed_ledger_sql,
        PackageResources.V0013_ledger_checks_sql, PackageResources.V0014_share_expiry_sql,
        PackageResources.V0015_network_sql, PackageResources.V0016_rule_sets_sql,
        PackageResources.V0017_route_decisions_sql,
        PackageResources.V0018_fulfilment_sql, PackageResources.V0019_shipments_of_orders_sql,
        PackageResources.V0020_node_work_sql, PackageResources.V0021_reroutes_sql,
        PackageResources.V0022_repaired_breaks_sql,
        PackageResources.V0023_channel_write_back_sql,
        PackageResources.V0024_promise_at_risk_sql,
    ]
    for migration in migrations {
        try await owner.simple(String(decoding: migration, as: UTF8.self))
    }
    try await owner.simple("SELECT grant_serving('\(servingRole)')")
    await owner.shutdown()
}

/// An id made from a name.
func id(_ name: String) -> ID {
    var builder = DigestBuilder()
    builder.add(name)
    return builder.digest()
}

let tester = Origin(
    principal: "tester",
    requestID: "r-9",
    traceID: "0af7651916cd43dd8448eb211c80319c",
)

func header(_ name: String, body: String = "body") -> CommandHeader {
    CommandHeader(key: id(name), fingerprint: id(body), origin: tester)
}

func key(_ sku: String, _ node: String = "LON") -> PositionKey {
    PositionKey(sku: sku, node: node)
}

/// The movement of one line.
func movement(
    _ line: Int,
    _ key: PositionKey,
    _ kind: LedgerKind,
    onHand: Int64 = 0,
    damaged: Int64 = 0,
    qualityControl: Int64 = 0,
    inTransit: Int64 = 0,
    mayCreate: Bool = false,
    incoming: String = "",
) -> Movement {
    var change = StockBuckets()
    change.onHand = onHand
    change.damaged = damaged
    change.qualityControl = qualityControl
    change.inTransit = inTransit
    return Movement(
        line: line,
        key: key,
        kind: kind,
        change: change,
        mayCreate: mayCreate,
        incomingReference: incoming,
    )
}

extension Store {
    /// Applies movements under a name.
    func apply(
        _ name: String,
        body: String = "body",
        transfer: TransferState? = nil,
        _ movements: [Movement],
    ) async throws -> StockOutcome {
        try await stock.apply(
            StockCommand(
                header: header(name, body: body),
                movements: movements,
                transfer: transfer,
                reason: "COUNT",
                reference: "ref",
            )
        )
    }

    /// Receives units; for setting the scene.
    @discardableResult
    func receive(_ name: String, _ lines: [Demand]) async throws -> StockResult {
        let movements = lines.enumerated()
            .map { index, line in
                movement(index, line.key, .received, onHand: line.quantity, mayCreate: true)
            }
        return try await apply(name, movements).result()
    }

    /// The position as it is now.
    func position(_ key: PositionKey) async throws -> Position {
        try #require(try await stock.availability(of: [key], by: nil)[0].first).position
    }

    /// Moves units of one SKU from one node to another.
    func transfer(
        _ name: String,
        _ sku: String,
        _ units: Int64,
        from source: String = "LON",
        to target: String = "MAN",
        isInTransit: Bool,
    ) async throws -> StockOutcome {
        try await apply(
            name,
            transfer: isInTransit ? .inTransit : .arrived,
            [
                movement(0, key(sku, source), .transferredOut, onHand: -units),
                movement(
                    0,
                    key(sku, target),
                    .transferredIn,
                    onHand: isInTransit ? 0 : units,
                    inTransit: isInTransit ? units : 0,
                    mayCreate: true,
                ),
            ],
        )
    }
}

extension StockOutcome {
    func result() throws -> StockResult {
        guard case .done(let result) = self else { throw Refused(description: "\(self)") }
        return result
    }

    var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}

extension OrderOutcome {
    func result() throws -> OrderResult {
        guard case .done(let result) = self else { throw Refused(description: "\(self)") }
        return result
    }

    var refusal: Refusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}

/// A command was refused that a test expects to be done.
struct Refused: Error, CustomStringConvertible {
    let description: String
}
