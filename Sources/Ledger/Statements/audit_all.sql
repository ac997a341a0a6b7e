-- Positions after id $1, by id; $2 at most.
SELECT id, sku, node FROM positions WHERE id > $1 ORDER BY id LIMIT $2
