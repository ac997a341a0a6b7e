-- Contract: what is wrong in the books of the node $1, whose reservations are of batches after $2: one
-- row for each finding, its kind (oversold or books) and what it is. No row when all is well.
WITH here AS (
    SELECT * FROM positions WHERE node = $1
), folded AS (
    SELECT l.position, sum(on_hand_delta) AS on_hand, sum(held_delta) AS held,
        sum(allocated_delta) AS allocated, sum(safety_delta) AS safety
    FROM position_ledger l JOIN here ON here.id = l.position GROUP BY l.position
), live AS (
    SELECT u.position, sum(u.held) AS held,
        coalesce(sum(u.confirmed) FILTER (WHERE r.order_key IS NULL), 0) AS confirmed
    FROM reservations r, unnest(r.positions, r.held, r.confirmed) AS u (position, held, confirmed)
    WHERE r.batch > $2 GROUP BY u.position
), ordered AS (
    SELECT o.position, sum(o.allocated) AS allocated
    FROM (
        SELECT position, allocated FROM shipment_lines
        UNION ALL SELECT position, units FROM shipment_capacity
    ) o JOIN here ON here.id = o.position GROUP BY o.position
)
SELECT 'oversold' AS kind, format('%s: %s held, %s allocated of %s', sku, held, allocated, on_hand)
    AS what
FROM here WHERE held + allocated > on_hand OR least(held, allocated, on_hand) < 0
UNION ALL
SELECT 'books', format('%s: on hand, held and allocated are %s %s %s, its ledger adds up to %s %s %s',
    h.sku, h.on_hand, h.held, h.allocated, f.on_hand, f.held, f.allocated)
FROM here h LEFT JOIN folded f ON f.position = h.id
WHERE (h.on_hand, h.held, h.allocated, h.safety)
    IS DISTINCT FROM (f.on_hand, f.held, f.allocated, f.safety)
UNION ALL
SELECT 'books', format('%s: %s held, its reservations hold %s', h.sku, h.held, l.held)
FROM here h LEFT JOIN live l ON l.position = h.id WHERE h.held <> coalesce(l.held, 0)
UNION ALL
SELECT 'books', format('%s: %s allocated, reservations and orders have %s and %s', h.sku, h.allocated,
    l.confirmed, o.allocated)
FROM here h LEFT JOIN live l ON l.position = h.id LEFT JOIN ordered o ON o.position = h.id
WHERE h.allocated <> coalesce(l.confirmed, 0) + coalesce(o.allocated, 0)
UNION ALL
SELECT 'books', format('%s: version %s does not follow from the one before', sku, version)
FROM (
    SELECT here.sku, l.*, lag(l.version) OVER w AS version_before,
        lag(l.step) OVER w AS step_before, lag(l.free_after) OVER w AS free_before
    FROM position_ledger l JOIN here ON here.id = l.position
    WINDOW w AS (PARTITION BY l.position ORDER BY l.version, l.step)
) l
WHERE free_after <> coalesce(free_before, 0) + on_hand_delta - held_delta - allocated_delta
        - safety_delta - damaged_delta - quality_control_delta
    OR NOT (version = coalesce(version_before, 0) + 1 AND step = 0
        OR version = coalesce(version_before, 0) AND step = coalesce(step_before, 0) + 1)
