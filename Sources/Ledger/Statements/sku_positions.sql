-- Contract: where SKUs are. $1 SKUs. A row per position: SKU, node, id.
SELECT p.sku, p.node, p.id FROM positions p WHERE p.sku = ANY ($1)
