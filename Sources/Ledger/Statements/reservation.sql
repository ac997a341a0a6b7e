-- Contract: a reservation as it is now ($2 null and $3 false), or as the request with the key $2
-- left it, or ($3 true) as its latest event left it. $1 its key. No row: it does not exist.
SELECT r.key, coalesce(e.state, r.state), coalesce(e.quantities, r.quantities),
    coalesce(e.held, r.held), coalesce(e.confirmed, r.confirmed), r.owner, r.channel,
    r.created_at, coalesce(e.expires_at, r.expires_at),
    CASE WHEN e.key IS NULL THEN r.transferred_to ELSE e.transferred_to END,
    CASE WHEN e.key IS NULL THEN r.order_key ELSE e.order_key END,
    ARRAY(SELECT p.sku FROM unnest(r.positions) WITH ORDINALITY AS u(id, n)
        JOIN positions p ON p.id = u.id ORDER BY u.n),
    ARRAY(SELECT p.node FROM unnest(r.positions) WITH ORDINALITY AS u(id, n)
        JOIN positions p ON p.id = u.id ORDER BY u.n),
    r.positions
FROM reservations r
LEFT JOIN reservation_events e ON e.key = r.key AND ($2::uuid IS NOT NULL OR $3::bool)
    AND e.sequence = coalesce(
        (SELECT q.sequence FROM reservation_events q WHERE q.request_key = $2), r.events)
WHERE r.key = $1
