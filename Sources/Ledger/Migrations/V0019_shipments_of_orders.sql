-- Contract: orders become shipments, and are cancelled and shipped through them. The commands keep
-- what V0005_orders.sql promises of them; V0018_fulfilment.sql says what shipments are.

-- The local day and the window that a position of capacity is named after: @orders/2026-11-30/0.
CREATE FUNCTION capacity_slot(p_sku text, OUT slot_day int4, OUT slot_window int2)
LANGUAGE sql IMMUTABLE AS $$
    SELECT split_part(p_sku, '/', 2)::date - date '1970-01-01', split_part(p_sku, '/', 3)::int2
    WHERE p_sku ~ '^@[a-z]+/\d{4}-\d\d-\d\d/\d{1,4}$'
$$;

-- What is to go from where, of reservation p_reservation: one row for each SKU of each shipment, which
-- ordinal numbers. One shipment for each node that it has goods at: the one of the decision that it was
-- routed by; without a decision the slot is that of its capacity.
CREATE FUNCTION planned_shipments(p_reservation uuid)
RETURNS TABLE (
    ordinal int4, node text, service text, slot_day int4, slot_window int2, promise_day int4,
    sku text, quantity int8
) LANGUAGE sql STABLE AS $$
    WITH units AS (
        SELECT p.sku, p.node, u.held + u.confirmed AS units
        FROM reservations r CROSS JOIN unnest(r.positions, r.held, r.confirmed)
            AS u(position, held, confirmed)
        JOIN positions p ON p.id = u.position
        WHERE r.key = p_reservation AND u.held + u.confirmed > 0
    ), route AS (
        SELECT s.number, s.node, s.service, s.slot_day - date '1970-01-01' AS slot_day,
            s.slot_window, s.arrives - date '1970-01-01' AS arrives
        FROM reservation_routes t JOIN route_shipments s ON s.decision = t.decision
        WHERE t.reservation = p_reservation
    )
    SELECT (dense_rank() OVER (ORDER BY r.number, g.node))::int4, g.node, coalesce(r.service, ''),
        coalesce(r.slot_day, c.slot_day), coalesce(r.slot_window, c.slot_window), r.arrives, g.sku,
        g.units
    FROM units g LEFT JOIN LATERAL (
        SELECT s.slot_day, s.slot_window FROM units c CROSS JOIN capacity_slot(c.sku) s
        WHERE c.node = g.node AND left(c.sku, 1) = '@' ORDER BY 1, 2 LIMIT 1
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT * FROM route t WHERE t.node = g.node ORDER BY t.number LIMIT 1
    ) r ON true
    WHERE left(g.sku, 1) <> '@'
$$;

-- Makes the shipments of what reservation p_reservation has, for the lines given: units of a SKU, from
-- the nodes given (or, with p_nodes empty, from any), in the order of both. What the lines do not take
-- of the plan is left; with p_takes_all all capacity goes to a shipment. Returns what was taken, as
-- allocated.
CREATE FUNCTION make_shipments(
    p_order uuid, p_reservation uuid, p_numbers int4[], p_skus text[], p_nodes text[],
    p_units int8[], p_takes_all bool, p_batch int8, p_at timestamptz,
    p_principal text, p_request_id text, p_trace_id text, p_note text
) RETURNS SETOF stock_change LANGUAGE plpgsql AS $$
DECLARE
    v_first int4;
    v_ids uuid[];
