-- Up to $7 exceptions after ($5, $6), oldest first, without history. $1: a queue, $2: a code, empty for
-- any. $3: an order, null for any. $4: a state.
SELECT x.id, x.code, x.subject, x.order_key, x.line, x.shipment, x.detail, x.state, x.opened_at,
    x.resolved_at
FROM exceptions x
WHERE ($1 = '' OR x.queue = $1) AND ($2 = '' OR x.code = $2) AND ($3::uuid IS NULL OR x.order_key = $3)
    AND x.state = $4 AND (x.opened_at, x.id) > ($5, $6)
ORDER BY x.opened_at, x.id LIMIT $7
