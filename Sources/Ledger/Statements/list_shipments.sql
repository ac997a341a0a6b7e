-- The shipments of order $1 as they are now, by number, without history.
SELECT i.id, i.order_key, i.number, i.node, i.status, i.service, i.slot_day, i.slot_window,
    i.promise_day, i.carrier, i.tracking, i.reservation, i.created_at, i.updated_at, i.numbers,
    i.skus, i.quantities, i.open, i.picked, i.leaving, i.missing, i.shipped, i.cancelled, i.moved,
    i.short, i.capacity_skus, i.capacity
FROM shipments s JOIN shipment_images i ON i.id = s.id AND i.sequence = s.events
WHERE s.order_key = $1
ORDER BY s.number
