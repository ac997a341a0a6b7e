-- Positions at node $1 after SKU $2, by SKU; $3 at most.
SELECT id, sku, node FROM positions WHERE node = $1 AND sku > $2 ORDER BY sku LIMIT $3
