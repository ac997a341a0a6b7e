-- The newest seal (nulls when there is none), what is not sealed, and lines of batches that were never
-- given out.
SELECT s.number, encode(s.digest, 'hex'), s.last_batch, s.sealed_at, u.rows, u.since, u.strangers
FROM unsealed_lines() u
LEFT JOIN (
    SELECT number, digest, last_batch, sealed_at FROM ledger_seals ORDER BY number DESC LIMIT 1
) s ON true
