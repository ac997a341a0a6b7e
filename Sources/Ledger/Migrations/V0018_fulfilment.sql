-- Contract: shipments, what nodes do about them, and what people have to look at.
--
-- An order is handed to nodes as shipments. Where units lie is in their lines: order_lines.allocated
-- is the sum of what its shipment lines have allocated, order_lines.position only the node that the
-- order was placed for. An order's unit is allocated, shipped, cancelled, or backordered: without a
-- place. Of a shipment line's units (quantity)
--     open       are to be worked on, picked of them are in hand;
--     leaving    were given up by the node and stay allocated there until they have another place;
--     missing    were not found by the node, and stay allocated so that nobody is promised them;
--     shipped, cancelled are what they say;
--     moved      have another place, or none: no longer this node's;
--     short      were missing and went to quality control.
-- The capacity that a shipment took (positions whose SKU begins with @) is in shipment_capacity: it is
-- allocated while the units are, consumed when they ship, free again when they go.
-- Whoever changes shipments of an order has the order's row locked; before it, as everywhere, the key,
-- the shard and the positions by id.

ALTER TABLE order_lines
    ADD COLUMN backordered int8 NOT NULL DEFAULT 0 CHECK (backordered >= 0),
    -- How often units of the line were given another place.
    ADD COLUMN reroutes int4 NOT NULL DEFAULT 0,
    DROP CONSTRAINT no_unit_lost,
    ADD CONSTRAINT no_unit_lost
        CHECK (ordered = allocated + shipped + cancelled + backordered);
UPDATE serving_privileges
    SET privileges = 'SELECT, INSERT, UPDATE (allocated, shipped, cancelled, backordered, reroutes)'
    WHERE name = 'order_lines';

-- Where a shipment may go from each state: the table of FulfilmentStatus.successors.
CREATE TABLE fulfilment_transitions (
    was     int2 NOT NULL,
    becomes int2 NOT NULL,
    PRIMARY KEY (was, becomes)
);
-- 1 new, 2 scheduled, 3 on hold, 4 accepted, 5 rejected, 6 in progress, 7 packed, 8 shipped,
-- 9 delivered, 10 incomplete, 11 cancelled.
INSERT INTO fulfilment_transitions VALUES
    (1, 2), (1, 3), (1, 4), (1, 5), (1, 8), (1, 11),
    (2, 3), (2, 4), (2, 5), (2, 8), (2, 11),
    (3, 1), (3, 2), (3, 4), (3, 8), (3, 11),
    (4, 3), (4, 5), (4, 6), (4, 8), (4, 10), (4, 11),
    (6, 5), (6, 7), (6, 8), (6, 10), (6, 11),
    (7, 8), (7, 11),
    (8, 9),
    (10, 5), (10, 7), (10, 8), (10, 11);

CREATE TABLE shipments (
    id          uuid PRIMARY KEY,
    order_key   uuid NOT NULL REFERENCES orders,
    -- Counts from 1 within the order.
    number      int4 NOT NULL,
    node        text COLLATE "C" NOT NULL,
    status      int2 NOT NULL,
    -- The carrier's service, and the node's local day of the slot; empty and null: not routed.
    service     text NOT NULL,
    slot_day    int4,
    slot_window int2,
    -- The day by which it is promised, counted from 1970-01-01.
    promise_day int4,
    due_day     int4 NOT NULL GENERATED ALWAYS AS (coalesce(promise_day, 2147483647)) STORED,
    -- What its units and its capacity were reserved by.
    reservation uuid NOT NULL,
    carrier     text NOT NULL DEFAULT '',
    tracking    text NOT NULL DEFAULT '',
    events      int4 NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT one_number UNIQUE (order_key, number)
) WITH (fillfactor = 85);
CREATE INDEX shipments_work ON shipments (node, due_day, created_at, id)
    WHERE status NOT IN (5, 8, 9, 11);
CREATE INDEX shipments_of_node ON shipments (node, status, due_day, created_at, id);

