-- Contract: makes the epoch of shard $1, which must be $2, the next one, on the Redis process $3, by
-- server $4. Only under the exclusive lock of the shard. No row: the epoch was another.
UPDATE cache_epoch SET epoch = epoch + 1, replid = $3, opened_at = clock_timestamp(), opened_by = $4
WHERE shard = $1 AND epoch = $2
RETURNING epoch
