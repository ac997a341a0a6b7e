-- Shipments of closed nodes that are to go elsewhere, by order; at most $1 orders.
SELECT c.order_key, c.shipments FROM closed_shipments($1) c