CREATE TABLE shipment_lines (
    shipment  uuid NOT NULL REFERENCES shipments,
    -- The order's line.
    number    int4 NOT NULL,
    position  int8 NOT NULL REFERENCES positions,
    quantity  int8 NOT NULL CHECK (quantity > 0),
    open      int8 NOT NULL CHECK (open >= 0),
    picked    int8 NOT NULL DEFAULT 0 CHECK (picked >= 0 AND picked <= open),
    leaving   int8 NOT NULL DEFAULT 0 CHECK (leaving >= 0),
    missing   int8 NOT NULL DEFAULT 0 CHECK (missing >= 0),
    shipped   int8 NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    cancelled int8 NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    moved     int8 NOT NULL DEFAULT 0 CHECK (moved >= 0),
    short     int8 NOT NULL DEFAULT 0 CHECK (short >= 0),
    allocated int8 NOT NULL GENERATED ALWAYS AS (open + leaving + missing) STORED,
    PRIMARY KEY (shipment, number),
    CONSTRAINT no_unit_lost
        CHECK (quantity = open + leaving + missing + shipped + cancelled + moved + short)
) WITH (fillfactor = 85);
CREATE INDEX shipment_lines_position ON shipment_lines (position) WHERE allocated > 0;

-- What a shipment has of its node's capacity; units are those still allocated.
CREATE TABLE shipment_capacity (
    shipment uuid NOT NULL REFERENCES shipments,
    position int8 NOT NULL REFERENCES positions,
    -- True: one for the order, false: one for each unit.
    is_order bool NOT NULL,
    units    int8 NOT NULL CHECK (units >= 0),
    PRIMARY KEY (shipment, position)
) WITH (fillfactor = 85);

-- What happened to a shipment, never changed, with the image after it: so an answer can be given again.
-- kinds: 1 created, 2 accepted, 3 rejected, 4 picked, 5 packed, 6 shipped, 7 delivered, 8 units
-- cancelled, 9 withdrawn, 10 units moved to another node, 11 units left without a place.
CREATE TABLE shipment_events (
    shipment    uuid NOT NULL REFERENCES shipments,
    sequence    int4 NOT NULL,
    at          timestamptz NOT NULL,
    kind        int2 NOT NULL,
    batch       int8 NOT NULL,
    request_key uuid,
    fingerprint uuid,
    principal   text NOT NULL,
    request_id  text NOT NULL,
    trace_id    text NOT NULL,
    code        text NOT NULL,
    note        text NOT NULL,
    status      int2 NOT NULL,
    carrier     text NOT NULL,
    tracking    text NOT NULL,
    numbers     int4[] NOT NULL,
    open        int8[] NOT NULL,
    picked      int8[] NOT NULL,
    leaving     int8[] NOT NULL,
    missing     int8[] NOT NULL,
    shipped     int8[] NOT NULL,
    cancelled   int8[] NOT NULL,
    moved       int8[] NOT NULL,
    short       int8[] NOT NULL,
    -- What it had of its capacity, by position.
    capacity    int8[] NOT NULL,
    PRIMARY KEY (shipment, sequence)
);
CREATE UNIQUE INDEX shipment_events_request ON shipment_events (request_key)
    WHERE request_key IS NOT NULL;
CREATE INDEX shipment_events_batch ON shipment_events USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

-- Nodes that an order's SKU never goes to again: they have given it up.
CREATE TABLE route_exclusions (
    order_key uuid NOT NULL REFERENCES orders,
    sku       text COLLATE "C" NOT NULL,
    node      text COLLATE "C" NOT NULL,
    shipment  uuid NOT NULL REFERENCES shipments,
    batch     int8 NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (order_key, sku, node)
);

