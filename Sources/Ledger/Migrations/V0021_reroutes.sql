-- Contract: units that a node gave up find another place, or none.
--
-- First the new place is taken, as an ordinary hold that expires by itself; then one transaction swaps:
-- the hold becomes the order's, and the units leave the old place (free again, or, if nobody found them,
-- to quality control). A server that dies in between leaves a hold that expires and a row in reroutes
-- that is due again when its lease is over: the next server asks for the same hold by the same key.

-- The nodes whose open work is routed again.
CREATE FUNCTION closed_nodes() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT i.name::text FROM network_items i
    WHERE i.kind = 1 AND i.until = 9223372036854775807 AND i.status = 3
$$;

-- The nodes that get no new work: draining or closed.
CREATE FUNCTION resting_nodes() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT i.name::text FROM network_items i
    WHERE i.kind = 1 AND i.until = 9223372036854775807 AND i.status IN (2, 3)
$$;

-- Shipments of closed nodes that are not packed, at most p_limit orders of them.
CREATE FUNCTION closed_shipments(p_limit int4) RETURNS TABLE (order_key uuid, shipments uuid[])
LANGUAGE sql STABLE AS $$
    SELECT s.order_key, array_agg(s.id ORDER BY s.number)
    FROM closed_nodes() AS n(node) JOIN shipments s ON s.node = n.node COLLATE "C"
    WHERE s.status NOT IN (5, 8, 9, 11) AND s.status <> 7
        AND EXISTS (SELECT FROM shipment_lines l WHERE l.shipment = s.id AND l.open > 0)
    GROUP BY s.order_key LIMIT p_limit
$$;

-- What of a reroute still needs a place: units by line of the order. position, leaving and missing are
-- those of the shipment that they leave; backordered is set where they have none.
CREATE FUNCTION pending_units(p_reroute uuid)
RETURNS TABLE (number int4, sku text, "position" int8, leaving int8, missing int8, backordered int8)
LANGUAGE sql STABLE AS $$
    SELECT l.number, p.sku::text, l.position, l.leaving, l.missing, 0::int8
    FROM reroutes q JOIN shipment_lines l ON l.shipment = q.shipment
    JOIN positions p ON p.id = l.position
    WHERE q.id = p_reroute AND l.leaving + l.missing > 0
    UNION ALL
    SELECT l.number, p.sku::text, l.position, 0, 0, l.backordered
    FROM reroutes q JOIN order_lines l ON l.order_key = q.order_key AND l.number = ANY (q.numbers)
    JOIN positions p ON p.id = l.position
    WHERE q.id = p_reroute AND q.shipment IS NULL AND l.backordered > 0
$$;

-- Hands out at most p_limit reroutes that are due, each to one caller for p_lease_ms. numbers, skus,
-- units and spent run parallel: spent says that the line had p_attempts_max other places already, which
-- does not count when somebody asked. The exclusions are nodes that a SKU must not go to.
CREATE FUNCTION claim_reroutes(p_limit int4, p_lease_ms int4, p_attempts_max int4)
RETURNS TABLE (
    id uuid, order_key uuid, shipment uuid, holds int4, channel text, customer text,
    reservation uuid, numbers int4[], skus text[], units int8[], spent bool[],
    excluded_skus text[], excluded_nodes text[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock_timestamp();
    v_ids uuid[];
BEGIN
    WITH due AS (
        SELECT q.id FROM reroutes q WHERE q.state = 1 AND q.due_at <= v_now
        ORDER BY q.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE reroutes q SET due_at = v_now + p_lease_ms * interval '1 millisecond'
            FROM due d WHERE q.id = d.id RETURNING q.id
    )
    SELECT array_agg(l.id) INTO v_ids FROM leased l;
    IF v_ids IS NULL THEN
        RETURN;
    END IF;
    UPDATE reroutes q SET state = 4, closed_at = v_now
        WHERE q.id = ANY (v_ids) AND NOT EXISTS (SELECT FROM pending_units(q.id));
    RETURN QUERY
    SELECT q.id, q.order_key, q.shipment, q.holds, o.channel::text, o.customer, o.reservation,
        u.numbers, u.skus, u.units, u.spent, x.skus, x.nodes
    FROM reroutes q JOIN orders o ON o.key = q.order_key
    CROSS JOIN LATERAL (
        SELECT array_agg(n.number ORDER BY n.number) AS numbers,
            array_agg(n.sku ORDER BY n.number) AS skus,
            array_agg(n.leaving + n.missing + n.backordered ORDER BY n.number) AS units,
            array_agg(q.cause <> 4 AND l.reroutes >= p_attempts_max ORDER BY n.number) AS spent
        FROM pending_units(q.id) n
        JOIN order_lines l ON l.order_key = q.order_key AND l.number = n.number
    ) u
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(e.sku), '{}') AS skus, coalesce(array_agg(e.node), '{}') AS nodes
        FROM (
            SELECT e.sku::text, e.node::text FROM route_exclusions e
                WHERE e.order_key = q.order_key AND e.sku = ANY (u.skus)
            UNION
            SELECT n, s.node FROM unnest(u.skus) AS n JOIN shipments s ON s.id = q.shipment
        ) e
    ) x
    WHERE q.id = ANY (v_ids) AND q.state = 1;
