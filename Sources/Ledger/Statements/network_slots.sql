-- The slots at version $1, by node and the time they open.
SELECT s.node, s.day - date '1970-01-01', s.number, s.opens_at, s.closes_at, s.cutoffs, s.orders,
    s.units, s.orders_position, s.units_position
FROM network_slots s
WHERE s.until > $1 AND s.since <= $1 ORDER BY s.node, s.opens_at, s.number
