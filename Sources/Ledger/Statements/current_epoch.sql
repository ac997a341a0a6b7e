-- Contract: the open epoch of shard $1 and the Redis process that it was opened on.
SELECT epoch, replid FROM cache_epoch WHERE shard = $1
