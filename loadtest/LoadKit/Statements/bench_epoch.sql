-- Contract: the open epoch of the cache, by which the names of its keys are known. No parameters.
SELECT epoch FROM cache_epoch WHERE shard = 0
