-- Contract: waits for the exclusive lock of shard $1, that is for all batches in flight. The lock
-- lasts as long as the session.
SELECT pg_advisory_lock(7301, $1)
