-- Contract: the ids of positions by name. $1 SKUs, $2 nodes, parallel. One row for each, in order:
-- the id, or null and then whether the SKU and the node are known at all.
SELECT p.id,
    p.id IS NOT NULL OR EXISTS (SELECT 1 FROM positions s WHERE s.sku = u.sku),
    p.id IS NOT NULL OR EXISTS (SELECT 1 FROM positions s WHERE s.node = u.node)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(sku, node, n)
LEFT JOIN positions p ON p.sku = u.sku AND p.node = u.node
ORDER BY u.n
