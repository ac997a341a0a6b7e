-- Who would lose if $2 units of position $1 that are promised were not there: at most 100 holds, the
-- newest first, then what is allocated, the newest first. Holds come from the index of those that can
-- expire; what is allocated from the newest 500 rows of the ledger that allocated something.
WITH promised AS (
    SELECT 1 AS rank, r.key, NULL::uuid AS order_key, r.owner,
        r.held[array_position(r.positions, $1)] AS units, r.created_at, r.expires_at
    FROM reservations r WHERE r.state IN (1, 2) AND r.positions @> ARRAY[$1]
    UNION ALL
    SELECT 2, o.reservation, o.key, o.customer, s.units, o.created_at, NULL
    FROM (
        SELECT DISTINCT g.reference FROM (
            SELECT l.reference FROM position_ledger l
            WHERE l.position = $1 AND l.kind = 5 AND l.reference <> ''
            ORDER BY l.version DESC, l.step DESC LIMIT 500
        ) g
    ) g
    JOIN orders o ON o.key = g.reference::uuid
    CROSS JOIN LATERAL (
        SELECT sum(l.allocated)::int8 AS units
        FROM shipments s JOIN shipment_lines l ON l.shipment = s.id
        WHERE s.order_key = o.key AND l.position = $1
    ) s
    UNION ALL
    SELECT 2, r.key, NULL, r.owner, r.confirmed[array_position(r.positions, $1)], r.created_at, NULL
    FROM (
        SELECT DISTINCT e.key FROM (
            SELECT l.batch FROM position_ledger l
            WHERE l.position = $1 AND l.kind = 5 AND l.reference = ''
            ORDER BY l.version DESC, l.step DESC LIMIT 500
        ) g
        JOIN reservation_events e ON e.batch = g.batch AND e.kind IN (1, 7)
    ) e
    JOIN reservations r ON r.key = e.key
    WHERE r.order_key IS NULL AND r.positions @> ARRAY[$1]
), summed AS (
    SELECT p.*, sum(p.units) OVER (ORDER BY p.rank, p.created_at DESC, p.key DESC
        ROWS UNBOUNDED PRECEDING) - p.units AS before
    FROM promised p WHERE p.units > 0
)
SELECT s.key, s.order_key, s.owner, s.units, least(s.units, $2 - s.before)::int8, s.created_at,
    s.expires_at
FROM summed s WHERE s.before < $2
ORDER BY s.rank, s.created_at DESC, s.key DESC LIMIT 100
