-- Positions after ($1, $2) whose SKU begins with $3, by SKU and node. A SKU has at most 64 bytes,
-- so that 16 times the last character of four bytes ends the range of every prefix. Capacities of slots
-- (SKUs that begin with @) are listed only where the prefix asks for them.
SELECT p.id, p.sku, p.node, p.version,
    ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control, p.in_transit],
    s.channels, s.quantities
FROM positions p
LEFT JOIN LATERAL (
    SELECT array_agg(c.channel ORDER BY c.channel) AS channels,
        array_agg(c.quantity ORDER BY c.channel) AS quantities
    FROM channel_safety c WHERE c.position = p.id AND c.quantity > 0
) s ON true
WHERE (p.sku, p.node) > ($1, $2) AND p.sku >= $3 AND p.sku <= $3 || repeat(chr(1114111), 16)
    AND ($3 LIKE '@%' OR p.sku < '@' OR p.sku >= 'A')
ORDER BY p.sku, p.node LIMIT $4
