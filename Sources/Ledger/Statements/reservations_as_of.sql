-- The $3 reservations after $2 (null: the first ones), by key, as the events of all batches up to $1
-- left them; state is null for a reservation that was not there yet. Columns as reservations.sql.
SELECT r.key, a.state, a.quantities, a.held, a.confirmed, r.owner, r.channel, r.created_at,
    a.expires_at, a.transferred_to, a.order_key, l.skus, l.nodes, r.positions, t.decision
FROM (
    SELECT key, owner, channel, created_at, positions FROM reservations
    WHERE $2 IS NULL OR key > $2 ORDER BY key LIMIT $3
) r
LEFT JOIN LATERAL reservation_as_of(r.key, $1) a ON true
LEFT JOIN reservation_routes t ON t.reservation = r.key
LEFT JOIN LATERAL (
    SELECT array_agg(p.sku::text ORDER BY u.n) AS skus, array_agg(p.node::text ORDER BY u.n) AS nodes
    FROM unnest(r.positions) WITH ORDINALITY AS u(id, n) JOIN positions p ON p.id = u.id
) l ON true
ORDER BY r.key
