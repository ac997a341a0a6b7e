-- Contract: orders, their lines and their history; placing, cancelling and shipping.
--
-- Every command takes the key's advisory lock, the shard's shared lock, its positions by id, then
-- the reservation, then the order, in this order; answers a known key from what it wrote then;
-- checks every line before it writes any, so that a refusal leaves no trace; and writes one ledger
-- row per position, by move_units.
-- Out: epoch:    the epoch open at the commit.
--      outcome:  1 done, 2 done before, 3 same key with another body, 5 not enough units,
--                7 not found, 8 wrong state, 9 external id taken, 10 lines differ from the
--                reservation, 11 unknown line, 12 sold out, 13 reservation expired.
--      sequence: for 1 and 2 the event that the answer is as of.
--      line:     for 5, 10, 11, 12 the caller's line at fault, from 0; -1 for one that is missing.
--      sku, node, requested, available: for 5, 10 and 12 the figures (10: given, expected).
--      what:     for 5 the units that there are too few of; for 7 and 8 `reservation` or `order`.
--      state:    for 8. other: for 9 the order that has the external id.
--      positions, versions, steps: the ledger rows written; empty when done before.
-- Errors: 40001 when another transaction placed an order with the external id meanwhile.
-- Keeps S1, S3, S4; a reservation makes one order at most.

CREATE TABLE orders (
    key         uuid PRIMARY KEY,
    fingerprint uuid NOT NULL,
    reservation uuid NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    customer    text NOT NULL,
    currency    text NOT NULL,
    total_minor int8 NOT NULL,
    -- The numbers of OrderStatus; always order_status of the lines.
    status      int2 NOT NULL,
    events      int4 NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    placed_at   timestamptz,
    CONSTRAINT one_external_id UNIQUE (channel, external_id),
    CONSTRAINT one_order_per_reservation UNIQUE (reservation)
) WITH (fillfactor = 85);
CREATE INDEX orders_by_time ON orders (created_at, key);
CREATE INDEX orders_by_status ON orders (status, created_at, key);
CREATE INDEX orders_by_channel ON orders (channel, created_at, key);

CREATE TABLE order_lines (
    order_key        uuid NOT NULL REFERENCES orders,
    number           int4 NOT NULL,
    position         int8 NOT NULL REFERENCES positions,
    unit_price_minor int8 NOT NULL CHECK (unit_price_minor >= 0),
    ordered          int8 NOT NULL CHECK (ordered > 0),
    allocated        int8 NOT NULL CHECK (allocated >= 0),
    shipped          int8 NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    cancelled        int8 NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    PRIMARY KEY (order_key, number),
    CONSTRAINT no_unit_lost CHECK (ordered = allocated + shipped + cancelled)
) WITH (fillfactor = 85);

-- What happened to an order, never changed; numbers and quantities are the lines it was about.
-- kinds: 1 placed, 2 cancelled, 3 shipped.
CREATE TABLE order_events (
    order_key   uuid NOT NULL REFERENCES orders,
    sequence    int4 NOT NULL,
    at          timestamptz NOT NULL,
    kind        int2 NOT NULL,
    batch       int8 NOT NULL,
    request_key uuid NOT NULL UNIQUE,
    fingerprint uuid NOT NULL,
    principal   text NOT NULL,
    request_id  text NOT NULL,
    trace_id    text NOT NULL,
    note        text NOT NULL,
    numbers     int4[] NOT NULL,
    quantities  int8[] NOT NULL,
    PRIMARY KEY (order_key, sequence)
);

-- Where an order stands: the rule of OrderStatus.derived.
CREATE FUNCTION order_status(p_ordered int8, p_allocated int8, p_shipped int8, p_cancelled int8)
RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE
        WHEN p_cancelled = p_ordered THEN 4
        WHEN p_shipped = 0 THEN 1
        WHEN p_allocated = 0 THEN 3
        ELSE 2 END)::int2
$$;

