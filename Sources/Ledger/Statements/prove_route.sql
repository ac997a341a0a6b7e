-- Contract: what Postgres has of everything that a plan could use, at one snapshot. $1 SKUs: all their
-- positions; $2 ids of other positions. A row per position: the columns of load_positions.sql, then SKU
-- and node.
WITH asked AS MATERIALIZED (
    SELECT p.id FROM positions p WHERE p.sku = ANY ($1)
    UNION
    SELECT id FROM unnest($2::int8[]) AS u(id)
)
SELECT p.id, p.version, p.free,
    ARRAY(SELECT c.channel FROM channel_safety c WHERE c.position = p.id ORDER BY c.channel),
    ARRAY(SELECT c.quantity FROM channel_safety c WHERE c.position = p.id ORDER BY c.channel),
    p.sku, p.node
FROM asked a JOIN positions p ON p.id = a.id
