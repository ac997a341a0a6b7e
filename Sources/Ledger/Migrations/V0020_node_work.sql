-- Contract: what nodes do about shipments, what they give up, and what people have to look at.
--
-- change_shipment and withdraw_shipments answer as the commands of V0005_orders.sql do; what is
-- `shipment`, `order` or `exception` for 7 and 8, and for 5 the units that there are too few of
-- (`open`, `picked`).

-- Opens an exception, or notes on the open one of its subject and code that it was seen again.
CREATE FUNCTION open_exception(
    p_code text, p_subject text, p_order uuid, p_line int4, p_shipment uuid, p_detail text,
    p_batch int8, p_at timestamptz, p_principal text, p_request_id text, p_trace_id text
) RETURNS void LANGUAGE sql AS $$
    WITH opened AS (
        INSERT INTO exceptions (id, code, queue, subject, order_key, line, shipment, detail, opened_at)
            SELECT gen_random_uuid(), c.code, c.queue, p_subject, p_order, p_line, p_shipment,
                p_detail, p_at FROM exception_codes c WHERE c.code = p_code COLLATE "C"
            ON CONFLICT (subject, code) WHERE state = 1
            DO UPDATE SET detail = excluded.detail, events = exceptions.events + 1
            RETURNING id, events
    )
    INSERT INTO exception_events (id, sequence, at, kind, batch, principal, request_id, trace_id, note)
        SELECT o.id, o.events, p_at, CASE o.events WHEN 1 THEN 1 ELSE 2 END, p_batch, p_principal,
            p_request_id, p_trace_id, p_detail FROM opened o
$$;

-- Resolves what is over by itself: lines that are not without a place any more, and shipments of which
-- nothing waits for another place.
CREATE FUNCTION close_exceptions(
    p_order uuid, p_batch int8, p_at timestamptz, p_principal text, p_request_id text,
    p_trace_id text
) RETURNS void LANGUAGE sql AS $$
    WITH over AS (
        UPDATE exceptions x SET state = 2, resolved_at = p_at, events = x.events + 1
            WHERE x.order_key = p_order AND x.state = 1 AND (
                (x.code = 'ROUTE_EXHAUSTED' AND NOT EXISTS (
                    SELECT FROM order_lines l WHERE l.order_key = p_order AND l.number = x.line
                        AND l.backordered > 0))
                OR (x.code = 'NODE_REJECTED' AND NOT EXISTS (
                    SELECT FROM shipment_lines l WHERE l.shipment = x.shipment
                        AND l.leaving + l.missing > 0)))
            RETURNING x.id, x.events
    )
    INSERT INTO exception_events (id, sequence, at, kind, batch, principal, request_id, trace_id, note)
        SELECT o.id, o.events, p_at, 3, p_batch, p_principal, p_request_id, p_trace_id,
            'over by itself' FROM over o
$$;

-- Makes work of finding another place for what leaves a shipment.
CREATE FUNCTION begin_reroute(p_order uuid, p_shipment uuid, p_numbers int4[], p_cause int2)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_shipment IS NOT NULL THEN
        INSERT INTO reroutes (id, order_key, shipment, numbers, cause, due_at, opened_at)
            VALUES (gen_random_uuid(), p_order, p_shipment, '{}', p_cause, clock_timestamp(),
                clock_timestamp())
            ON CONFLICT (shipment) WHERE state = 1 AND shipment IS NOT NULL
            DO UPDATE SET due_at = excluded.due_at, holds = reroutes.holds + 1;
    ELSE
        INSERT INTO reroutes (id, order_key, shipment, numbers, cause, due_at, opened_at)
            VALUES (gen_random_uuid(), p_order, NULL, p_numbers, p_cause, clock_timestamp(),
                clock_timestamp())
            ON CONFLICT (order_key) WHERE state = 1 AND shipment IS NULL
            DO UPDATE SET due_at = excluded.due_at, holds = reroutes.holds + 1, numbers = ARRAY(
                SELECT DISTINCT n FROM unnest(reroutes.numbers || excluded.numbers) AS n ORDER BY n);
    END IF;
