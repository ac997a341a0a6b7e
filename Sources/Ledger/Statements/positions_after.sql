-- Contract: a page of the positions of shard $1, by id: those beyond $2, at most $3. A row per position as
-- load_positions.sql has it: id, version, free, the channels that units are withheld from, those units.
SELECT p.id, p.version, p.free, coalesce(c.channels, '{}'), coalesce(c.quantities, '{}')
FROM positions p
LEFT JOIN LATERAL (
    SELECT array_agg(s.channel ORDER BY s.channel) AS channels,
        array_agg(s.quantity ORDER BY s.channel) AS quantities
    FROM channel_safety s WHERE s.position = p.id
) c ON true
WHERE p.id > $2 AND p.shard = $1
ORDER BY p.id
LIMIT $3
