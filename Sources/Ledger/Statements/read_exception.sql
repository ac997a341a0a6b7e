-- Exception $1 with its history. No row: there is none.
SELECT x.id, x.code, x.subject, x.order_key, x.line, x.shipment, x.detail, x.state, x.opened_at,
    x.resolved_at, h.sequences, h.times, h.kinds, h.principals, h.request_ids, h.trace_ids, h.notes
FROM exceptions x
CROSS JOIN LATERAL (
    SELECT array_agg(e.sequence ORDER BY e.sequence) AS sequences,
        array_agg(e.at ORDER BY e.sequence) AS times,
        array_agg(e.kind ORDER BY e.sequence) AS kinds,
        array_agg(e.principal ORDER BY e.sequence) AS principals,
        array_agg(e.request_id ORDER BY e.sequence) AS request_ids,
        array_agg(e.trace_id ORDER BY e.sequence) AS trace_ids,
        array_agg(e.note ORDER BY e.sequence) AS notes
    FROM exception_events e WHERE e.id = x.id
) h
WHERE x.id = $1
