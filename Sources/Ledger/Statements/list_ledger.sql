-- Ledger rows of the position ($1, $2) before ($3, $4), newest first, with the reservations behind
-- those that sum several. What an event did is the difference to the event before it, and for the
-- first one to what was reserved.
SELECT g.version, g.step, g.batch, g.at, g.kind,
    ARRAY[g.on_hand_delta, g.held_delta, g.allocated_delta, g.safety_delta, g.damaged_delta,
        g.quality_control_delta, g.in_transit_delta],
    g.free_after, g.principal, g.request_id, g.trace_id, g.reason, g.reference,
    c.keys, c.units, c.principals, c.request_ids, c.trace_ids
FROM positions p
JOIN LATERAL (
    SELECT * FROM position_ledger l
    WHERE l.position = p.id AND (l.version, l.step) < ($3, $4)
    ORDER BY l.version DESC, l.step DESC LIMIT $5
) g ON true
LEFT JOIN LATERAL (
    SELECT array_agg(k.key ORDER BY k.key) AS keys, array_agg(k.units ORDER BY k.key) AS units,
        array_agg(k.principal ORDER BY k.key) AS principals,
        array_agg(k.request_id ORDER BY k.key) AS request_ids,
        array_agg(k.trace_id ORDER BY k.key) AS trace_ids
    FROM (
        SELECT r.key, r.quantities[array_position(r.positions, p.id)] AS units,
            r.principal, r.request_id, r.trace_id
        FROM reservations r
        WHERE g.kind = 2 AND r.batch = g.batch AND p.id = ANY (r.positions)
        UNION ALL
        SELECT e.key,
            CASE WHEN e.kind IN (1, 7)
                THEN e.confirmed[x.at] - coalesce(b.confirmed[x.at], 0)
                ELSE coalesce(b.held[x.at], e.quantities[x.at]) - e.held[x.at]
            END AS units,
            e.principal, e.request_id, e.trace_id
        FROM reservation_events e
        JOIN reservations r ON r.key = e.key
        CROSS JOIN LATERAL (SELECT array_position(r.positions, p.id) AS at) x
        LEFT JOIN reservation_events b ON b.key = e.key AND b.sequence = e.sequence - 1
        WHERE g.kind IN (3, 4, 5) AND e.batch = g.batch AND e.kind IN (1, 2, 3, 7)
            AND x.at IS NOT NULL
    ) k WHERE k.units > 0
) c ON true
WHERE p.sku = $1 AND p.node = $2
ORDER BY g.version DESC, g.step DESC