-- Work for whoever finds units another place: those that leave a shipment, or (shipment null) those of
-- the lines in numbers that have no place. causes: 1 rejected, 2 not found, 3 the node is closed,
-- 4 somebody asked. states: 1 pending, 2 done, 3 given up, 4 nothing was left to do. holds numbers the
-- reservation that is tried: after one that came to nothing it is the next.
CREATE TABLE reroutes (
    id        uuid PRIMARY KEY,
    order_key uuid NOT NULL REFERENCES orders,
    shipment  uuid REFERENCES shipments,
    numbers   int4[] NOT NULL,
    cause     int2 NOT NULL,
    state     int2 NOT NULL DEFAULT 1,
    holds     int4 NOT NULL DEFAULT 1,
    due_at    timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    detail    text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX reroutes_of_shipment ON reroutes (shipment)
    WHERE state = 1 AND shipment IS NOT NULL;
CREATE UNIQUE INDEX reroutes_of_order ON reroutes (order_key) WHERE state = 1 AND shipment IS NULL;
CREATE INDEX reroutes_due ON reroutes (due_at) WHERE state = 1;

-- The queue of each code: the table of ExceptionCode.queue.
CREATE TABLE exception_codes (
    code  text COLLATE "C" PRIMARY KEY,
    queue text COLLATE "C" NOT NULL
);
INSERT INTO exception_codes VALUES
    ('PAYMENT_MISSING', 'payment'), ('PAYMENT_DECLINED', 'payment'), ('AUTH_EXPIRED', 'payment'),
    ('FRAUD_REVIEW', 'fraud'),
    ('ADDRESS_INVALID', 'address'), ('CONTACT_INVALID', 'address'), ('CUSTOMS_MISSING', 'address'),
    ('STOCK_CONFLICT', 'stock'), ('STOCK_SHORT_PICK', 'stock'), ('SUPPLY_LATE', 'stock'),
    ('SKU_UNKNOWN', 'capture'), ('PRICE_MISMATCH', 'capture'), ('DUPLICATE_SUSPECT', 'capture'),
    ('SCHEMA_INVALID', 'capture'),
    ('ROUTE_EXHAUSTED', 'routing'), ('NODE_REJECTED', 'routing'), ('CAPACITY_FULL', 'routing'),
    ('CUTOFF_MISSED', 'routing'), ('PROMISE_AT_RISK', 'routing'),
    ('SHIPMENT_LATE', 'carrier'), ('DELIVERY_FAILED', 'carrier'), ('LOST', 'carrier'),
    ('RETURN_MISMATCH', 'returns'), ('REFUND_FAILED', 'returns'),
    ('STUCK_STATE', 'sre'), ('DEAD_LETTER', 'sre'), ('DRIFT_DETECTED', 'sre');

-- Something that people have to look at: of a subject and a code one at most is open.
CREATE TABLE exceptions (
    id          uuid PRIMARY KEY,
    code        text COLLATE "C" NOT NULL REFERENCES exception_codes,
    queue       text COLLATE "C" NOT NULL,
    -- What it is about, such as `order/ID/2` (a line) or `shipment/ID`.
    subject     text COLLATE "C" NOT NULL,
    order_key   uuid REFERENCES orders,
    line        int4,
    shipment    uuid REFERENCES shipments,
    state       int2 NOT NULL DEFAULT 1,
    detail      text NOT NULL,
    opened_at   timestamptz NOT NULL,
    resolved_at timestamptz,
    events      int4 NOT NULL DEFAULT 1
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX one_open_exception ON exceptions (subject, code) WHERE state = 1;
CREATE INDEX exceptions_open ON exceptions (queue, opened_at, id) WHERE state = 1;
CREATE INDEX exceptions_by_time ON exceptions (opened_at, id);
CREATE INDEX exceptions_by_order ON exceptions (order_key) WHERE order_key IS NOT NULL;

-- Its history, never changed. kinds: 1 opened, 2 seen again, 3 resolved, 4 to be tried again.
CREATE TABLE exception_events (
    id          uuid NOT NULL REFERENCES exceptions,
    sequence    int4 NOT NULL,
    at          timestamptz NOT NULL,
    kind        int2 NOT NULL,
    batch       int8 NOT NULL,
    request_key uuid,
    fingerprint uuid,
    principal   text NOT NULL,
    request_id  text NOT NULL,
    trace_id    text NOT NULL,
    -- What is wrong, or why it is not any more.
    note        text NOT NULL,
    PRIMARY KEY (id, sequence)
);
CREATE UNIQUE INDEX exception_events_request ON exception_events (request_key)
    WHERE request_key IS NOT NULL;
CREATE INDEX exception_events_batch ON exception_events USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

INSERT INTO serving_privileges VALUES
    ('fulfilment_transitions', 'SELECT'),
    ('exception_codes', 'SELECT'),
    ('shipments', 'SELECT, INSERT, UPDATE (status, carrier, tracking, events, updated_at)'),
    ('shipment_lines', 'SELECT, INSERT, UPDATE (open, picked, leaving, missing, shipped, cancelled, '
        'moved, short)'),
    ('shipment_capacity', 'SELECT, INSERT, UPDATE (units)'),
    ('shipment_events', 'SELECT, INSERT'),
    ('route_exclusions', 'SELECT, INSERT'),
    ('reroutes', 'SELECT, INSERT, UPDATE (numbers, cause, state, holds, due_at, closed_at, detail)'),
    ('exceptions', 'SELECT, INSERT, UPDATE (state, detail, resolved_at, events)'),
    ('exception_events', 'SELECT, INSERT');

CREATE FUNCTION forbid_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fulfilment_transitions t
        WHERE t.was = old.status AND t.becomes = new.status) THEN
        RAISE EXCEPTION 'shipment % cannot go from state % to state %', new.id, old.status,
            new.status USING ERRCODE = 'HF002';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER shipments_transition BEFORE UPDATE ON shipments FOR EACH ROW
    WHEN (old.status IS DISTINCT FROM new.status) EXECUTE FUNCTION forbid_transition();

-- Where an order stands: the rule of OrderStatus.derived.
DROP FUNCTION order_status(int8, int8, int8, int8);
CREATE FUNCTION order_status(
    p_ordered int8, p_allocated int8, p_shipped int8, p_cancelled int8, p_backordered int8
) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE
        WHEN p_cancelled = p_ordered THEN 4
        WHEN p_shipped = 0 AND p_backordered > 0 THEN 5
        WHEN p_shipped = 0 THEN 1
        WHEN p_allocated + p_backordered = 0 THEN 3
        ELSE 2 END)::int2
