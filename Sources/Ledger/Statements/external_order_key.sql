-- Contract: the key of the order that channel $1 calls $2. No row: there is none.
SELECT key FROM orders WHERE channel = $1 AND external_id = $2
