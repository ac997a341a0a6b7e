-- Contract: the reservations of batches after $3 whose commits gave the positions $1 versions beyond $2:
-- id, owner (which is the key that was asked with), position, version.
SELECT r.key, r.owner, v.position, l.version
FROM unnest($1::int8[], $2::int8[]) AS v (position, version)
JOIN position_ledger l ON l.position = v.position AND l.version > v.version AND l.step = 0
JOIN reservations r ON r.batch = l.batch AND r.batch > $3 AND v.position = ANY (r.positions)
