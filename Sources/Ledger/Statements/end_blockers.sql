-- Contract: ends the sessions that keep the session $1 waiting, except those that wait for a
-- standby: ending them would show commits that are not replicated yet. One row each.
SELECT pg_terminate_backend(a.pid)
FROM unnest(pg_blocking_pids($1)) AS b(pid)
JOIN pg_stat_activity a ON a.pid = b.pid
WHERE a.wait_event IS DISTINCT FROM 'SyncRep'
