-- Adds events to the history of findings; parallel arrays, a version of -1 and a time of 0 mean none.
INSERT INTO drift_events (position, event, finding, units, version, clean_version, clean_at, server,
    principal, request_id, trace_id, detail)
SELECT position, event, finding, units, version, nullif(clean_version, -1),
    CASE WHEN clean_version >= 0 THEN clean_at END, server, principal, request_id, trace_id, detail
FROM unnest($1::int8[], $2::int2[], $3::int2[], $4::int8[], $5::int8[], $6::int8[],
    $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    AS u(position, event, finding, units, version, clean_version, clean_at, server, principal,
        request_id, trace_id, detail)
