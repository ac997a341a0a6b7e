-- Positions of SKU $1 after node $2, by node, or only that at node $3 if it is not empty; $4 at most.
SELECT id, sku, node FROM positions
WHERE sku = $1 AND node > $2 AND ($3 = '' OR node = $3)
ORDER BY node LIMIT $4
