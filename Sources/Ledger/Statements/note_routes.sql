-- Contract: stores decisions that nobody reserved by. Parallel arrays: ids, channels, networks, rule
-- sets, their versions, shipments, bodies (V0017_route_decisions.sql).
INSERT INTO route_previews (id, at, channel, network, rules, rules_version, shipments, body)
SELECT r.id, clock_timestamp(), r.channel, r.network, r.rules, r.rules_version, r.shipments, r.body
FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::text[], $5::int4[], $6::text[], $7::bytea[])
    AS r(id, channel, network, rules, rules_version, shipments, body)
