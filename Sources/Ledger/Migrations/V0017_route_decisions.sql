-- Contract: decisions of the router, with all that they were made from.
--
-- A decision that a reservation was made by is written in the transaction of that reservation, and
-- stays. One that nobody reserved by (a preview) is kept for a while and then deleted.
-- body: the question, what was free, and the winner, in the form of Promising/RouteCodec.swift; with
-- the network and the rule set at their versions it gives the same decision again.
-- shipments: one line for each shipment of the winner, by node: node, service, carrier, day of the slot
-- (YYYY-MM-DD), its window, day of arrival, with a tab between them; empty when there is no plan.

CREATE TABLE route_decisions (
    -- The reservation's key.
    id            uuid PRIMARY KEY,
    batch         int8 NOT NULL,
    at            timestamptz NOT NULL,
    channel       text NOT NULL,
    network       int8 NOT NULL,
    rules         text NOT NULL,
    rules_version int4 NOT NULL,
    shipments     text NOT NULL,
    body          bytea NOT NULL
);
CREATE INDEX route_decisions_batch ON route_decisions USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);
CREATE INDEX route_decisions_at ON route_decisions (at, id);

-- Ids are in the order of time.
CREATE TABLE route_previews (
    id            uuid PRIMARY KEY,
    at            timestamptz NOT NULL,
    channel       text NOT NULL,
    network       int8 NOT NULL,
    rules         text NOT NULL,
    rules_version int4 NOT NULL,
    shipments     text NOT NULL,
    body          bytea NOT NULL
);
CREATE INDEX route_previews_at ON route_previews (at, id);

-- By which decision a reservation was routed: its own, or that of the one that it took over from.
CREATE TABLE reservation_routes (
    reservation uuid PRIMARY KEY,
    decision    uuid NOT NULL
);

INSERT INTO serving_privileges VALUES
    ('route_decisions', 'SELECT, INSERT'),
    ('reservation_routes', 'SELECT, INSERT'),
    ('route_previews', 'SELECT, INSERT, DELETE');

-- Seals cover decisions with reservations.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW ledger_lines AS '
        || rtrim(pg_get_viewdef('ledger_lines'::regclass), ';') || $view$
    UNION ALL
    SELECT d.batch, d.at,
        sha256(record_send(ROW(9::int2, d.id, d.batch, d.at, d.channel, d.network, d.rules,
            d.rules_version, d.shipments, d.body))),
        format('route_decisions %s', d.id)
    FROM route_decisions d $view$;
END $$;

-- The shipments of decisions that reservations were made by, one row each.
CREATE VIEW route_shipments AS
SELECT d.id AS decision, u.number::int4 AS number, f.parts[1] AS node, f.parts[2] AS service,
    f.parts[3] AS carrier, f.parts[4]::date AS slot_day, f.parts[5]::int2 AS slot_window,
    f.parts[6]::date AS arrives
FROM route_decisions d
CROSS JOIN LATERAL unnest(string_to_array(nullif(d.shipments, ''), E'\n')) WITH ORDINALITY
    AS u(line, number)
CROSS JOIN LATERAL (SELECT string_to_array(u.line, E'\t')) AS f(parts);

