-- Contract: what the gate needs of positions that it does not have. $1 ids. A row per position:
-- id, version, free, the channels that units are withheld from, those units.
SELECT p.id, p.version, p.free,
    ARRAY(SELECT c.channel FROM channel_safety c WHERE c.position = p.id ORDER BY c.channel),
    ARRAY(SELECT c.quantity FROM channel_safety c WHERE c.position = p.id ORDER BY c.channel)
FROM positions p
WHERE p.id = ANY ($1)
