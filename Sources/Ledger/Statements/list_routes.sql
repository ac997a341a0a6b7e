-- Contract: decisions, the latest first. $1 channel (null: all), $2 and $3 time and id of the last one of
-- the page before (null: from the latest), $4 how many, $5 whether those are wanted that nobody reserved
-- by. Columns as route_decisions.sql has them.
SELECT d.id, d.id, d.at, d.channel, d.network, d.rules, d.rules_version, d.shipments, d.body, d.reserved
FROM (
    (SELECT d.id, d.at, d.channel, d.network, d.rules, d.rules_version, d.shipments, d.body,
        true AS reserved
    FROM route_decisions d
    WHERE ($1::text IS NULL OR d.channel = $1)
        AND ($2::timestamptz IS NULL OR (d.at, d.id) < ($2, $3::uuid))
    ORDER BY d.at DESC, d.id DESC LIMIT $4)
    UNION ALL
    (SELECT d.id, d.at, d.channel, d.network, d.rules, d.rules_version, d.shipments, d.body, false
    FROM route_previews d
    WHERE $5::bool AND ($1::text IS NULL OR d.channel = $1)
        AND ($2::timestamptz IS NULL OR (d.at, d.id) < ($2, $3::uuid))
    ORDER BY d.at DESC, d.id DESC LIMIT $4)
) d
ORDER BY d.at DESC, d.id DESC LIMIT $4
