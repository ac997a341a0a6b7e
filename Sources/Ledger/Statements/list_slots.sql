-- The current slots of node $1 from day $2 (since 1970-01-01) on, with what is free in them.
SELECT s.day - date '1970-01-01', s.number, s.opens_at, s.closes_at, s.orders, o.free, s.units,
    u.free, s.by_hand, s.cutoffs
FROM network_slots s
LEFT JOIN positions o ON o.id = s.orders_position
LEFT JOIN positions u ON u.id = s.units_position
WHERE s.until = 9223372036854775807 AND s.node = $1 AND s.day >= date '1970-01-01' + $2
ORDER BY s.opens_at, s.number LIMIT $3
