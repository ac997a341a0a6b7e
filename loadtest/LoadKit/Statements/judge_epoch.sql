-- Contract: the open epoch of the cache and the master_replid of the Redis process that it was opened
-- on. No parameters.
SELECT epoch, replid FROM cache_epoch WHERE shard = 0
