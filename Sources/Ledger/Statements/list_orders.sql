-- Orders before ($5, $6), newest first, without history. $1: a status, 0 for any. $2: a channel,
-- empty for any. $3, $4: created at or after, and before.
SELECT o.key, o.channel, o.external_id, o.customer, o.currency, o.total_minor, o.status,
    o.created_at, o.updated_at, o.placed_at, o.reservation,
    l.numbers, l.skus, l.nodes, l.prices, l.ordered, l.allocated, l.shipped, l.cancelled,
    l.backordered
FROM (
    SELECT * FROM orders
    WHERE ($1 = 0 OR status = $1) AND ($2 = '' OR channel = $2)
        AND created_at >= $3 AND created_at < $4 AND (created_at, key) < ($5, $6)
    ORDER BY created_at DESC, key DESC LIMIT $7
) o
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
ORDER BY o.created_at DESC, o.key DESC
