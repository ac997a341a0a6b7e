-- Those of $1 that are no names of time zones.
SELECT coalesce(array_agg(u.name ORDER BY u.name), '{}') FROM unnest($1) AS u(name)
WHERE u.name NOT IN (SELECT z.name FROM pg_timezone_names z)
