-- Counts before ($4, $5), newest first. $1: a state, 0 for any; $2, $3: a SKU and a node, empty for any.
-- Columns as read_count.sql without history.
SELECT c.id, c.state, c.counted, c.counted_at, c.expected, c.difference, c.applied, c.reason,
    c.reference, c.principal, c.proposed_at,
    p.id, p.sku, p.node, p.version,
    ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control, p.in_transit],
    s.channels, s.quantities
FROM (
    SELECT k.* FROM stock_counts k JOIN positions q ON q.id = k.position
    WHERE ($1 = 0 OR k.state = $1) AND ($2 = '' OR q.sku = $2) AND ($3 = '' OR q.node = $3)
        AND (k.proposed_at, k.id) < ($4, $5)
    ORDER BY k.proposed_at DESC, k.id DESC LIMIT $6
) c
JOIN positions p ON p.id = c.position
LEFT JOIN LATERAL (
    SELECT array_agg(w.channel ORDER BY w.channel) AS channels,
        array_agg(w.quantity ORDER BY w.channel) AS quantities
    FROM channel_safety w WHERE w.position = p.id AND w.quantity > 0
) s ON true
ORDER BY c.proposed_at DESC, c.id DESC
