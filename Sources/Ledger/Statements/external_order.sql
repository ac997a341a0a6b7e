-- The key of the order that channel $1 calls $2, and the fingerprint of its body.
SELECT key, fingerprint FROM orders WHERE channel = $1 AND external_id = $2
