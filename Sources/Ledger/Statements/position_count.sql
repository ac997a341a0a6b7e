-- How many positions there are; exact for few, by the statistics of the table for many.
SELECT CASE WHEN few.n <= 10000 THEN few.n
    ELSE greatest(few.n, (SELECT reltuples FROM pg_class WHERE oid = 'positions'::regclass)::int8)
    END
FROM (SELECT count(*) AS n FROM (SELECT id FROM positions ORDER BY id LIMIT 10001) p) few
