-- One order with its lines and history. The lines of events stand in parallel arrays of their own.
SELECT o.key, o.channel, o.external_id, o.customer, o.currency, o.total_minor, o.status,
    o.created_at, o.updated_at, o.placed_at, o.reservation,
    l.numbers, l.skus, l.nodes, l.prices, l.ordered, l.allocated, l.shipped, l.cancelled,
    e.sequences, e.times, e.kinds, e.principals, e.request_ids, e.trace_ids, e.notes,
    t.sequences, t.numbers, t.units, l.backordered
FROM orders o
CROSS JOIN LATERAL (
    SELECT array_agg(l.number ORDER BY l.number) AS numbers,
        array_agg(p.sku::text ORDER BY l.number) AS skus,
        array_agg(p.node::text ORDER BY l.number) AS nodes,
        array_agg(l.unit_price_minor ORDER BY l.number) AS prices,
        array_agg(l.ordered ORDER BY l.number) AS ordered,
        array_agg(l.allocated ORDER BY l.number) AS allocated,
        array_agg(l.shipped ORDER BY l.number) AS shipped,
        array_agg(l.cancelled ORDER BY l.number) AS cancelled,
        array_agg(l.backordered ORDER BY l.number) AS backordered
    FROM order_lines l JOIN positions p ON p.id = l.position WHERE l.order_key = o.key
) l
CROSS JOIN LATERAL (
    SELECT array_agg(e.sequence ORDER BY e.sequence) AS sequences,
        array_agg(e.at ORDER BY e.sequence) AS times,
        array_agg(e.kind ORDER BY e.sequence) AS kinds,
        array_agg(e.principal ORDER BY e.sequence) AS principals,
        array_agg(e.request_id ORDER BY e.sequence) AS request_ids,
        array_agg(e.trace_id ORDER BY e.sequence) AS trace_ids,
        array_agg(e.note ORDER BY e.sequence) AS notes
    FROM order_events e WHERE e.order_key = o.key
) e
CROSS JOIN LATERAL (
    SELECT array_agg(e.sequence ORDER BY e.sequence, u.n) AS sequences,
        array_agg(u.number ORDER BY e.sequence, u.n) AS numbers,
        array_agg(u.units ORDER BY e.sequence, u.n) AS units
    FROM order_events e
    CROSS JOIN LATERAL unnest(e.numbers, e.quantities) WITH ORDINALITY AS u(number, units, n)
    WHERE e.order_key = o.key
) t
WHERE o.key = $1
