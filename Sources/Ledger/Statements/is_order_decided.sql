-- True when the key $1 has placed an order, or channel $2 has one that it calls $3.
SELECT EXISTS (SELECT 1 FROM orders WHERE key = $1)
    OR EXISTS (SELECT 1 FROM orders WHERE channel = $2 AND external_id = $3)
