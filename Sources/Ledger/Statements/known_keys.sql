-- Contract: the barrier, and the answer for a key that the gate calls known. $1 shard, $2 keys.
-- One row at least: the open epoch; then the reservations that exist under these keys, if any, with
-- the fingerprint of their body and the times of their first answer.
SELECT e.epoch, r.key, r.fingerprint, r.created_at, r.first_expires_at
FROM cache_epoch e
LEFT JOIN reservations r ON r.key = ANY ($2)
WHERE e.shard = $1
