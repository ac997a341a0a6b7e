-- Contract: the positions of goods at a run's node ($1), or at those whose names begin with it and a -,
-- as they are, beside what their ledger adds up to.
SELECT p.id, p.version, p.on_hand, p.held, p.allocated, p.free,
    coalesce(l.on_hand, 0)::int8 AS ledger_on_hand, coalesce(l.held, 0)::int8 AS ledger_held,
    coalesce(l.allocated, 0)::int8 AS ledger_allocated
FROM positions p LEFT JOIN (
    SELECT position, sum(on_hand_delta) AS on_hand, sum(held_delta) AS held,
        sum(allocated_delta) AS allocated
    FROM position_ledger WHERE position IN (
        SELECT id FROM positions
        WHERE (node = $1 OR left(node, length($1) + 1) = $1 || '-') AND left(sku, 1) <> '@')
    GROUP BY position
) l ON l.position = p.id
WHERE (p.node = $1 OR left(p.node, length($1) + 1) = $1 || '-') AND left(p.sku, 1) <> '@'
ORDER BY p.id