$$;

-- A change of a position's buckets, to be written as part of one batch.
CREATE TYPE stock_change AS (
    position int8, on_hand int8, held int8, allocated int8, quality_control int8
);

-- Writes changes, one ledger row per position: those of a position are summed, none that sums up to
-- nothing. The kind of a row follows from its sum. The positions are locked.
CREATE FUNCTION write_changes(
    p_changes stock_change[], p_batch int8, p_at timestamptz, p_principal text, p_request_id text,
    p_trace_id text, p_reason text, p_reference text,
    OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_rows record;
    v_written record;
BEGIN
    positions := '{}';
    versions := '{}';
    steps := '{}';
    FOR v_rows IN
        SELECT s.kind, array_agg(s.position ORDER BY s.position) AS ids,
            array_agg(s.on_hand ORDER BY s.position) AS on_hand,
            array_agg(s.held ORDER BY s.position) AS held,
            array_agg(s.allocated ORDER BY s.position) AS allocated,
            array_agg(s.quality_control ORDER BY s.position) AS quality_control
        FROM (
            SELECT c.position, c.on_hand, c.held, c.allocated, c.quality_control, (CASE
                WHEN c.on_hand < 0 THEN 7
                WHEN c.allocated > 0 THEN 5
                WHEN c.quality_control > 0 AND c.allocated = -c.quality_control THEN 12
                WHEN c.allocated < 0 THEN 6
                ELSE 3 END)::int2 AS kind
            FROM (
                SELECT u.position, sum(u.on_hand)::int8 AS on_hand, sum(u.held)::int8 AS held,
                    sum(u.allocated)::int8 AS allocated,
                    sum(u.quality_control)::int8 AS quality_control
                FROM unnest(p_changes) AS u GROUP BY u.position
            ) c
            WHERE (c.on_hand, c.held, c.allocated, c.quality_control) <> (0, 0, 0, 0)
        ) s
        GROUP BY s.kind ORDER BY s.kind
    LOOP
        SELECT w.versions, w.steps INTO v_written FROM move_units(
            p_batch, p_at, v_rows.kind, v_rows.ids, v_rows.on_hand, v_rows.held, v_rows.allocated,
            '{}', '{}', v_rows.quality_control, '{}', NULL, NULL,
            p_principal, p_request_id, p_trace_id, p_reason, p_reference) w;
        positions := positions || v_rows.ids;
        versions := versions || v_written.versions;
        steps := steps || v_written.steps;
    END LOOP;
END $$;

-- The name of a shipment's state, as callers read it.
CREATE FUNCTION fulfilment_name(p_status int2) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['NEW', 'SCHEDULED', 'ON_HOLD', 'ACCEPTED', 'REJECTED', 'IN_PROGRESS', 'PACKED',
        'SHIPPED', 'DELIVERED', 'INCOMPLETE', 'CANCELLED'])[p_status]
$$;

