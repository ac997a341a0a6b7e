-- $1, $2: SKUs and nodes asked for; an empty node stands for all. $3: supply counts up to then;
-- null for none. One row per item and position, in the order of the items; nulls for none.
SELECT i.n, coalesce(e.units, 0)::int8, p.id, p.sku, p.node, p.version,
    ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control, p.in_transit],
    s.channels, s.quantities
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS i(sku, node, n)
LEFT JOIN positions p ON p.sku = i.sku COLLATE "C" AND (i.node = '' OR p.node = i.node COLLATE "C")
LEFT JOIN LATERAL (
    SELECT sum(c.quantity) AS units FROM incoming c
    WHERE c.position = p.id AND c.expected_at <= $3
) e ON true
LEFT JOIN LATERAL (
    SELECT array_agg(c.channel ORDER BY c.channel) AS channels,
        array_agg(c.quantity ORDER BY c.channel) AS quantities
    FROM channel_safety c WHERE c.position = p.id AND c.quantity > 0
) s ON true
ORDER BY i.n, p.node
