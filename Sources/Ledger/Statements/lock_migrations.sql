-- Contract: waits until no other server migrates; the lock lasts as long as the session.
SELECT pg_advisory_lock(7300)
