-- Up to $6 shipments of node $1 after ($3, $4, $5), the oldest promise first, without history. $2: the
-- states that count; none: those in which there is something to do.
SELECT i.id, i.order_key, i.number, i.node, i.status, i.service, i.slot_day, i.slot_window,
    i.promise_day, i.carrier, i.tracking, i.reservation, i.created_at, i.updated_at, i.numbers,
    i.skus, i.quantities, i.open, i.picked, i.leaving, i.missing, i.shipped, i.cancelled, i.moved,
    i.short, i.capacity_skus, i.capacity
FROM (
    (SELECT * FROM shipments
        WHERE cardinality($2::int2[]) = 0 AND node = $1 AND status NOT IN (5, 8, 9, 11)
            AND (due_day, created_at, id) > ($3, $4, $5)
        ORDER BY due_day, created_at, id LIMIT $6)
    UNION ALL
    (SELECT w.* FROM unnest($2::int2[]) AS u(status) CROSS JOIN LATERAL (
        SELECT * FROM shipments
        WHERE node = $1 AND status = u.status AND (due_day, created_at, id) > ($3, $4, $5)
        ORDER BY due_day, created_at, id LIMIT $6) w)
) s
JOIN shipment_images i ON i.id = s.id AND i.sequence = s.events
ORDER BY s.due_day, s.created_at, s.id LIMIT $6
