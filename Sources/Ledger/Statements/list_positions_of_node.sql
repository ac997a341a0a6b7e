-- Positions of node $2 after SKU $1 whose SKU begins with $3, by SKU; see list_positions.
SELECT p.id, p.sku, p.node, p.version,
    ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control, p.in_transit],
    s.channels, s.quantities
FROM positions p
LEFT JOIN LATERAL (
    SELECT array_agg(c.channel ORDER BY c.channel) AS channels,
        array_agg(c.quantity ORDER BY c.channel) AS quantities
    FROM channel_safety c WHERE c.position = p.id AND c.quantity > 0
) s ON true
WHERE p.node = $2 AND p.sku > $1 AND p.sku >= $3 AND p.sku <= $3 || repeat(chr(1114111), 16)
    AND ($3 LIKE '@%' OR p.sku < '@' OR p.sku >= 'A')
ORDER BY p.sku LIMIT $4