END $$;

-- One step of a node's work: p_kind is 2 accept, 3 reject, 4 pick, 5 pack, 6 ship, 7 deliver.
--
-- p_numbers and p_quantities, for 3 and 4: units of lines, each at most once; empty: all that are open.
-- Units that are rejected go, and the node gets none of that SKU of the order again. Picked is what was
-- found of a line in all: what is open and was not found is missing, with the same consequence, and an
-- exception for people. Packed is what was picked, and all of it was. Shipped units and their capacity
-- leave the stock.
CREATE FUNCTION change_shipment(
    p_key uuid, p_fingerprint uuid, p_shipment uuid, p_kind int2, p_numbers int4[],
    p_quantities int8[], p_code text, p_note text, p_carrier text, p_tracking text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT sequence int4, OUT line int4, OUT sku text,
    OUT node text, OUT requested int8, OUT available int8, OUT what text, OUT state text,
    OUT other uuid, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_numbers int4[] := p_numbers;
    v_quantities int8[] := p_quantities;
    v_short_numbers int4[];
    v_short int8[];
    s shipments;
    d record;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN e.fingerprint = p_fingerprint AND e.shipment = p_shipment THEN 2 ELSE 3 END,
        e.sequence INTO outcome, sequence FROM shipment_events e WHERE e.request_key = p_key;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    what := 'shipment';
    SELECT * INTO s FROM shipments WHERE id = p_shipment;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    IF p_kind = 6 THEN
        PERFORM lock_shipped_positions(s.order_key, s.id);
    END IF;
    PERFORM 1 FROM orders WHERE key = s.order_key FOR NO KEY UPDATE;
    SELECT * INTO s FROM shipments WHERE id = p_shipment FOR NO KEY UPDATE;
    IF NOT s.status = ANY (CASE p_kind WHEN 2 THEN '{1,2}' WHEN 3 THEN '{1,2,4,6,10}'
            WHEN 4 THEN '{4,6,10}' WHEN 5 THEN '{6,10}' WHEN 6 THEN '{7}' ELSE '{8}' END::int2[])
        OR (p_kind < 7 AND NOT EXISTS (
            SELECT FROM shipment_lines l WHERE l.shipment = s.id AND l.open > 0)) THEN
        outcome := 8;
        state := fulfilment_name(s.status);
        RETURN;
    END IF;
    IF cardinality(p_numbers) = 0 THEN
        SELECT array_agg(l.number ORDER BY l.number), array_agg(
                CASE p_kind WHEN 7 THEN l.shipped ELSE l.open END ORDER BY l.number)
            INTO v_numbers, v_quantities FROM shipment_lines l WHERE l.shipment = s.id
                AND CASE p_kind WHEN 7 THEN l.shipped ELSE l.open END > 0;
    END IF;
    FOR d IN
        SELECT u.n, u.units, l.number, l.open, l.picked, p.sku, p.node
        FROM unnest(v_numbers, v_quantities) WITH ORDINALITY AS u(number, units, n)
        LEFT JOIN shipment_lines l ON l.shipment = s.id AND l.number = u.number
        LEFT JOIN positions p ON p.id = l.position ORDER BY u.n
    LOOP
        line := d.n - 1;
        IF d.number IS NULL THEN
            outcome := 11;
            RETURN;
        END IF;
        IF p_kind < 7 AND (d.units > d.open OR (p_kind = 5 AND d.picked < d.open)) THEN
            outcome := 5;
            what := CASE p_kind WHEN 5 THEN 'picked' ELSE 'open' END;
            sku := d.sku;
            node := d.node;
            requested := d.units;
            available := CASE p_kind WHEN 5 THEN d.picked ELSE d.open END;
            RETURN;
        END IF;
    END LOOP;
    line := NULL;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    IF p_kind = 4 THEN
        SELECT array_agg(l.number ORDER BY u.n), array_agg(l.open - u.units ORDER BY u.n)
            INTO v_short_numbers, v_short
            FROM unnest(v_numbers, v_quantities) WITH ORDINALITY AS u(number, units, n)
            JOIN shipment_lines l ON l.shipment = s.id AND l.number = u.number
            WHERE l.open > u.units;
    END IF;
    IF p_kind IN (3, 4, 6) THEN
        UPDATE shipment_lines l SET
            open = CASE p_kind WHEN 3 THEN l.open - u.units WHEN 4 THEN u.units ELSE 0 END,
            picked = CASE p_kind WHEN 3 THEN least(l.picked, l.open - u.units)
                WHEN 4 THEN u.units ELSE 0 END,
            leaving = l.leaving + CASE p_kind WHEN 3 THEN u.units ELSE 0 END,
            missing = l.missing + CASE p_kind WHEN 4 THEN l.open - u.units ELSE 0 END,
            shipped = l.shipped + CASE p_kind WHEN 6 THEN l.open ELSE 0 END
            FROM unnest(v_numbers, v_quantities) AS u(number, units)
            WHERE l.shipment = s.id AND l.number = u.number;
    END IF;
    IF p_kind = 6 THEN
        UPDATE order_lines l SET allocated = l.allocated - u.units, shipped = l.shipped + u.units
            FROM unnest(v_numbers, v_quantities) AS u(number, units)
            WHERE l.order_key = s.order_key AND l.number = u.number;
        SELECT w.positions, w.versions, w.steps INTO positions, versions, steps FROM write_changes(
            ARRAY(
                SELECT ROW(l.position, -u.units, 0, -u.units, 0)::stock_change
                FROM unnest(v_numbers, v_quantities) AS u(number, units)
                JOIN shipment_lines l ON l.shipment = s.id AND l.number = u.number
            ) || ARRAY(
                SELECT c FROM end_capacity(ARRAY[s.id],
                    ARRAY[(SELECT sum(u) FROM unnest(v_quantities) AS u)::int8], true) c
            ),
            v_batch, v_now, p_principal, p_request_id, p_trace_id, p_tracking, s.order_key::text) w;
    END IF;
    UPDATE shipments q SET status = CASE p_kind
            WHEN 2 THEN 4
            WHEN 3 THEN state_after(s.id, s.status, 5::int2)
            WHEN 4 THEN state_after(s.id, CASE WHEN v_short IS NOT NULL OR s.status = 10 THEN 10
                ELSE 6 END::int2, 10::int2)
            WHEN 5 THEN 7 WHEN 6 THEN 8 ELSE 9 END,
        carrier = CASE p_kind WHEN 6 THEN p_carrier ELSE q.carrier END,
        tracking = CASE p_kind WHEN 6 THEN p_tracking ELSE q.tracking END
        WHERE q.id = s.id;
    PERFORM note_shipments(ARRAY[s.id], p_kind, v_batch, v_now, p_key, p_fingerprint, p_principal,
        p_request_id, p_trace_id, p_code, p_note);
    PERFORM note_order(s.order_key,
        CASE p_kind WHEN 2 THEN 6 WHEN 3 THEN 7 WHEN 4 THEN CASE WHEN v_short IS NULL THEN 8 ELSE 11 END
            WHEN 5 THEN 9 WHEN 6 THEN 3 ELSE 10 END::int2,
        v_batch, v_now, p_key, p_fingerprint, p_principal, p_request_id, p_trace_id,
        concat_ws(' ', format('shipment %s at %s', s.number, s.node), nullif(p_code, ''),
            nullif(p_carrier, ''), nullif(p_tracking, ''), nullif(p_note, '')),
        coalesce(v_short_numbers, v_numbers), coalesce(v_short, v_quantities));
    IF p_kind = 3 OR v_short IS NOT NULL THEN
        PERFORM give_up_units(s, coalesce(v_short_numbers, v_numbers), v_short, p_code, p_note,
            v_batch, v_now, p_principal, p_request_id, p_trace_id);
    END IF;
    sequence := s.events + 1;
    outcome := 1;
END $$;

-- The consequences of units that a node rejected, or (p_short not null) did not find: it gets none of
-- their SKUs of the order again, they need another place, and people can see it.
CREATE FUNCTION give_up_units(
    p_shipment shipments, p_numbers int4[], p_short int8[], p_code text, p_note text,
    p_batch int8, p_at timestamptz, p_principal text, p_request_id text, p_trace_id text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d record;
BEGIN
    INSERT INTO route_exclusions (order_key, sku, node, shipment, batch, at)
        SELECT DISTINCT p_shipment.order_key, p.sku, p_shipment.node, p_shipment.id, p_batch, p_at
        FROM shipment_lines l JOIN positions p ON p.id = l.position
        WHERE l.shipment = p_shipment.id AND l.number = ANY (p_numbers)
        ON CONFLICT DO NOTHING;
    PERFORM begin_reroute(p_shipment.order_key, p_shipment.id, '{}',
        CASE WHEN p_short IS NULL THEN 1 ELSE 2 END::int2);
    IF p_short IS NULL THEN
        PERFORM open_exception('NODE_REJECTED', format('shipment/%s', p_shipment.id),
            p_shipment.order_key, NULL, p_shipment.id,
            concat_ws(' ', p_shipment.node || ':', nullif(p_code, ''), nullif(p_note, '')),
            p_batch, p_at, p_principal, p_request_id, p_trace_id);
        RETURN;
    END IF;
    FOR d IN
        SELECT u.number, u.units, p.sku
        FROM unnest(p_numbers, p_short) AS u(number, units)
        JOIN shipment_lines l ON l.shipment = p_shipment.id AND l.number = u.number
        JOIN positions p ON p.id = l.position ORDER BY u.number
    LOOP
        PERFORM open_exception('STOCK_SHORT_PICK',
            format('shipment/%s/%s', p_shipment.id, d.number), p_shipment.order_key, d.number,
            p_shipment.id, format('%s units of %s were not found at %s', d.units, d.sku,
                p_shipment.node),
            p_batch, p_at, p_principal, p_request_id, p_trace_id);
    END LOOP;
END $$;

-- Takes what is not packed from shipments of an order, to be given another place: of those in
-- p_shipments, or (empty) of all of them and of what has no place. p_cause is 3 (their node is closed)
-- or 4 (somebody asked).
CREATE FUNCTION withdraw_shipments(
    p_key uuid, p_fingerprint uuid, p_order uuid, p_shipments uuid[], p_cause int2, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT sequence int4, OUT line int4, OUT sku text,
    OUT node text, OUT requested int8, OUT available int8, OUT what text, OUT state text,
    OUT other uuid, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_ids uuid[];
    v_homeless int4[];
    v_numbers int4[];
    v_quantities int8[];
    d record;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN e.fingerprint = p_fingerprint AND e.order_key = p_order THEN 2 ELSE 3 END,
        e.sequence INTO outcome, sequence FROM order_events e WHERE e.request_key = p_key;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    what := 'order';
    PERFORM 1 FROM orders WHERE key = p_order FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    SELECT array_agg(s.id) INTO v_ids FROM shipments s
        WHERE s.order_key = p_order AND s.status IN (1, 2, 3, 4, 6, 10)
        AND (cardinality(p_shipments) = 0 OR s.id = ANY (p_shipments))
        AND EXISTS (SELECT FROM shipment_lines l WHERE l.shipment = s.id AND l.open > 0);
    IF cardinality(p_shipments) = 0 AND p_cause = 4 THEN
        SELECT array_agg(l.number ORDER BY l.number) INTO v_homeless
            FROM order_lines l WHERE l.order_key = p_order AND l.backordered > 0;
    END IF;
    IF v_ids IS NULL AND v_homeless IS NULL THEN
        outcome := 8;
        state := 'without units that could go elsewhere';
        RETURN;
    END IF;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    SELECT array_agg(t.number ORDER BY t.number), array_agg(t.units ORDER BY t.number)
        INTO v_numbers, v_quantities FROM (
            SELECT u.number, sum(u.units)::int8 AS units FROM (
                SELECT l.number, l.open AS units FROM shipment_lines l
                    WHERE l.shipment = ANY (v_ids) AND l.open > 0
                UNION ALL
                SELECT l.number, l.backordered FROM order_lines l
                    WHERE l.order_key = p_order AND l.number = ANY (v_homeless)
            ) u GROUP BY u.number
        ) t;
    UPDATE shipment_lines l SET leaving = l.leaving + l.open, open = 0, picked = 0
        WHERE l.shipment = ANY (v_ids) AND l.open > 0;
    UPDATE shipments s SET status = state_after(s.id, s.status, 11::int2) WHERE s.id = ANY (v_ids);
    PERFORM note_shipments(v_ids, 9::int2, v_batch, v_now, NULL, NULL, p_principal, p_request_id,
        p_trace_id, '', p_note);
    FOR d IN SELECT s.id FROM shipments s WHERE s.id = ANY (v_ids) ORDER BY s.number LOOP
        PERFORM begin_reroute(p_order, d.id, '{}', p_cause);
    END LOOP;
    IF v_homeless IS NOT NULL THEN
        PERFORM begin_reroute(p_order, NULL, v_homeless, p_cause);
    END IF;
    sequence := note_order(p_order, 12::int2, v_batch, v_now, p_key, p_fingerprint, p_principal,
        p_request_id, p_trace_id, p_note, v_numbers, v_quantities);
    outcome := 1;
END $$;

-- Resolves an exception (p_kind 3), or has it tried again (4): only units without a place can be.
-- sequence is that of the exception's event.
CREATE FUNCTION change_exception(
    p_key uuid, p_fingerprint uuid, p_id uuid, p_kind int2, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT outcome int2, OUT sequence int4, OUT state text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    x exceptions;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN e.fingerprint = p_fingerprint AND e.id = p_id THEN 2 ELSE 3 END,
        e.sequence INTO outcome, sequence FROM exception_events e WHERE e.request_key = p_key;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO x FROM exceptions WHERE id = p_id;
    PERFORM 1 FROM orders WHERE key = x.order_key FOR NO KEY UPDATE;
    SELECT * INTO x FROM exceptions WHERE id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    IF x.state <> 1 OR (p_kind = 4 AND x.code <> 'ROUTE_EXHAUSTED') THEN
        outcome := 8;
        state := CASE WHEN x.state <> 1 THEN 'RESOLVED' ELSE x.code END;
        RETURN;
    END IF;
    v_now := clock_timestamp();
    v_batch := nextval('batches');
    UPDATE exceptions SET events = x.events + 1,
        state = CASE p_kind WHEN 3 THEN 2 ELSE 1 END,
        resolved_at = CASE p_kind WHEN 3 THEN v_now END WHERE id = p_id;
    INSERT INTO exception_events (id, sequence, at, kind, batch, request_key, fingerprint,
            principal, request_id, trace_id, note)
        VALUES (p_id, x.events + 1, v_now, p_kind, v_batch, p_key, p_fingerprint, p_principal,
            p_request_id, p_trace_id, p_note);
    IF p_kind = 4 THEN
        PERFORM begin_reroute(x.order_key, NULL, ARRAY[x.line], 4::int2);
    END IF;
    sequence := x.events + 1;
    outcome := 1;
END $$;
