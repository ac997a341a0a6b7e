-- Contract: the positions of the node $1 as they are now.
SELECT id, sku, version, on_hand, free FROM positions WHERE node = $1 ORDER BY id