END $$;

-- Has a reroute looked at again after p_delay_ms; with p_next_hold by another hold than before.
CREATE FUNCTION postpone_reroute(
    p_reroute uuid, p_delay_ms int4, p_next_hold bool, p_detail text
) RETURNS void LANGUAGE sql AS $$
    UPDATE reroutes SET due_at = clock_timestamp() + p_delay_ms * interval '1 millisecond',
        holds = holds + p_next_hold::int4, detail = p_detail
        WHERE id = p_reroute AND state = 1
$$;

-- Locks what a reroute is about: positions (those given besides), reservation p_hold, order, shipment and
-- the reroute; returns it, or null when there is none.
CREATE FUNCTION lock_reroute(p_reroute uuid, p_hold uuid) RETURNS reroutes LANGUAGE plpgsql AS $$
DECLARE
    q reroutes;
BEGIN
    SELECT * INTO q FROM reroutes WHERE id = p_reroute;
    PERFORM 1 FROM positions
        WHERE id IN (
            SELECT l.position FROM shipment_lines l WHERE l.shipment = q.shipment
            UNION SELECT c.position FROM shipment_capacity c WHERE c.shipment = q.shipment
            UNION SELECT u FROM reservations r CROSS JOIN unnest(r.positions) AS u
                WHERE r.key = p_hold)
        ORDER BY id FOR NO KEY UPDATE;
    PERFORM 1 FROM reservations WHERE key = p_hold FOR NO KEY UPDATE;
    PERFORM 1 FROM orders WHERE key = q.order_key FOR NO KEY UPDATE;
    PERFORM 1 FROM shipments WHERE id = q.shipment FOR NO KEY UPDATE;
    SELECT * INTO q FROM reroutes WHERE id = p_reroute FOR NO KEY UPDATE;
    RETURN q;
END $$;

-- The units of lines leave a reroute's shipment: p_kind says where to (10 another node, 11 nowhere).
-- Returns what becomes of its stock and its capacity.
CREATE FUNCTION take_off_shipment(
    q reroutes, p_numbers int4[], p_units int8[], p_kind int2, p_batch int8, p_at timestamptz,
    p_principal text, p_request_id text, p_trace_id text, p_note text
) RETURNS SETOF stock_change LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
        SELECT l.position, 0::int8, 0::int8, -u.units, u.units - least(u.units, l.leaving)
        FROM unnest(p_numbers, p_units) AS u(number, units)
        JOIN shipment_lines l ON l.shipment = q.shipment AND l.number = u.number;
    UPDATE shipment_lines l SET
        leaving = l.leaving - least(u.units, l.leaving), moved = l.moved + least(u.units, l.leaving),
        missing = l.missing - (u.units - least(u.units, l.leaving)),
        short = l.short + (u.units - least(u.units, l.leaving))
        FROM unnest(p_numbers, p_units) AS u(number, units)
        WHERE l.shipment = q.shipment AND l.number = u.number;
    UPDATE shipments s SET status = state_after(s.id, s.status, 11::int2) WHERE s.id = q.shipment;
    RETURN QUERY SELECT * FROM end_capacity(ARRAY[q.shipment],
        ARRAY[(SELECT sum(u) FROM unnest(p_units) AS u)::int8], false);
    PERFORM note_shipments(ARRAY[q.shipment], p_kind, p_batch, p_at, NULL, NULL, p_principal,
        p_request_id, p_trace_id, '', p_note);
END $$;

