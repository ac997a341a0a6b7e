-- Contract: decisions by id, or by the id of a reservation that was routed. $1 ids. A row for each that
-- there is: id asked for, id, at, channel, network, rule set, its version, shipments, body, and whether
-- a reservation was made by it.
SELECT u.id, d.id, d.at, d.channel, d.network, d.rules, d.rules_version, d.shipments, d.body, true
FROM unnest($1::uuid[]) AS u(id)
LEFT JOIN reservation_routes t ON t.reservation = u.id
JOIN route_decisions d ON d.id = coalesce(t.decision, u.id)
UNION ALL
SELECT u.id, d.id, d.at, d.channel, d.network, d.rules, d.rules_version, d.shipments, d.body, false
FROM unnest($1::uuid[]) AS u(id) JOIN route_previews d ON d.id = u.id
