-- Contract: the number of the last batch so far; those of a round that begins now are higher. No
-- parameters.
SELECT last_value FROM batches