-- commit_batch for batches in which some requests were routed. In, besides: per route the index of its
-- request and the columns of the decision. Out and errors: as V0002_reserve.sql states them.
CREATE FUNCTION commit_routed(
    p_shard int2, p_epoch int8, p_positions int8[],
    p_keys uuid[], p_fingerprints uuid[], p_ttl_ms int4[], p_owners text[], p_channels text[],
    p_principals text[], p_request_ids text[], p_trace_ids text[],
    p_line_request int4[], p_line_index int4[], p_line_quantity int8[],
    p_route_request int4[], p_networks int8[], p_rules text[], p_rules_versions int4[],
    p_shipments text[], p_bodies bytea[],
    OUT epoch int8, OUT outcome int2[], OUT short_position int8[], OUT short_free int8[],
    OUT created_at timestamptz[], OUT expires_at timestamptz[],
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[],
    OUT replay_position int8[], OUT replay_version int8[], OUT replay_delta int8[],
    OUT replay_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    SELECT b.epoch, b.outcome, b.short_position, b.short_free, b.created_at, b.expires_at,
        b.fresh_position, b.fresh_version, b.fresh_delta, b.fresh_free,
        b.replay_position, b.replay_version, b.replay_delta, b.replay_free
        INTO epoch, outcome, short_position, short_free, created_at, expires_at,
            fresh_position, fresh_version, fresh_delta, fresh_free,
            replay_position, replay_version, replay_delta, replay_free
        FROM commit_batch(
            p_shard, p_epoch, p_positions, p_keys, p_fingerprints, p_ttl_ms, p_owners, p_channels,
            p_principals, p_request_ids, p_trace_ids, p_line_request, p_line_index, p_line_quantity
        ) b;
    IF NOT 1 = ANY (outcome) THEN
        RETURN;
    END IF;
    -- The number that commit_batch took a moment ago.
    INSERT INTO route_decisions (
        id, batch, at, channel, network, rules, rules_version, shipments, body)
    SELECT p_keys[d.i], currval('batches'), created_at[d.i], p_channels[d.i], d.network, d.rules,
        d.rules_version, d.shipments, d.body
    FROM unnest(p_route_request, p_networks, p_rules, p_rules_versions, p_shipments, p_bodies)
        AS d(i, network, rules, rules_version, shipments, body)
    WHERE outcome[d.i] = 1;
    INSERT INTO reservation_routes (reservation, decision)
    SELECT p_keys[d.i], p_keys[d.i] FROM unnest(p_route_request) AS d(i) WHERE outcome[d.i] = 1;
END $$;

-- Contract: resolve_batch as V0003_resolve.sql states it, and outcome 10: the reservation was routed, it
-- may neither be changed (5) nor confirmed line by line (1). The route goes over with a transfer (6).
CREATE OR REPLACE FUNCTION resolve_batch(
    p_shard int2, p_kind int2, p_keys uuid[],
    p_request_keys uuid[], p_fingerprints uuid[], p_ttl_ms int4[], p_reacquire bool[],
    p_owners text[], p_new_keys uuid[],
    p_principals text[], p_request_ids text[], p_trace_ids text[], p_reasons text[],
    p_line_request int4[], p_line_position int8[], p_line_quantity int8[],
    OUT epoch int8, OUT outcome int2[], OUT state int2[], OUT at_position int8[],
    OUT at_units int8[],
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_keys uuid[] := p_keys;
    v_routed int4[] := '{}';
BEGIN
    IF p_kind <= 3 AND cardinality(p_line_request) = 0 AND NOT true = ANY (p_reacquire) THEN
        SELECT b.epoch, b.outcome, b.state, b.at_position, b.at_units,
            b.fresh_position, b.fresh_version, b.fresh_delta, b.fresh_free
            INTO epoch, outcome, state, at_position, at_units,
                fresh_position, fresh_version, fresh_delta, fresh_free
            FROM resolve_whole(
                p_shard, p_kind, p_keys, p_request_keys, p_fingerprints,
                p_principals, p_request_ids, p_trace_ids, p_reasons
            ) b;
        RETURN;
    END IF;
    IF p_kind IN (1, 5) AND cardinality(p_line_request) > 0 THEN
        SELECT coalesce(array_agg(u.i::int4), '{}') INTO v_routed
            FROM unnest(p_keys) WITH ORDINALITY AS u(key, i)
            JOIN reservation_routes t ON t.reservation = u.key
            WHERE u.i = ANY (p_line_request);
        FOR n IN 1..cardinality(v_routed) LOOP
            v_keys[v_routed[n]] := NULL;
        END LOOP;
    END IF;
    SELECT b.epoch, b.outcome, b.state, b.at_position, b.at_units,
        b.fresh_position, b.fresh_version, b.fresh_delta, b.fresh_free
        INTO epoch, outcome, state, at_position, at_units,
            fresh_position, fresh_version, fresh_delta, fresh_free
        FROM resolve_each(
            p_shard, p_kind, v_keys, p_request_keys, p_fingerprints, p_ttl_ms, p_reacquire,
            p_owners, p_new_keys, p_principals, p_request_ids, p_trace_ids, p_reasons,
            p_line_request, p_line_position, p_line_quantity
        ) b;
    FOR n IN 1..cardinality(v_routed) LOOP
        outcome[v_routed[n]] := 10;
    END LOOP;
    IF p_kind = 6 THEN
        INSERT INTO reservation_routes (reservation, decision)
        SELECT u.new_key, t.decision
        FROM unnest(p_keys, p_new_keys, outcome) AS u(key, new_key, outcome)
        JOIN reservation_routes t ON t.reservation = u.key
        WHERE u.outcome = 1;
    END IF;
END $$;
