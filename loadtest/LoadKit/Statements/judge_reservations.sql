-- Contract: the reservations of batches after $1: id, owner (which is the key that was asked with),
-- batch, times, the SKUs of their positions, the units of each and the versions that they were given,
-- and the kinds and times of what became of them.
SELECT r.key, r.owner, r.created_at, r.first_expires_at, s.skus, r.quantities, r.versions,
    coalesce(e.kinds, '{}') AS kinds, coalesce(e.times, '{}') AS times, r.order_key
FROM reservations r
CROSS JOIN LATERAL (
    SELECT array_agg(p.sku ORDER BY u.n) AS skus
    FROM unnest(r.positions) WITH ORDINALITY AS u (id, n) JOIN positions p ON p.id = u.id
) s
LEFT JOIN LATERAL (
    SELECT array_agg(kind ORDER BY sequence) AS kinds, array_agg(at ORDER BY sequence) AS times
    FROM reservation_events WHERE key = r.key
) e ON true
WHERE r.batch > $1