-- Swaps: what hold p_hold has becomes the order's, as far as the reroute still needs it; the rest of it
-- is free again. p_key names this attempt.
-- Out: outcome: 1 done, 2 done before, 7 not found, 8 wrong state, 13 the hold has expired;
--      14 the hold is at a node that has given the SKU up. what: `reroute` or `reservation`. The others as in V0005_orders.sql.
CREATE FUNCTION swap_reroute(
    p_key uuid, p_reroute uuid, p_hold uuid,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT what text, OUT moved int8, OUT positions int8[],
    OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_pending record;
    v_moved record;
    v_first int4;
    v_taken stock_change[];
    v_left stock_change[] := '{}';
    q reroutes;
    r reservations;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT 2 INTO outcome FROM order_events e WHERE e.request_key = p_key;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    q := lock_reroute(p_reroute, p_hold);
    SELECT * INTO r FROM reservations WHERE key = p_hold;
    v_now := clock_timestamp();
    outcome := CASE WHEN q.id IS NULL OR r.key IS NULL THEN 7
        WHEN q.state <> 1 OR r.state NOT IN (1, 5) THEN 8
        WHEN r.state = 5 OR r.expires_at <= v_now THEN 13
        -- A node gave the SKU up since it was asked.
        WHEN EXISTS (
            SELECT FROM positions p JOIN route_exclusions e ON e.sku = p.sku AND e.node = p.node
            WHERE p.id = ANY (r.positions) AND e.order_key = q.order_key) THEN 14 END;
    IF outcome IS NOT NULL THEN
        what := CASE WHEN q.id IS NULL OR (r.key IS NOT NULL AND q.state <> 1) THEN 'reroute'
            ELSE 'reservation' END;
        RETURN;
    END IF;

    v_batch := nextval('batches');
    SELECT coalesce(array_agg(n.number ORDER BY n.number), '{}') AS numbers,
        coalesce(array_agg(n.sku ORDER BY n.number), '{}') AS skus,
        coalesce(array_agg(n.leaving + n.missing + n.backordered ORDER BY n.number), '{}') AS units
        INTO v_pending FROM pending_units(q.id) n;
    SELECT coalesce(max(s.number), 0) INTO v_first FROM shipments s WHERE s.order_key = q.order_key;
    v_taken := ARRAY(SELECT t FROM make_shipments(q.order_key, p_hold, v_pending.numbers,
        v_pending.skus, '{}', v_pending.units, false, v_batch, v_now, p_principal, p_request_id,
        p_trace_id, 'from another node') t);
    SELECT array_agg(m.number ORDER BY m.number) AS numbers,
        array_agg(m.units ORDER BY m.number) AS units,
        coalesce(sum(m.units), 0)::int8 AS sum,
        (SELECT string_agg(DISTINCT s.node, ', ') FROM shipments s
            WHERE s.order_key = q.order_key AND s.number > v_first) AS nodes
        INTO v_moved FROM (
            SELECT l.number, sum(l.quantity)::int8 AS units
            FROM shipments s JOIN shipment_lines l ON l.shipment = s.id
            WHERE s.order_key = q.order_key AND s.number > v_first GROUP BY l.number
        ) m;
    moved := v_moved.sum;
    IF moved > 0 AND q.shipment IS NOT NULL THEN
        v_left := ARRAY(SELECT t FROM take_off_shipment(q, v_moved.numbers, v_moved.units, 10::int2,
            v_batch, v_now, p_principal, p_request_id, p_trace_id, 'to ' || v_moved.nodes) t);
    END IF;
    SELECT w.positions, w.versions, w.steps INTO positions, versions, steps FROM write_changes(
        v_taken || v_left || ARRAY(
            SELECT ROW(u.position, 0, -u.held, 0, 0)::stock_change
            FROM unnest(r.positions, r.held) AS u(position, held) WHERE u.held > 0),
        v_batch, v_now, p_principal, p_request_id, p_trace_id, 'REROUTE', q.order_key::text) w;
    UPDATE order_lines l SET
        allocated = l.allocated + CASE WHEN q.shipment IS NULL THEN u.units ELSE 0 END,
        backordered = l.backordered - CASE WHEN q.shipment IS NULL THEN u.units ELSE 0 END,
        reroutes = l.reroutes + 1
        FROM unnest(v_moved.numbers, v_moved.units) AS u(number, units)
        WHERE l.order_key = q.order_key AND l.number = u.number;
    UPDATE reservations SET state = CASE WHEN moved > 0 THEN 3 ELSE 4 END, events = r.events + 1,
        order_key = CASE WHEN moved > 0 THEN q.order_key END,
        held = array_fill(0::int8, ARRAY[cardinality(r.positions)]),
        confirmed = ARRAY(
            SELECT coalesce((SELECT sum(t.allocated) FROM unnest(v_taken) AS t
                WHERE t.position = u.id), 0)::int8
            FROM unnest(r.positions) WITH ORDINALITY AS u(id, n) ORDER BY u.n)
        WHERE key = p_hold RETURNING * INTO r;
    INSERT INTO reservation_events (key, sequence, at, kind, batch, state, expires_at, quantities,
            held, confirmed, principal, request_id, trace_id, reason, order_key)
        VALUES (p_hold, r.events, v_now, CASE WHEN moved > 0 THEN 1 ELSE 2 END, v_batch, r.state,
            r.expires_at, r.quantities, r.held, r.confirmed, p_principal, p_request_id, p_trace_id,
            'REROUTE', r.order_key);
    IF moved > 0 THEN
        PERFORM note_order(q.order_key, CASE WHEN q.shipment IS NULL THEN 13 ELSE 5 END::int2,
            v_batch, v_now, p_key, p_key, p_principal, p_request_id, p_trace_id,
            concat('to ', v_moved.nodes), v_moved.numbers, v_moved.units);
        PERFORM close_exceptions(q.order_key, v_batch, v_now, p_principal, p_request_id, p_trace_id);
    END IF;
    UPDATE reroutes SET state = CASE WHEN EXISTS (SELECT FROM pending_units(q.id)) THEN 1
            WHEN moved > 0 THEN 2 ELSE 4 END,
        closed_at = v_now, due_at = v_now, holds = q.holds + 1 WHERE id = q.id;
    outcome := 1;
END $$;

-- Gives up: the units of the lines in p_numbers (empty: all that need a place) have none, and people
-- are told so, with p_detail. Out: as swap_reroute; moved is how many units lost their place.
CREATE FUNCTION give_up_reroute(
    p_key uuid, p_reroute uuid, p_numbers int4[], p_detail text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT what text, OUT moved int8, OUT positions int8[],
    OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_lost record;
    q reroutes;
    d record;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    q := lock_reroute(p_reroute, NULL);
    IF q.id IS NULL OR q.state <> 1 THEN
        outcome := CASE WHEN q.id IS NULL THEN 7 ELSE 8 END;
        what := 'reroute';
        RETURN;
    END IF;
    v_now := clock_timestamp();
    v_batch := nextval('batches');
    SELECT coalesce(array_agg(n.number ORDER BY n.number), '{}') AS numbers,
        array_agg(n.leaving + n.missing + n.backordered ORDER BY n.number) AS units,
        array_agg(n.sku ORDER BY n.number) AS skus,
        coalesce(sum(n.leaving + n.missing), 0)::int8 AS sum
        INTO v_lost FROM pending_units(q.id) n
        WHERE cardinality(p_numbers) = 0 OR n.number = ANY (p_numbers);
    moved := v_lost.sum;
    positions := '{}';
    versions := '{}';
    steps := '{}';
    IF moved > 0 THEN
        SELECT w.positions, w.versions, w.steps INTO positions, versions, steps FROM write_changes(
            ARRAY(SELECT t FROM take_off_shipment(q, v_lost.numbers, v_lost.units, 11::int2, v_batch,
                v_now, p_principal, p_request_id, p_trace_id, p_detail) t),
            v_batch, v_now, p_principal, p_request_id, p_trace_id, 'REROUTE', q.order_key::text) w;
        UPDATE order_lines l SET allocated = l.allocated - u.units,
            backordered = l.backordered + u.units
            FROM unnest(v_lost.numbers, v_lost.units) AS u(number, units)
            WHERE l.order_key = q.order_key AND l.number = u.number;
        PERFORM note_order(q.order_key, 4::int2, v_batch, v_now, p_key, p_key, p_principal,
            p_request_id, p_trace_id, p_detail, v_lost.numbers, v_lost.units);
    END IF;
    FOR d IN
        SELECT u.number, u.units, u.sku
        FROM unnest(v_lost.numbers, v_lost.units, v_lost.skus) AS u(number, units, sku)
        ORDER BY u.number
    LOOP
        PERFORM open_exception('ROUTE_EXHAUSTED', format('order/%s/%s', q.order_key, d.number),
            q.order_key, d.number, q.shipment,
            format('%s units of %s have no place: %s', d.units, d.sku, p_detail),
            v_batch, v_now, p_principal, p_request_id, p_trace_id);
    END LOOP;
    PERFORM close_exceptions(q.order_key, v_batch, v_now, p_principal, p_request_id, p_trace_id);
    UPDATE reroutes SET numbers = ARRAY(SELECT n FROM unnest(q.numbers) AS n
            WHERE n <> ALL (v_lost.numbers)), detail = p_detail WHERE id = q.id;
    UPDATE reroutes SET state = 3, closed_at = v_now
        WHERE id = q.id AND NOT EXISTS (SELECT FROM pending_units(q.id));
    outcome := 1;
END $$;

-- Seals cover the trails of shipments and exceptions.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW ledger_lines AS '
        || rtrim(pg_get_viewdef('ledger_lines'::regclass), ';') || $view$
    UNION ALL
    SELECT e.batch, e.at,
        sha256(record_send(ROW(17::int2, e.shipment, e.sequence, e.at, e.kind, e.batch,
            e.request_key, e.fingerprint, e.principal, e.request_id, e.trace_id, e.code, e.note,
            e.status, e.carrier, e.tracking, e.numbers, e.open, e.picked, e.leaving, e.missing,
            e.shipped, e.cancelled, e.moved, e.short, e.capacity,
            -- What never changes of a shipment goes with the event that made it.
            CASE WHEN e.sequence = 1 THEN (
                SELECT record_send(ROW(s.order_key, s.number, s.node, s.service, s.slot_day,
                    s.slot_window, s.promise_day, s.reservation, s.created_at,
                    (SELECT array_agg(l.position ORDER BY l.number) FROM shipment_lines l
                        WHERE l.shipment = s.id),
                    (SELECT array_agg(l.quantity ORDER BY l.number) FROM shipment_lines l
                        WHERE l.shipment = s.id)))
                FROM shipments s WHERE s.id = e.shipment) END))),
        format('shipment_events %s sequence %s', e.shipment, e.sequence)
    FROM shipment_events e
    UNION ALL
    SELECT e.batch, e.at,
        sha256(record_send(ROW(18::int2, e.id, e.sequence, e.at, e.kind, e.batch, e.request_key,
            e.fingerprint, e.principal, e.request_id, e.trace_id, e.note,
            CASE WHEN e.sequence = 1 THEN (
                SELECT record_send(ROW(x.code, x.subject, x.order_key, x.line, x.shipment,
                    x.opened_at))
                FROM exceptions x WHERE x.id = e.id) END))),
        format('exception_events %s sequence %s', e.id, e.sequence)
    FROM exception_events e $view$;
END $$;

-- Orders of before get their shipments: one for each node.
DO $$
DECLARE
    v_batch int8;
    v_now timestamptz;
    v_ids uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM orders) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    v_now := clock_timestamp();
    v_batch := nextval('batches');
    INSERT INTO shipments (id, order_key, number, node, status, service, reservation, created_at,
            updated_at)
        SELECT md5(n.order_key || '/' || n.number)::uuid, n.order_key, n.number, n.node,
            CASE WHEN n.allocated > 0 THEN 1 WHEN n.shipped > 0 THEN 8 ELSE 11 END, '',
            o.reservation, o.created_at, v_now
        FROM (
            SELECT l.order_key, p.node, sum(l.allocated) AS allocated, sum(l.shipped) AS shipped,
                row_number() OVER (PARTITION BY l.order_key ORDER BY p.node)::int4 AS number
            FROM order_lines l JOIN positions p ON p.id = l.position GROUP BY l.order_key, p.node
        ) n JOIN orders o ON o.key = n.order_key;
    INSERT INTO shipment_lines (shipment, number, position, quantity, open, shipped, cancelled)
        SELECT s.id, l.number, l.position, l.ordered, l.allocated, l.shipped, l.cancelled
        FROM order_lines l JOIN positions p ON p.id = l.position
        JOIN shipments s ON s.order_key = l.order_key AND s.node = p.node;
    SELECT array_agg(s.id) INTO v_ids FROM shipments s;
    PERFORM note_shipments(v_ids, 1::int2, v_batch, v_now, NULL, NULL, 'system:migration', '', '',
        '', 'of an order that was there before');
END $$;
