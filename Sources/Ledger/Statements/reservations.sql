-- Contract: reservations as they are now ($3 false and no request key), as the requests with the
-- keys $2 left them, or ($3 true, a request key that is null or left no event) as their latest
-- events left them. $1 their keys, parallel to $2. One row per key, in the order of $1; all columns
-- are null where it does not exist. The last column is the decision that it was routed by, if any.
SELECT r.key, coalesce(e.state, r.state), coalesce(e.quantities, r.quantities),
    coalesce(e.held, r.held), coalesce(e.confirmed, r.confirmed), r.owner, r.channel,
    r.created_at, coalesce(e.expires_at, r.expires_at),
    CASE WHEN e.key IS NULL THEN r.transferred_to ELSE e.transferred_to END,
    CASE WHEN e.key IS NULL THEN r.order_key ELSE e.order_key END,
    l.skus, l.nodes, r.positions, t.decision
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS a(key, request_key, i)
LEFT JOIN reservations r ON r.key = a.key
LEFT JOIN reservation_events q ON q.request_key = a.request_key
LEFT JOIN reservation_events e ON e.key = r.key AND (a.request_key IS NOT NULL OR $3::bool)
    AND e.sequence = coalesce(q.sequence, r.events)
LEFT JOIN reservation_routes t ON t.reservation = r.key
LEFT JOIN LATERAL (
    SELECT array_agg(p.sku ORDER BY u.n) AS skus, array_agg(p.node ORDER BY u.n) AS nodes
    FROM unnest(r.positions) WITH ORDINALITY AS u(id, n) JOIN positions p ON p.id = u.id
) l ON true
ORDER BY a.i
