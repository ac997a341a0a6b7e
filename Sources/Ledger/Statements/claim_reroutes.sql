-- Up to $1 reroutes that are due, for $2 ms; $3: how many other places a line may have had.
-- The function closes what needs no place, then hands out, and sees what others committed in between: a job
-- whose units were cancelled just then has no lines. It is left out, and closed when its lease is over.
SELECT c.id, c.order_key, c.shipment, c.holds, c.channel, c.customer, c.reservation, c.numbers,
    c.skus, c.units, c.spent, c.excluded_skus, c.excluded_nodes
FROM claim_reroutes($1, $2, $3) c
WHERE c.numbers IS NOT NULL