BEGIN
    SELECT coalesce(max(s.number), 0) INTO v_first FROM shipments s WHERE s.order_key = p_order;
    WITH wanted AS (
        SELECT l.number, l.sku, l.node, l.units,
            sum(l.units) OVER (PARTITION BY l.sku, l.node ORDER BY l.number) AS until
        FROM unnest(p_numbers, p_skus, p_nodes, p_units) AS l(number, sku, node, units)
    ), planned AS (
        SELECT s.*, sum(s.quantity) OVER (PARTITION BY s.sku,
            CASE WHEN cardinality(p_nodes) > 0 THEN s.node END ORDER BY s.ordinal) AS until
        FROM planned_shipments(p_reservation) s
    ), parts AS (
        SELECT s.ordinal, s.node, s.service, s.slot_day, s.slot_window, s.promise_day, w.number,
            p.id AS position,
            (least(w.until, s.until) - greatest(w.until - w.units, s.until - s.quantity))::int8
                AS units
        FROM wanted w
        JOIN planned s ON s.sku = w.sku COLLATE "C"
            AND (w.node IS NULL OR s.node = w.node COLLATE "C")
            AND least(w.until, s.until) > greatest(w.until - w.units, s.until - s.quantity)
        JOIN positions p ON p.sku = s.sku COLLATE "C" AND p.node = s.node COLLATE "C"
    ), heads AS (
        SELECT h.*, v_first + row_number() OVER (ORDER BY h.ordinal)::int4 AS number FROM (
            SELECT DISTINCT s.ordinal, s.node, s.service, s.slot_day, s.slot_window, s.promise_day
            FROM parts s
        ) h
    ), made AS (
        INSERT INTO shipments (id, order_key, number, node, status, service, slot_day, slot_window,
                promise_day, reservation, created_at, updated_at)
            SELECT md5(p_order || '/' || h.number)::uuid, p_order, h.number, h.node,
                CASE WHEN h.slot_day IS NULL THEN 1 ELSE 2 END, h.service, h.slot_day,
                h.slot_window, h.promise_day, p_reservation, p_at, p_at
            FROM heads h RETURNING id
    ), lines AS (
        INSERT INTO shipment_lines (shipment, number, position, quantity, open)
            SELECT md5(p_order || '/' || h.number)::uuid, s.number, s.position, s.units, s.units
            FROM parts s JOIN heads h ON h.ordinal = s.ordinal
    )
    SELECT coalesce(array_agg(m.id), '{}') INTO v_ids FROM made m;

    INSERT INTO shipment_capacity (shipment, position, is_order, units)
        SELECT d.shipment, d.position, d.is_order, d.units FROM (
            SELECT w.shipment, w.position, w.is_order,
                greatest(0, least(w.wanted, w.units - (w.until - w.wanted)))
                    + CASE WHEN p_takes_all AND w.until = w.wanted AND w.n = 1
                        THEN greatest(0, w.units - w.all_wanted) ELSE 0 END AS units
            FROM (
                SELECT c.position, c.is_order, c.units, s.id AS shipment, s.wanted,
                    row_number() OVER shares AS n, sum(s.wanted) OVER shares AS until,
                    sum(s.wanted) OVER (PARTITION BY c.position) AS all_wanted
                FROM (
                    SELECT u.position, p.node, u.held + u.confirmed AS units,
                        p.sku LIKE '@orders/%' AS is_order, t.slot_day, t.slot_window
                    FROM reservations r CROSS JOIN unnest(r.positions, r.held, r.confirmed)
                        AS u(position, held, confirmed)
                    JOIN positions p ON p.id = u.position CROSS JOIN capacity_slot(p.sku) t
                    WHERE r.key = p_reservation AND left(p.sku, 1) = '@'
                        AND u.held + u.confirmed > 0
                ) c
                CROSS JOIN LATERAL (
                    SELECT s.id, s.number, CASE WHEN c.is_order THEN 1 ELSE (
                            SELECT sum(l.quantity) FROM shipment_lines l WHERE l.shipment = s.id)
                        END AS wanted,
                        rank() OVER (ORDER BY ((s.slot_day, s.slot_window)
                            = (c.slot_day, c.slot_window)) IS TRUE DESC) AS fits
                    FROM shipments s WHERE s.id = ANY (v_ids) AND s.node = c.node
                ) s
                WHERE s.fits = 1
                WINDOW shares AS (PARTITION BY c.position ORDER BY s.number)
            ) w
        ) d WHERE d.units > 0;
    PERFORM note_shipments(v_ids, 1::int2, p_batch, p_at, NULL, NULL, p_principal, p_request_id,
        p_trace_id, '', p_note);
    RETURN QUERY
        SELECT l.position, 0::int8, 0::int8, l.quantity, 0::int8 FROM shipment_lines l
            WHERE l.shipment = ANY (v_ids)
        UNION ALL
        SELECT c.position, 0::int8, 0::int8, c.units, 0::int8 FROM shipment_capacity c
            WHERE c.shipment = ANY (v_ids);
END $$;

