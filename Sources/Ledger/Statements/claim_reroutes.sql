-- Up to $1 reroutes that are due, for $2 ms; $3: how many other places a line may have had.
SELECT c.id, c.order_key, c.shipment, c.holds, c.channel, c.customer, c.reservation, c.numbers,
    c.skus, c.units, c.spent, c.excluded_skus, c.excluded_nodes
FROM claim_reroutes($1, $2, $3) c
