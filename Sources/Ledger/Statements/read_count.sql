-- One count with its history and its position as it is now.
SELECT c.id, c.state, c.counted, c.counted_at, c.expected, c.difference, c.applied, c.reason,
    c.reference, c.principal, c.proposed_at,
    p.id, p.sku, p.node, p.version,
    ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control, p.in_transit],
    s.channels, s.quantities,
    e.sequences, e.times, e.kinds, e.principals, e.request_ids, e.trace_ids, e.notes, e.units,
    e.versions
FROM stock_counts c
JOIN positions p ON p.id = c.position
LEFT JOIN LATERAL (
    SELECT array_agg(w.channel ORDER BY w.channel) AS channels,
        array_agg(w.quantity ORDER BY w.channel) AS quantities
    FROM channel_safety w WHERE w.position = p.id AND w.quantity > 0
) s ON true
CROSS JOIN LATERAL (
    SELECT array_agg(e.sequence ORDER BY e.sequence) AS sequences,
        array_agg(e.at ORDER BY e.sequence) AS times,
        array_agg(e.kind ORDER BY e.sequence) AS kinds,
        array_agg(e.principal ORDER BY e.sequence) AS principals,
        array_agg(e.request_id ORDER BY e.sequence) AS request_ids,
        array_agg(e.trace_id ORDER BY e.sequence) AS trace_ids,
        array_agg(e.note ORDER BY e.sequence) AS notes,
        array_agg(e.applied ORDER BY e.sequence) AS units,
        array_agg(e.version ORDER BY e.sequence) AS versions
    FROM count_events e WHERE e.id = c.id
) e
WHERE c.id = $1
