-- Contract: the positions whose stock moved in the latest $1 batches, those that moved in most of them
-- first, at most $2. One column: the id.
SELECT g.position
FROM position_ledger g
WHERE g.batch > (SELECT last_value FROM batches) - $1
GROUP BY g.position
ORDER BY count(*) DESC, max(g.batch) DESC
LIMIT $2