-- Notes what happened to shipments, with the image after it.
CREATE FUNCTION note_shipments(
    p_shipments uuid[], p_kind int2, p_batch int8, p_at timestamptz, p_key uuid, p_fingerprint uuid,
    p_principal text, p_request_id text, p_trace_id text, p_code text, p_note text
) RETURNS void LANGUAGE sql AS $$
    WITH counted AS (
        UPDATE shipments s SET events = s.events + 1, updated_at = p_at
            WHERE s.id = ANY (p_shipments)
            RETURNING s.id, s.events, s.status, s.carrier, s.tracking
    )
    INSERT INTO shipment_events (shipment, sequence, at, kind, batch, request_key, fingerprint,
            principal, request_id, trace_id, code, note, status, carrier, tracking, numbers, open,
            picked, leaving, missing, shipped, cancelled, moved, short, capacity)
        SELECT c.id, c.events, p_at, p_kind, p_batch, p_key, p_fingerprint, p_principal,
            p_request_id, p_trace_id, p_code, p_note, c.status, c.carrier, c.tracking, l.numbers,
            l.open, l.picked, l.leaving, l.missing, l.shipped, l.cancelled, l.moved, l.short, ARRAY(
                SELECT t.units FROM shipment_capacity t WHERE t.shipment = c.id ORDER BY t.position)
        FROM counted c CROSS JOIN LATERAL (
            SELECT array_agg(l.number ORDER BY l.number) AS numbers,
                array_agg(l.open ORDER BY l.number) AS open,
                array_agg(l.picked ORDER BY l.number) AS picked,
                array_agg(l.leaving ORDER BY l.number) AS leaving,
                array_agg(l.missing ORDER BY l.number) AS missing,
                array_agg(l.shipped ORDER BY l.number) AS shipped,
                array_agg(l.cancelled ORDER BY l.number) AS cancelled,
                array_agg(l.moved ORDER BY l.number) AS moved,
                array_agg(l.short ORDER BY l.number) AS short
            FROM shipment_lines l WHERE l.shipment = c.id
        ) l
$$;

-- Notes what happened to an order whose lines have changed, and where it stands now; returns the
-- event's number. The order is locked.
CREATE FUNCTION note_order(
    p_order uuid, p_kind int2, p_batch int8, p_at timestamptz, p_key uuid, p_fingerprint uuid,
    p_principal text, p_request_id text, p_trace_id text, p_note text, p_numbers int4[],
    p_quantities int8[]
) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE
    v_events int4;
BEGIN
    UPDATE orders o SET events = o.events + 1, updated_at = p_at, status = (
            SELECT order_status(sum(l.ordered)::int8, sum(l.allocated)::int8, sum(l.shipped)::int8,
                sum(l.cancelled)::int8, sum(l.backordered)::int8)
            FROM order_lines l WHERE l.order_key = p_order)
        WHERE o.key = p_order RETURNING o.events INTO v_events;
    INSERT INTO order_events (order_key, sequence, at, kind, batch, request_key, fingerprint,
            principal, request_id, trace_id, note, numbers, quantities)
        VALUES (p_order, v_events, p_at, p_kind, p_batch, p_key, p_fingerprint, p_principal,
            p_request_id, p_trace_id, p_note, p_numbers, p_quantities);
    RETURN v_events;
END $$;

-- Shipments as they were after each of their events; the columns of an answer, without history.
CREATE VIEW shipment_images AS
SELECT s.id, s.order_key, s.number, s.node::text AS node, e.status, s.service, s.slot_day,
    s.slot_window, s.promise_day, e.carrier, e.tracking, s.reservation, s.created_at,
    e.at AS updated_at, e.numbers, l.skus, l.quantities, e.open, e.picked, e.leaving, e.missing,
    e.shipped, e.cancelled, e.moved, e.short, c.skus AS capacity_skus, e.capacity, e.sequence,
    s.due_day, s.events
FROM shipments s
JOIN shipment_events e ON e.shipment = s.id
CROSS JOIN LATERAL (
    SELECT array_agg(p.sku::text ORDER BY l.number) AS skus,
        array_agg(l.quantity ORDER BY l.number) AS quantities
    FROM shipment_lines l JOIN positions p ON p.id = l.position WHERE l.shipment = s.id
) l
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(p.sku::text ORDER BY c.position), '{}') AS skus
    FROM shipment_capacity c JOIN positions p ON p.id = c.position WHERE c.shipment = s.id
) c;
