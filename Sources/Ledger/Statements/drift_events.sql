-- The history of findings of position $1, newest first; $2 at most.
SELECT at, event, finding, units, version, clean_version, clean_at, server, principal, request_id,
    trace_id, detail
FROM drift_events WHERE position = $1 ORDER BY id DESC LIMIT $2
