-- Contract: deletes decisions that nobody reserved by and that are older than $1 days, $2 at most. One
-- row: how many.
WITH old AS (
    SELECT p.id FROM route_previews p
    WHERE p.at < clock_timestamp() - $1::int4 * interval '1 day'
    ORDER BY p.at, p.id LIMIT $2
), gone AS (
    DELETE FROM route_previews p USING old o WHERE p.id = o.id RETURNING 1
)
SELECT count(*) FROM gone
