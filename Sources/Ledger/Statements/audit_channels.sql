-- Contract: what is withheld from single channels of positions, by Postgres and by the ledger, in one
-- snapshot, for the audit of drift.
-- In: parallel $1 ids, $2 versions of their views (-1: none), $3 versions beyond those that the views
--   have, as '5,7'; parallel $4 ids, $5 channels and $6 versions of the figures in the views.
-- Out, one row for each channel of a position that any of them knows: id, channel, units that Postgres
--   withholds; units by the last row; version and units of the last row that the view must have; units
--   by the last row up to the version of the view's figure (null: the view has none).
SELECT v.id, c.channel, coalesce(s.quantity, 0), coalesce(newest.units, 0),
    coalesce(applied.version, 0), coalesce(applied.units, 0), had.units
FROM unnest($1::int8[], $2::int8[], $3::text[]) AS v(id, viewed, beyond)
CROSS JOIN LATERAL (
    SELECT l.channel FROM position_ledger l WHERE l.position = v.id AND l.channel IS NOT NULL
    UNION
    SELECT k.channel COLLATE "default" FROM channel_safety k WHERE k.position = v.id
    UNION
    SELECT f.channel FROM unnest($4::int8[], $5::text[]) AS f(position, channel)
    WHERE f.position = v.id
) c
LEFT JOIN channel_safety s ON s.position = v.id AND s.channel = c.channel COLLATE "C"
LEFT JOIN LATERAL (
    SELECT l.channel_safety AS units FROM position_ledger l
    WHERE l.position = v.id AND l.channel = c.channel ORDER BY l.version DESC LIMIT 1
) newest ON true
LEFT JOIN LATERAL (
    SELECT l.version, l.channel_safety AS units FROM position_ledger l
    WHERE l.position = v.id AND l.channel = c.channel
        AND (l.version <= v.viewed OR l.version = ANY (string_to_array(v.beyond, ',')::int8[]))
    ORDER BY l.version DESC LIMIT 1
) applied ON true
LEFT JOIN LATERAL (
    SELECT coalesce((
        SELECT l.channel_safety FROM position_ledger l
        WHERE l.position = v.id AND l.channel = c.channel AND l.version <= f.version
        ORDER BY l.version DESC LIMIT 1), 0) AS units
    FROM unnest($4::int8[], $5::text[], $6::int8[]) AS f(position, channel, version)
    WHERE f.position = v.id AND f.channel = c.channel LIMIT 1
) had ON true
ORDER BY v.id, c.channel