-- What the capacity of shipments becomes when p_units of each have shipped, or have gone: the changes
-- of its positions. Called after their lines were written: with the last unit all of it ends, and the
-- one for the order is used up if anything has shipped.
CREATE FUNCTION end_capacity(p_shipments uuid[], p_units int8[], p_is_shipped bool)
RETURNS SETOF stock_change LANGUAGE sql AS $$
    WITH ended AS (
        SELECT c.shipment, c.position, CASE
                WHEN l.allocated = 0 THEN c.units
                WHEN c.is_order THEN 0
                ELSE least(c.units, u.units) END AS units,
            CASE WHEN c.is_order THEN CASE WHEN l.shipped > 0 THEN c.units ELSE 0 END
                WHEN p_is_shipped THEN least(c.units, u.units) ELSE 0 END AS used
        FROM unnest(p_shipments, p_units) AS u(shipment, units)
        JOIN shipment_capacity c ON c.shipment = u.shipment
        CROSS JOIN LATERAL (
            SELECT sum(l.allocated) AS allocated, sum(l.shipped) AS shipped
            FROM shipment_lines l WHERE l.shipment = u.shipment
        ) l
        WHERE c.units > 0
    ), written AS (
        UPDATE shipment_capacity c SET units = c.units - e.units
            FROM ended e WHERE c.shipment = e.shipment AND c.position = e.position
    )
    SELECT e.position, (-least(e.used, e.units))::int8, 0::int8, (-e.units)::int8, 0::int8
    FROM ended e WHERE e.units > 0
$$;

-- The state of a shipment whose units have become fewer; p_ended is the one that it has when none are
-- left to work on.
CREATE FUNCTION state_after(p_shipment uuid, p_status int2, p_ended int2) RETURNS int2
LANGUAGE sql STABLE AS $$
    SELECT (CASE
        WHEN sum(l.open) > 0 OR p_status IN (5, 8, 9, 11) THEN p_status
        WHEN sum(l.shipped) > 0 THEN 8
        WHEN p_status = 10 AND p_ended = 11 AND sum(l.missing) > 0 THEN 10
        ELSE p_ended END)::int2
    FROM shipment_lines l WHERE l.shipment = p_shipment
$$;