-- Places an order from a reservation: what it holds becomes allocated, and it is CONFIRMED.
--
-- The reservation is HELD or PARTIALLY_CONFIRMED and not expired, or CONFIRMED, and has no order.
-- The lines, summed per position, are exactly what it holds and has confirmed.
-- p_reacquire: when its time was over, take the units again: those it still holds on the books as
-- they are, those given back already if they are still free. Used for a reservation that the same
-- call made, between two attempts.
CREATE FUNCTION place_order(
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
            coalesce(a.node, p.node) AS node, coalesce(a.units, 0) AS given,
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
    outcome := 1;
    sequence := 1;
END $$;

-- Cancels (p_kind 2) or ships (p_kind 3) units of an order that are allocated. p_numbers and
-- p_quantities: each line at most once; empty: all units that are allocated, of which there must be
-- some. Cancelled units are free again; shipped ones leave the stock, and free stays as it was.
CREATE FUNCTION change_order(
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
    v_numbers int4[] := p_numbers;
    v_quantities int8[] := p_quantities;
    v_units record;
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
    PERFORM 1 FROM positions
        WHERE id IN (SELECT l.position FROM order_lines l WHERE l.order_key = p_order)
        ORDER BY id FOR NO KEY UPDATE;
    SELECT * INTO o FROM orders WHERE key = p_order FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    IF cardinality(p_numbers) = 0 THEN
        SELECT array_agg(l.number ORDER BY l.number), array_agg(l.allocated ORDER BY l.number)
            INTO v_numbers, v_quantities
            FROM order_lines l WHERE l.order_key = p_order AND l.allocated > 0;
        IF v_numbers IS NULL THEN
            outcome := 8;
            state := CASE o.status WHEN 3 THEN 'SHIPPED' ELSE 'CANCELLED' END;
            RETURN;
        END IF;
    END IF;
    FOR d IN
        SELECT u.n, u.units, l.number, l.allocated, p.sku, p.node
        FROM unnest(v_numbers, v_quantities) WITH ORDINALITY AS u(number, units, n)
        LEFT JOIN order_lines l ON l.order_key = p_order AND l.number = u.number
        LEFT JOIN positions p ON p.id = l.position ORDER BY u.n
    LOOP
        line := d.n - 1;
        IF d.number IS NULL THEN
            outcome := 11;
            RETURN;
        END IF;
        IF d.units > d.allocated THEN
            outcome := 5;
            what := 'allocated';
            sku := d.sku;
            node := d.node;
            requested := d.units;
            available := d.allocated;
            RETURN;
        END IF;
    END LOOP;
    line := NULL;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    SELECT array_agg(s.position ORDER BY s.position) AS ids,
        array_agg(-s.units ORDER BY s.position) AS negative INTO v_units
        FROM (
            SELECT l.position, sum(u.units)::int8 AS units
            FROM unnest(v_numbers, v_quantities) AS u(number, units)
            JOIN order_lines l ON l.order_key = p_order AND l.number = u.number
            GROUP BY l.position
        ) s;
    positions := v_units.ids;
    SELECT w.versions, w.steps INTO versions, steps FROM move_units(
        v_batch, v_now, CASE p_kind WHEN 2 THEN 6 ELSE 7 END::int2, v_units.ids,
        CASE p_kind WHEN 3 THEN v_units.negative ELSE '{}' END, '{}', v_units.negative,
        '{}', '{}', '{}', '{}', NULL, NULL, p_principal, p_request_id, p_trace_id, p_note,
        p_order::text) w;

    UPDATE order_lines l SET
        allocated = l.allocated - u.units,
        cancelled = l.cancelled + CASE p_kind WHEN 2 THEN u.units ELSE 0 END,
        shipped = l.shipped + CASE p_kind WHEN 3 THEN u.units ELSE 0 END
        FROM unnest(v_numbers, v_quantities) AS u(number, units)
        WHERE l.order_key = p_order AND l.number = u.number;
    UPDATE orders SET events = o.events + 1, updated_at = v_now, status = (
            SELECT order_status(sum(l.ordered)::int8, sum(l.allocated)::int8,
                sum(l.shipped)::int8, sum(l.cancelled)::int8)
            FROM order_lines l WHERE l.order_key = p_order)
        WHERE key = p_order;
    INSERT INTO order_events (order_key, sequence, at, kind, batch, request_key, fingerprint,
            principal, request_id, trace_id, note, numbers, quantities)
        VALUES (p_order, o.events + 1, v_now, p_kind, v_batch, p_key, p_fingerprint, p_principal,
            p_request_id, p_trace_id, p_note, v_numbers, v_quantities);
    outcome := 1;
    sequence := o.events + 1;
END $$;
