-- What is free of the SKUs $1 for channel $2, at nodes that get new work.
SELECT p.sku, p.node, p.free - coalesce(c.quantity, 0)
FROM positions p
LEFT JOIN channel_safety c ON c.position = p.id AND c.channel = $2
WHERE p.sku = ANY ($1) AND p.free - coalesce(c.quantity, 0) > 0
    AND NOT EXISTS (SELECT FROM resting_nodes() AS n(node) WHERE n.node = p.node)
ORDER BY p.sku, p.node