-- Places an order from a reservation: what it holds becomes allocated, and it is CONFIRMED.
--
-- As V0005_orders.sql states it, but that the capacity of a reservation is its own business: it is not
-- among the lines, becomes allocated with the goods, and belongs to the shipments that are made.
-- p_reacquire: when its time was over, take the units again: those it still holds on the books as
-- they are, those given back already if they are still free. Used for a reservation that the same
-- call made, between two attempts.
CREATE OR REPLACE FUNCTION place_order(
    p_key uuid, p_fingerprint uuid, p_reservation uuid, p_reacquire bool,
    p_channel text, p_external_id text, p_customer text, p_currency text, p_placed_at timestamptz,
    p_skus text[], p_nodes text[], p_quantities int8[], p_prices int8[],
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT sequence int4, OUT line int4, OUT sku text,
    OUT node text, OUT requested int8, OUT available int8, OUT what text, OUT state text,
    OUT other uuid, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_total numeric;
    v_expired bool;
    v_given_back bool;
    v_take int8[];
    v_lines record;
    v_known orders;
    r reservations;
    d record;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT * INTO v_known FROM orders o WHERE o.key = p_key;
    IF FOUND THEN
        outcome := CASE WHEN v_known.fingerprint = p_fingerprint THEN 2 ELSE 3 END;
        sequence := 1;
    ELSE
        SELECT o.key INTO other FROM orders o
            WHERE o.channel = p_channel COLLATE "C" AND o.external_id = p_external_id COLLATE "C";
        IF FOUND THEN
            outcome := 9;
        END IF;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;

    what := 'reservation';
    SELECT * INTO r FROM reservations WHERE key = p_reservation;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    PERFORM 1 FROM positions WHERE id = ANY (r.positions) ORDER BY id FOR NO KEY UPDATE;
    SELECT * INTO r FROM reservations WHERE key = p_reservation FOR NO KEY UPDATE;

    v_now := clock_timestamp();
    v_given_back := r.state = 5;
    v_expired := v_given_back OR (r.state IN (1, 2) AND r.expires_at <= v_now);
    IF r.order_key IS NOT NULL OR r.state NOT IN (1, 2, 3, 5) THEN
        outcome := 8;
        state := CASE WHEN r.order_key IS NOT NULL THEN 'ORDERED'
            WHEN r.state = 4 THEN 'RELEASED' ELSE 'TRANSFERRED' END;
        RETURN;
    END IF;
    IF v_expired AND NOT p_reacquire THEN
        outcome := 13;
        RETURN;
    END IF;

    -- What becomes allocated now; what the lines must sum up to is that and what is already.
    v_take := CASE WHEN v_given_back THEN r.quantities ELSE r.held END;
    FOR d IN
        SELECT coalesce(a.line, -1) AS line, coalesce(a.sku, p.sku) AS sku,
            coalesce(a.node, p.node) AS node, coalesce(a.units,
                CASE WHEN left(p.sku, 1) = '@' THEN h.take + h.confirmed END, 0) AS given,
            coalesce(h.take + h.confirmed, 0) AS expected, coalesce(h.take, 0) AS take, p.free,
            coalesce((SELECT c.quantity FROM channel_safety c WHERE c.position = p.id
                AND c.channel = r.channel COLLATE "C"), 0) AS withheld
        FROM (
            SELECT min(n)::int4 - 1 AS line, l.sku, l.node, sum(q)::int8 AS units
            FROM unnest(p_skus, p_nodes, p_quantities) WITH ORDINALITY AS l(sku, node, q, n)
            GROUP BY l.sku, l.node
        ) a
        FULL JOIN (
            SELECT u.position, u.take, u.confirmed, p.sku, p.node
            FROM unnest(r.positions, v_take, r.confirmed) AS u(position, take, confirmed)
            JOIN positions p ON p.id = u.position
            WHERE u.take + u.confirmed > 0
        ) h ON h.sku = a.sku AND h.node = a.node
        LEFT JOIN positions p ON p.id = h.position
        ORDER BY coalesce(a.line, 1000000), 2, 3
    LOOP
        line := d.line;
        sku := d.sku;
        node := d.node;
        IF d.given <> d.expected THEN
            outcome := 10;
            requested := d.given;
            available := d.expected;
            RETURN;
        END IF;
        IF v_given_back AND d.free - d.withheld < d.take THEN
            outcome := 12;
            requested := d.take;
            available := greatest(d.free - d.withheld, 0);
            RETURN;
        END IF;
    END LOOP;
    line := NULL;

    v_batch := nextval('batches');
    -- Whoever has the external id already holds all its locks by then, and does not wait for ours.
    SELECT sum(q::numeric * u) INTO v_total FROM unnest(p_quantities, p_prices) AS t(q, u);
    INSERT INTO orders (key, fingerprint, reservation, channel, external_id, customer, currency,
            total_minor, status, events, created_at, updated_at, placed_at)
        VALUES (p_key, p_fingerprint, p_reservation, p_channel, p_external_id, p_customer,
            p_currency, v_total, 1, 1, v_now, v_now, p_placed_at)
        ON CONFLICT (channel, external_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another transaction placed an order with the external id'
            USING ERRCODE = '40001';
    END IF;
    INSERT INTO order_lines (order_key, number, position, unit_price_minor, ordered, allocated)
        SELECT p_key, l.n, p.id, l.price, l.q, l.q
        FROM unnest(p_skus, p_nodes, p_quantities, p_prices) WITH ORDINALITY
            AS l(sku, node, q, price, n)
        JOIN positions p ON p.sku = l.sku COLLATE "C" AND p.node = l.node COLLATE "C";
    INSERT INTO order_events (order_key, sequence, at, kind, batch, request_key, fingerprint,
            principal, request_id, trace_id, note, numbers, quantities)
        SELECT p_key, 1, v_now, 1, v_batch, p_key, p_fingerprint, p_principal, p_request_id,
            p_trace_id, '', array_agg(n::int4 ORDER BY n), array_agg(q ORDER BY n)
        FROM unnest(p_quantities) WITH ORDINALITY AS l(q, n);

    SELECT coalesce(array_agg(u.position ORDER BY u.position), '{}') AS ids,
        coalesce(array_agg(u.take ORDER BY u.position), '{}') AS units,
        coalesce(array_agg(-u.take ORDER BY u.position), '{}') AS negative
        INTO v_lines FROM unnest(r.positions, v_take) AS u(position, take) WHERE u.take > 0;
    positions := v_lines.ids;
    SELECT w.versions, w.steps INTO versions, steps FROM move_units(
        v_batch, v_now, 5::int2, v_lines.ids, '{}',
        CASE WHEN v_given_back THEN '{}' ELSE v_lines.negative END, v_lines.units,
        '{}', '{}', '{}', '{}', NULL, NULL, p_principal, p_request_id, p_trace_id, '',
        p_key::text) w;

    UPDATE reservations SET
        state = 3, events = r.events + 1, order_key = p_key,
        held = array_fill(0::int8, ARRAY[cardinality(r.positions)]),
        confirmed = (SELECT array_agg(c + t ORDER BY n)
            FROM unnest(r.confirmed, v_take) WITH ORDINALITY AS u(c, t, n))
        WHERE key = p_reservation RETURNING * INTO r;
    INSERT INTO reservation_events (key, sequence, at, kind, batch, state, expires_at, quantities,
            held, confirmed, principal, request_id, trace_id, reason, order_key)
        VALUES (p_reservation, r.events, v_now, CASE WHEN v_expired THEN 7 ELSE 1 END, v_batch,
            r.state, r.expires_at, r.quantities, r.held, r.confirmed,
            p_principal, p_request_id, p_trace_id, '', p_key);
    PERFORM make_shipments(
        p_key, p_reservation, (SELECT array_agg(n::int4 ORDER BY n)
            FROM unnest(p_skus) WITH ORDINALITY AS l(sku, n)),
        p_skus, p_nodes, p_quantities, true, v_batch, v_now,
        p_principal, p_request_id, p_trace_id, '');
    outcome := 1;
    sequence := 1;
END $$;

-- Cancels (p_kind 2) or ships (p_kind 3) units of an order, in whatever state their shipments are.
-- p_numbers and p_quantities: each line at most once; empty: all units that can be, of which there must
-- be some. Cancelled units are free again, but for those that nobody found; units without a place go
-- first, then those that are to have another one, packed ones last. Shipped units leave the stock, packed
-- ones first; those that their node has given up are none to ship.
-- Errors: 40001 when the order got another shipment meanwhile: send it again.
CREATE OR REPLACE FUNCTION change_order(
    p_key uuid, p_fingerprint uuid, p_order uuid, p_kind int2,
    p_numbers int4[], p_quantities int8[], p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT sequence int4, OUT line int4, OUT sku text,
    OUT node text, OUT requested int8, OUT available int8, OUT what text, OUT state text,
    OUT other uuid, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_shipments int4;
    v_numbers int4[] := p_numbers;
    v_quantities int8[] := p_quantities;
    v_taken record;
    o orders;
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
    v_shipments := lock_shipped_positions(p_order, NULL);
    SELECT * INTO o FROM orders WHERE key = p_order FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    PERFORM demand_shipments(p_order, v_shipments);
    IF cardinality(p_numbers) = 0 THEN
        SELECT array_agg(l.number ORDER BY l.number), array_agg(l.units ORDER BY l.number)
            INTO v_numbers, v_quantities FROM changeable_lines(p_order, p_kind) l WHERE l.units > 0;
        IF v_numbers IS NULL THEN
            outcome := 8;
            state := CASE o.status WHEN 3 THEN 'SHIPPED' WHEN 4 THEN 'CANCELLED'
                WHEN 5 THEN 'BACKORDERED' ELSE 'waiting for another node' END;
            RETURN;
        END IF;
    END IF;
    FOR d IN
        SELECT u.n, u.units, l.number, l.units AS available, p.sku, p.node
        FROM unnest(v_numbers, v_quantities) WITH ORDINALITY AS u(number, units, n)
        LEFT JOIN changeable_lines(p_order, p_kind) l ON l.number = u.number
        LEFT JOIN positions p ON p.id = l.position ORDER BY u.n
    LOOP
        line := d.n - 1;
        IF d.number IS NULL THEN
            outcome := 11;
            RETURN;
        END IF;
        IF d.units > d.available THEN
            outcome := 5;
            what := 'allocated';
            sku := d.sku;
            node := d.node;
            requested := d.units;
            available := d.available;
            RETURN;
        END IF;
    END LOOP;
    line := NULL;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    SELECT array_agg(t.shipment) AS shipments, array_agg(t.number) AS numbers,
        array_agg(t.position) AS positions, array_agg(t.backordered) AS backordered,
        array_agg(t.leaving) AS leaving, array_agg(t.missing) AS missing,
        array_agg(t.open) AS open, array_agg(t.picked) AS picked
        INTO v_taken FROM taken_units(p_order, p_kind, v_numbers, v_quantities) t;
    UPDATE shipment_lines l SET
        leaving = l.leaving - t.leaving, missing = l.missing - t.missing, open = l.open - t.open,
        picked = l.picked - t.picked,
        shipped = l.shipped + CASE p_kind WHEN 3 THEN t.open ELSE 0 END,
        cancelled = l.cancelled + CASE p_kind WHEN 2 THEN t.leaving + t.missing + t.open ELSE 0 END
        FROM unnest(v_taken.shipments, v_taken.numbers, v_taken.leaving, v_taken.missing,
            v_taken.open, v_taken.picked) AS t(shipment, number, leaving, missing, open, picked)
        WHERE l.shipment = t.shipment AND l.number = t.number;
    UPDATE order_lines l SET
        allocated = l.allocated - t.allocated, backordered = l.backordered - t.backordered,
        cancelled = l.cancelled + CASE p_kind WHEN 2 THEN t.allocated + t.backordered ELSE 0 END,
        shipped = l.shipped + CASE p_kind WHEN 3 THEN t.allocated ELSE 0 END
        FROM (
            SELECT u.number, sum(u.leaving + u.missing + u.open)::int8 AS allocated,
                sum(u.backordered)::int8 AS backordered
            FROM unnest(v_taken.numbers, v_taken.backordered, v_taken.leaving, v_taken.missing,
                v_taken.open) AS u(number, backordered, leaving, missing, open)
            GROUP BY u.number
        ) t
        WHERE l.order_key = p_order AND l.number = t.number;
    SELECT w.positions, w.versions, w.steps INTO positions, versions, steps FROM write_changes(
        ARRAY(
            SELECT ROW(u.position, CASE p_kind WHEN 3 THEN -u.open ELSE 0 END, 0,
                -(u.leaving + u.missing + u.open), u.missing)::stock_change
            FROM unnest(v_taken.positions, v_taken.leaving, v_taken.missing, v_taken.open)
                AS u(position, leaving, missing, open) WHERE u.position IS NOT NULL
        ) || ARRAY(
            SELECT c FROM (
                SELECT array_agg(g.shipment) AS shipments, array_agg(g.units) AS units FROM (
                    SELECT u.shipment, sum(u.leaving + u.missing + u.open)::int8 AS units
                    FROM unnest(v_taken.shipments, v_taken.leaving, v_taken.missing, v_taken.open)
                        AS u(shipment, leaving, missing, open)
                    WHERE u.shipment IS NOT NULL GROUP BY u.shipment
                ) g
            ) s CROSS JOIN LATERAL end_capacity(s.shipments, s.units, p_kind = 3) c
        ),
        v_batch, v_now, p_principal, p_request_id, p_trace_id, p_note, p_order::text) w;
    UPDATE shipments s SET status = state_after(s.id, s.status,
            CASE p_kind WHEN 3 THEN 8 ELSE 11 END::int2),
        tracking = CASE WHEN p_kind = 3 AND p_note <> '' THEN p_note ELSE s.tracking END
        WHERE s.id = ANY (v_taken.shipments);
    PERFORM note_shipments(v_taken.shipments, CASE p_kind WHEN 3 THEN 6 ELSE 8 END::int2, v_batch,
        v_now, NULL, NULL, p_principal, p_request_id, p_trace_id, '', p_note);
    sequence := note_order(p_order, p_kind, v_batch, v_now, p_key, p_fingerprint, p_principal,
        p_request_id, p_trace_id, p_note, v_numbers, v_quantities);
    PERFORM close_exceptions(p_order, v_batch, v_now, p_principal, p_request_id, p_trace_id);
    outcome := 1;
END $$;

-- Locks the positions of the goods and the capacity of an order's shipments, or of one of them, by id;
-- returns how many shipments the order had before.
CREATE FUNCTION lock_shipped_positions(p_order uuid, p_shipment uuid) RETURNS int4
LANGUAGE plpgsql AS $$
DECLARE
    v_shipments uuid[];
BEGIN
    SELECT coalesce(array_agg(s.id), '{}') INTO v_shipments FROM shipments s
        WHERE s.order_key = p_order AND (p_shipment IS NULL OR s.id = p_shipment);
    PERFORM 1 FROM positions
        WHERE id IN (
            SELECT l.position FROM shipment_lines l WHERE l.shipment = ANY (v_shipments)
            UNION SELECT c.position FROM shipment_capacity c WHERE c.shipment = ANY (v_shipments))
        ORDER BY id FOR NO KEY UPDATE;
    RETURN cardinality(v_shipments);
END $$;

-- The order is locked: whether it still has the shipments whose positions are locked.
CREATE FUNCTION demand_shipments(p_order uuid, p_count int4) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM shipments s WHERE s.order_key = p_order) <> p_count THEN
        RAISE EXCEPTION 'the order got another shipment meanwhile' USING ERRCODE = '40001';
    END IF;
END $$;

-- How many units of each line can be cancelled (p_kind 2) or shipped (3).
CREATE FUNCTION changeable_lines(p_order uuid, p_kind int2)
RETURNS TABLE (number int4, "position" int8, units int8) LANGUAGE sql STABLE AS $$
    SELECT l.number, l.position, CASE p_kind WHEN 2 THEN l.allocated + l.backordered ELSE (
        SELECT coalesce(sum(u.open), 0)::int8
        FROM shipments s JOIN shipment_lines u ON u.shipment = s.id
        WHERE s.order_key = p_order AND u.number = l.number) END
    FROM order_lines l WHERE l.order_key = p_order
$$;

-- Which units of which buckets the units of a cancellation or shipping are. One row for each line of a
-- shipment; shipment null: units without a place.
CREATE FUNCTION taken_units(p_order uuid, p_kind int2, p_numbers int4[], p_quantities int8[])
RETURNS TABLE (
    shipment uuid, number int4, "position" int8, backordered int8, leaving int8, missing int8,
    open int8, picked int8
) LANGUAGE sql STABLE AS $$
    WITH wanted AS (
        SELECT u.number, u.units FROM unnest(p_numbers, p_quantities) AS u(number, units)
    ), sources AS (
        SELECT l.number, NULL::uuid AS shipment, NULL::int8 AS position, 0 AS rank, 0 AS age,
            l.backordered AS units, w.units AS wanted
        FROM wanted w JOIN order_lines l ON l.order_key = p_order AND l.number = w.number
        WHERE p_kind = 2
        UNION ALL
        SELECT l.number, l.shipment, l.position, b.rank, s.number, b.units, w.units
        FROM wanted w
        CROSS JOIN shipments s
        JOIN shipment_lines l ON l.shipment = s.id AND l.number = w.number
        CROSS JOIN LATERAL (VALUES
            (1, l.leaving), (2, l.missing),
            (3, CASE WHEN s.status <> 7 THEN l.open - l.picked ELSE 0 END),
            (4, CASE WHEN s.status <> 7 THEN l.picked ELSE 0 END),
            (5, CASE WHEN s.status = 7 THEN l.open ELSE 0 END)
        ) AS b(rank, units)
        WHERE s.order_key = p_order AND (p_kind = 2 OR b.rank > 2)
    ), taken AS (
        SELECT s.*, greatest(0, least(s.units, s.wanted - (sum(s.units) OVER (
            PARTITION BY s.number
            ORDER BY CASE p_kind WHEN 2 THEN s.rank ELSE -s.rank END, -s.age
            ROWS UNBOUNDED PRECEDING) - s.units)))::int8 AS take
        FROM sources s WHERE s.units > 0
    )
    SELECT t.shipment, t.number, t.position,
        sum(CASE WHEN t.rank = 0 THEN t.take ELSE 0 END)::int8,
        sum(CASE WHEN t.rank = 1 THEN t.take ELSE 0 END)::int8,
        sum(CASE WHEN t.rank = 2 THEN t.take ELSE 0 END)::int8,
        sum(CASE WHEN t.rank > 2 THEN t.take ELSE 0 END)::int8,
        sum(CASE WHEN t.rank > 3 THEN t.take ELSE 0 END)::int8
    FROM taken t WHERE t.take > 0
    GROUP BY t.shipment, t.number, t.position
$$;
