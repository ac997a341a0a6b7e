-- Contract: every change of what is free at the node $1, in order: SKU, version, free units after it,
-- when it was decided.
SELECT p.sku, l.version, l.free_after, l.at
FROM positions p JOIN position_ledger l ON l.position = p.id AND l.step = 0
WHERE p.node = $1 ORDER BY p.sku, l.version
