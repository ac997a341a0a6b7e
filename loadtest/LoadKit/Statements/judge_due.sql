-- Contract: how many holds of batches after $2 are live that are over within $1 milliseconds from now, or
-- are over already.
SELECT count(*) FROM reservations
WHERE state IN (1, 2) AND expires_at <= clock_timestamp() + $1 * interval '1 millisecond'
    AND batch > $2
