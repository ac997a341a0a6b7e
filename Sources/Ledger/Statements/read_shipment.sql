-- Shipment $1 with its history, as the request with the key $2 left it, or ($2 null) as it is now. No
-- row: there is none.
SELECT i.id, i.order_key, i.number, i.node, i.status, i.service, i.slot_day, i.slot_window,
    i.promise_day, i.carrier, i.tracking, i.reservation, i.created_at, i.updated_at, i.numbers,
    i.skus, i.quantities, i.open, i.picked, i.leaving, i.missing, i.shipped, i.cancelled, i.moved,
    i.short, i.capacity_skus, i.capacity,
    h.sequences, h.times, h.kinds, h.statuses, h.principals, h.request_ids, h.trace_ids, h.codes,
    h.notes
FROM shipments s
LEFT JOIN shipment_events q ON q.request_key = $2 AND q.shipment = s.id
JOIN shipment_images i ON i.id = s.id AND i.sequence = coalesce(q.sequence, s.events)
CROSS JOIN LATERAL (
    SELECT array_agg(e.sequence ORDER BY e.sequence) AS sequences,
        array_agg(e.at ORDER BY e.sequence) AS times,
        array_agg(e.kind ORDER BY e.sequence) AS kinds,
        array_agg(e.status ORDER BY e.sequence) AS statuses,
        array_agg(e.principal ORDER BY e.sequence) AS principals,
        array_agg(e.request_id ORDER BY e.sequence) AS request_ids,
        array_agg(e.trace_id ORDER BY e.sequence) AS trace_ids,
        array_agg(e.code ORDER BY e.sequence) AS codes,
        array_agg(e.note ORDER BY e.sequence) AS notes
    FROM shipment_events e WHERE e.shipment = s.id AND e.sequence <= i.sequence
) h
WHERE s.id = $1
