-- How many exceptions are open in each queue that has any, and how many reroutes are pending.
SELECT x.queue, count(*) FROM exceptions x WHERE x.state = 1 GROUP BY x.queue
UNION ALL
SELECT '', count(*) FROM reroutes q WHERE q.state = 1
