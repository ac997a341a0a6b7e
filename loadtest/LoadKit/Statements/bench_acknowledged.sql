-- Contract: of the reservations with the ids $1, how many there are, and where their goods are now:
-- held, confirmed without an order, allocated to an order, cancelled, released, expired.
SELECT count(*) AS found, coalesce(sum(u.quantity), 0)::int8 AS units,
    coalesce(sum(u.held), 0)::int8 AS held,
    coalesce(sum(u.confirmed) FILTER (WHERE r.order_key IS NULL), 0)::int8 AS confirmed,
    coalesce(sum(o.allocated), 0)::int8 AS ordered,
    coalesce(sum(o.cancelled), 0)::int8 AS cancelled,
    coalesce(sum(u.quantity - u.held - u.confirmed) FILTER (WHERE r.state = 4), 0)::int8
        AS released,
    coalesce(sum(u.quantity - u.held - u.confirmed) FILTER (WHERE r.state = 5), 0)::int8
        AS expired
FROM reservations r
CROSS JOIN LATERAL (
    SELECT sum(q) AS quantity, sum(h) AS held, sum(c) AS confirmed
    FROM unnest(r.positions, r.quantities, r.held, r.confirmed) AS line (id, q, h, c)
    JOIN positions p ON p.id = line.id AND left(p.sku, 1) <> '@'
) u
LEFT JOIN LATERAL (
    SELECT sum(allocated) AS allocated, sum(cancelled) AS cancelled
    FROM order_lines WHERE order_key = r.order_key
) o ON r.order_key IS NOT NULL
WHERE r.key = ANY ($1)
